using System.Globalization;

namespace EvBus.Ingress.Kafka;

/// <summary>Reads a profile into options: all errors at once, each with its place and the remedy, none with a value that may be secret.</summary>
internal sealed class KafkaProfileReader(Profile profile)
{
    private static readonly string[] s_keys =
        ["connection", "topics", "topic", "key", "partition", "tombstones", "record_time", "format", "partitioner", "headers", "ordering", "window", "message_timeout_ms", "flush_timeout_ms", "properties", "lane"];

    private readonly List<string> _errors = [];

    public KafkaIngressOptions Read(out IReadOnlyList<string> errors)
    {
        errors = _errors;
        var client = new KafkaClientSettings();
        new KafkaConnectionReader(_errors, client).Read(profile, s_keys);
        var options = new KafkaIngressOptions
        {
            Topics = Get(() => ReadTopics(profile)) ?? [],
            Key = Template(profile, "key") ?? EventTemplate.Parse("{key}"),
            Partition = IsTemplate("partition") ? null : (int?)Number(profile, "partition", 0, int.MaxValue),
            PartitionTemplate = IsTemplate("partition") ? Template(profile, "partition") : null,
            HasTombstones = Get(() => profile.GetBoolean("tombstones")) ?? false,
            IsStampedWhenSent = Choose("record_time", ("event", false), ("sending", true)),
            Format = Choose("format", ("body", KafkaFormat.Body), ("cloudevents-binary", KafkaFormat.CloudEventsBinary), ("cloudevents-structured", KafkaFormat.CloudEventsStructured)),
            Headers = Get(ReadHeaders) ?? [],
            IsStrict = Choose("ordering", ("window", false), ("strict", true)),
            Window = (int)(Number(profile, "window", 1, 100_000) ?? 16_384),
            MessageTimeout = Milliseconds("message_timeout_ms", 1000, 86_400_000),
            FlushTimeout = Milliseconds("flush_timeout_ms", 0, 60_000) ?? TimeSpan.FromMilliseconds(500),
            Client = client,
        };
        if (Get(() => profile.GetString("partitioner")) is { } partitioner)
            client.Set("partitioner", partitioner);
        if (options.IsStrict)
            client.Default("max.in.flight.requests.per.connection", "1");
        SetDefaults(client);
        return options;
    }

    /// <summary>The templates of the topics, one lane each; throws when a topic cannot be one.</summary>
    public static IReadOnlyList<EventTemplate> ReadTopics(Profile profile)
    {
        var key = profile.Contains("topic") && !profile.Contains("topics") ? "topic" : "topics";
        var texts = profile.GetStrings(key);
        if (texts.Count == 0)
            throw new EvBusConfigurationException($"Profile {profile.PathOf("topics")} is missing. List the topics to publish to; each gets every event of the profile.");
        if (texts.Distinct().Count() < texts.Count)
            throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} names a topic twice. Name each once.");
        return [.. texts.Select(text => Topic(profile, key, text))];
    }

    private static EventTemplate Topic(Profile profile, string key, string text)
    {
        var template = Parse(profile, key, text);
        return template.Constant is not { } name || TopicName.Wrong(name) is not { } wrong
            ? template
            : throw new EvBusConfigurationException($"Profile {profile.PathOf(key)}: '{text}' {wrong}.");
    }

    private static void SetDefaults(KafkaClientSettings client)
    {
        client.Default("client.id", "evbus");
        client.Default("acks", "all");
        client.Default("enable.idempotence", client.Get("acks") is "all" or "-1" ? "true" : "false");
        // As the clients of Java and Python choose partitions, so that a key stays where it always was.
        client.Default("partitioner", "murmur2_random");
        client.Default("log.connection.close", "false");
        // What waits in the client is in the journal as well: no need for its gigabyte.
        client.Default("queue.buffering.max.kbytes", "131072");
    }

    private IReadOnlyList<KeyValuePair<string, EventTemplate>> ReadHeaders()
    {
        if (profile.GetSection("headers") is not { } section)
            return [];
        return [.. section.GetKeys().Select(name => KeyValuePair.Create(name, Parse(section, name, section.GetString(name) ?? "")))];
    }

    private static EventTemplate Parse(Profile section, string key, string text)
    {
        try
        {
            return EventTemplate.Parse(text);
        }
        catch (FormatException e)
        {
            throw new EvBusConfigurationException($"Profile {section.PathOf(key)}: {e.Message}", e);
        }
    }

    private bool IsTemplate(string key) => Get(() => profile.GetString(key))?.Contains('{', StringComparison.Ordinal) == true;

    private EventTemplate? Template(Profile section, string key) => Get(() => section.GetString(key) is { } text ? Parse(section, key, text) : null);

    private TimeSpan? Milliseconds(string key, long least, long most) => Number(profile, key, least, most) is { } ms ? TimeSpan.FromMilliseconds(ms) : null;

    private long? Number(Profile section, string key, long least, long most) => Get<long?>(() => section.GetInt64(key) is { } number
        ? number >= least && number <= most
            ? number
            : throw new EvBusConfigurationException(string.Create(CultureInfo.InvariantCulture, $"Profile {section.PathOf(key)} is {number}, but must be from {least} to {most}."))
        : null);

    private T Choose<T>(string key, params (string Word, T Value)[] choices)
    {
        if (Get(() => profile.GetString(key)) is not { } word)
            return choices[0].Value;
        foreach (var choice in choices)
        {
            if (choice.Word == word)
                return choice.Value;
        }
        _errors.Add($"Profile {profile.PathOf(key)} is '{word}', but must be one of: {string.Join(", ", choices.Select(choice => choice.Word))}.");
        return choices[0].Value;
    }

    private T? Get<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (EvBusConfigurationException e)
        {
            _errors.AddRange(e.Errors);
            return default;
        }
    }
}
