namespace EvBus.Ingress.Kafka;

/// <summary>What a record in the topic is.</summary>
public enum KafkaFormat
{
    /// <summary>The body's bytes as they are; id, content type and trace context are headers.</summary>
    Body,

    /// <summary>The body's bytes as they are; all attributes are headers as CloudEvents' Kafka binding has them (<c>ce_id</c>, …).</summary>
    CloudEventsBinary,

    /// <summary>The event as a CloudEvent in JSON.</summary>
    CloudEventsStructured,
}

/// <summary>
/// The keys of a <c>kafka:</c> profile. What connects (servers, security, credentials) is kept apart, is no property of this record and prints nowhere.
/// </summary>
public sealed record KafkaIngressOptions
{
    /// <summary>The header that carries the event's id: the key to drop duplicates by.</summary>
    public const string IdHeader = "evbus-id";

    /// <summary><c>topics</c>: each is a template and gets a lane of its own. At least one. See <see cref="EventTemplate"/>.</summary>
    public IReadOnlyList<EventTemplate> Topics { get; init; } = [];

    /// <summary><c>key</c>: the record's key, a template. Default: <c>{key}</c>, the event's own key. What gives nothing is a record without a key.</summary>
    public EventTemplate Key { get; init; } = EventTemplate.Parse("{key}");

    /// <summary><c>partition</c>, a number: all records go to this one. Default: the partitioner chooses.</summary>
    public int? Partition { get; init; }

    /// <summary>
    /// <c>partition</c>, a template such as <c>{ext:partition}</c>: each event names its own. An event that gives nothing leaves the choice to the partitioner; one that gives no number from 0 is rejected.
    /// </summary>
    public EventTemplate? PartitionTemplate { get; init; }

    /// <summary><c>tombstones: true</c>: an event with an empty body is a record without a value, which deletes its key from a compacted topic. Default: a value of length 0.</summary>
    public bool HasTombstones { get; init; }

    /// <summary><c>record_time: sending</c>: the client stamps the record when it is handed over. Default (<c>event</c>): the event's own time.</summary>
    public bool IsStampedWhenSent { get; init; }

    /// <summary><c>format</c>: <c>body</c> (default), <c>cloudevents-binary</c> or <c>cloudevents-structured</c>.</summary>
    public KafkaFormat Format { get; init; }

    /// <summary><c>headers</c>: further headers of each record; the values are templates. Default: none.</summary>
    public IReadOnlyList<KeyValuePair<string, EventTemplate>> Headers { get; init; } = [];

    /// <summary><c>ordering: strict</c>: one batch and one request under way at a time. Default: a window, which is faster.</summary>
    public bool IsStrict { get; init; }

    /// <summary><c>window</c>: the most events written and not yet confirmed; so many may arrive twice after an outage. 1 to 100,000; default 16,384.</summary>
    public int Window { get; init; } = 16_384;

    /// <summary>
    /// <c>message_timeout_ms</c>: how long the brokers may confirm nothing while something is under way, before the lane takes back what is unconfirmed. 1 s to 24 h; default: half of the lane's time-out
    /// for a call, 15 s. It doubles, up to 10 minutes, where a line is so slow that not even one small request crosses it in that time.
    /// </summary>
    public TimeSpan? MessageTimeout { get; init; }

    /// <summary><c>flush_timeout_ms</c>: how long closing waits for what is written; the rest stays with the bus. 0 to 60,000; default 500.</summary>
    public TimeSpan FlushTimeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>librdkafka's settings, credentials among them.</summary>
    internal KafkaClientSettings Client { get; init; } = new();

    /// <summary>Reads a profile.</summary>
    /// <exception cref="EvBusConfigurationException">It cannot work; all errors at once.</exception>
    public static KafkaIngressOptions Read(Profile profile) =>
        new KafkaProfileReader(profile).Read(out var errors) is { } options && errors.Count == 0 ? options : throw new EvBusConfigurationException(errors);
}
