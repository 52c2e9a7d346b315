using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

/// <summary>Checks a profile without connecting: its keys, and what librdkafka thinks of the settings that come of them.</summary>
internal static class KafkaProfileCheck
{
    public static IReadOnlyList<string> Validate(Profile profile)
    {
        var options = new KafkaProfileReader(profile).Read(out var errors);
        if (errors.Count > 0)
            return errors;
        try
        {
            _ = NativeClient.Version;
            var settings = options.Client.ToDictionary();
            // Without a broker to ask it connects to nobody.
            settings.Remove("bootstrap.servers");
            using var producer = new ProducerBuilder<Null, Null>(settings).SetLogHandler(static (_, _) => { }).SetErrorHandler(static (_, _) => { }).Build();
            return [];
        }
        catch (EvBusException e)
        {
            return [e.Message];
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or KafkaException)
        {
            return [$"Profile {profile.Provider}/{profile.Name}: librdkafka refuses the settings: {options.Client.Redact(e.Message)}. Correct properties or connection in the acct file."];
        }
    }
}
