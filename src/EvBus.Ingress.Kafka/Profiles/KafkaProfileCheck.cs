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
        if (LockedKey(options.Client) is { } locked)
            return [$"Profile {profile.PathOf("ssl_keyfile")}: {locked}."];
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

    // The client says 'PEM lib' and no more.
    private static string? LockedKey(KafkaClientSettings client)
    {
        if (client.Get("ssl.key.location") is not { } path || client.Get("ssl.key.password") is not null)
            return null;
        try
        {
            return File.ReadLines(path).Take(10).Any(line => line.Contains("ENCRYPTED", StringComparison.Ordinal))
                ? "the private key is encrypted. Set ssl_password to its password"
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The client says that it cannot be read.
            return null;
        }
    }
}
