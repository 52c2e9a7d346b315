using System.Text.Json.Serialization;

namespace EvBus.Ingress.RabbitMq;

/// <summary>What a message is.</summary>
public enum RabbitMqFormat
{
    /// <summary>The body's bytes as they are; everything else about the event stands in properties and headers.</summary>
    Body,

    /// <summary>The body's bytes as they are, and the CloudEvents attributes in headers <c>cloudEvents:…</c>.</summary>
    CloudEventsBinary,

    /// <summary>The event as one CloudEvent in JSON.</summary>
    CloudEventsStructured,
}

/// <summary>What is done about exchanges and queues at each connect.</summary>
public enum RabbitMqDeclare
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>They must be there; connecting fails otherwise.</summary>
    Passive,

    /// <summary>They are made where they are missing; connecting fails where they are there with other properties.</summary>
    Active,
}

/// <summary>What the text of a header becomes.</summary>
public enum RabbitMqHeaderType
{
    /// <summary>It stays a text.</summary>
    Text,

    /// <summary>A whole number of 64 bits.</summary>
    Integer,

    /// <summary>A number with a fraction, of 64 bits.</summary>
    Double,

    /// <summary>True or false.</summary>
    Boolean,
}

/// <summary>A queue behind the exchange.</summary>
/// <param name="Queue">Its name.</param>
/// <param name="RoutingKey">What it is bound with.</param>
public readonly record struct RabbitMqBinding(string Queue, string RoutingKey)
{
    private static readonly Dictionary<string, object?> s_none = [];

    private readonly IReadOnlyDictionary<string, object?>? _arguments;

    /// <summary>Arguments of the binding, such as what an exchange of type <c>headers</c> compares. Default: none.</summary>
    public IReadOnlyDictionary<string, object?> Arguments
    {
        get => _arguments ?? s_none;
        init => _arguments = value;
    }
}

/// <summary>The keys of a profile of RabbitMQ. Immutable; prints as <c>***</c>.</summary>
public sealed record RabbitMqOptions
{
    /// <summary>How to connect: the keys under <c>connection:</c>, or the same keys at the top.</summary>
    public required RabbitMqConnectionOptions Connection { get; init; }

    /// <summary><c>ingress_channels</c>: routing keys (queue names, with the default exchange), each with a lane of its own. Default: none.</summary>
    public IReadOnlyList<string> Channels { get; init; } = [];

    /// <summary><c>exchange</c>: empty or <c>default</c> is the default exchange, which routes to the queue named by the routing key. Default: that.</summary>
    public string Exchange { get; init; } = "";

    /// <summary><c>routing_key</c>: an <see cref="EventTemplate"/>, used where there are no channels. Required with the default exchange; default with another: empty.</summary>
    public string RoutingKey { get; init; } = "";

    /// <summary><c>declare</c>: <c>none</c> (default), <c>passive</c> or <c>active</c>.</summary>
    public RabbitMqDeclare Declare { get; init; }

    /// <summary><c>exchange_type</c> for <c>declare: active</c>: <c>direct</c>, <c>topic</c> (default), <c>fanout</c>, <c>headers</c>, or what a plugin of the broker adds.</summary>
    public string ExchangeType { get; init; } = "topic";

    /// <summary><c>durable</c>: whether what is declared survives a restart of the broker. Default: yes. Quorum queues always do.</summary>
    public bool IsDurable { get; init; } = true;

    /// <summary><c>queue_type</c> of what is declared: <c>classic</c> or <c>quorum</c>. Default: the broker's.</summary>
    public string? QueueType { get; init; }

    /// <summary><c>exchange_arguments</c> of what is declared, such as <c>alternate-exchange</c>: texts, numbers, truth values. Default: none.</summary>
    public IReadOnlyDictionary<string, object?> ExchangeArguments { get; init; } = new Dictionary<string, object?>();

    /// <summary><c>queue_arguments</c> of each queue that is declared, such as <c>x-max-length</c>: texts, numbers, truth values. Default: none.</summary>
    public IReadOnlyDictionary<string, object?> QueueArguments { get; init; } = new Dictionary<string, object?>();

    /// <summary><c>bindings</c>: queues behind the exchange, <c>queue: routing key</c>, <c>queue: [keys]</c> or <c>queue: {routing_key: …, arguments: {…}}</c>. Default: none.</summary>
    public IReadOnlyList<RabbitMqBinding> Bindings { get; init; } = [];

    /// <summary><c>mandatory</c>: whether an event that reaches no queue is rejected. Default: yes; without, it vanishes and counts as delivered.</summary>
    public bool IsMandatory { get; init; } = true;

    /// <summary><c>persistent</c>: whether durable queues keep messages on disk. Default: yes.</summary>
    public bool IsPersistent { get; init; } = true;

    /// <summary><c>headers</c> that are texts: added to every message; each an <see cref="EventTemplate"/>, and left out where it gives nothing. Default: none.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary><c>headers</c> that are numbers, truth values or bytes in the profile, and stay such: <see cref="long"/>, <see cref="double"/>, <see cref="bool"/>, arrays of bytes. Default: none.</summary>
    public IReadOnlyDictionary<string, object> HeaderValues { get; init; } = new Dictionary<string, object>();

    /// <summary><c>header_types</c>: what the text of one of <see cref="Headers"/> becomes: <c>text</c>, <c>int</c>, <c>double</c> or <c>bool</c>. An event whose text is none is rejected. Default: text.</summary>
    public IReadOnlyDictionary<string, RabbitMqHeaderType> HeaderTypes { get; init; } = new Dictionary<string, RabbitMqHeaderType>();

    /// <summary><c>priority</c>: 0 to 255. Default: none.</summary>
    public byte? Priority { get; init; }

    /// <summary><c>expiration</c>: how long a message may lie in a queue; seconds, or with ms, s, m, h, d. Default: for ever.</summary>
    public TimeSpan? Expiration { get; init; }

    /// <summary><c>format</c>: <c>body</c> (default), <c>cloudevents-binary</c> or <c>cloudevents-structured</c>.</summary>
    public RabbitMqFormat Format { get; init; }

    /// <summary><c>ordering: strict</c>: each event waits for the confirmation of the one before, which costs most of the speed. Default: no (<c>window</c>).</summary>
    public bool IsStrict { get; init; }

    /// <summary><c>confirm_timeout</c>: how long nothing may get on while something is unconfirmed: no confirmation and, on Linux, no bytes that the other side took. The event that is next has a second more for each 16 KiB. 1 s to 10 minutes; default 10 s.</summary>
    public TimeSpan ConfirmTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Reads a profile, in the old shape or the new one.</summary>
    /// <param name="profile">The profile.</param>
    /// <exception cref="EvBusConfigurationException">It cannot work; all errors at once.</exception>
    public static RabbitMqOptions Read(Profile profile) =>
        RabbitMqOptionsReader.TryRead(profile, out var errors) ?? throw new EvBusConfigurationException(errors);

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";
}

/// <summary>How to connect. Immutable; prints as <c>***</c>.</summary>
public sealed record RabbitMqConnectionOptions
{
    /// <summary>The brokers, in the order they are named; a connect asks them in random order until one answers, the next beside one that is silent for a second. At least one.</summary>
    public required IReadOnlyList<(string Host, int Port)> Hosts { get; init; }

    /// <summary><c>login</c> or <c>username</c>. Can be set, not read: what prints objects finds nothing. Default: guest.</summary>
    [JsonIgnore]
    public string Login { internal get; init; } = "guest";

    /// <summary><c>password</c>. Can be set, not read. Default: guest.</summary>
    [JsonIgnore]
    public string Password { internal get; init; } = "guest";

    /// <summary><c>virtualhost</c>. Default: <c>/</c>.</summary>
    public string VirtualHost { get; init; } = "/";

    /// <summary><c>sasl: external</c>: the broker takes the name from the client certificate, and login and password are not sent. Default: no (<c>plain</c>).</summary>
    public bool IsExternal { get; init; }

    /// <summary><c>ssl</c> and <c>ssl_options</c>, or a URL with <c>amqps:</c>. Null: no TLS.</summary>
    [JsonIgnore]
    public RabbitMqTlsOptions? Tls { get; init; }

    /// <summary><c>client_properties</c>: texts the broker shows beside the connection; <c>connection_name</c> is its name there, default <c>evbus</c> and the lane's id. Default: none.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, string> ClientProperties { get; init; } = new Dictionary<string, string>();

    /// <summary><c>heartbeat</c>: seconds between signs of life; a peer is given up after three to four without. 1 s to 10 minutes; default 3 s.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary><c>timeout</c>: how long connecting, logging in and declaring may take together. 1 s to 10 minutes; default 10 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";
}

/// <summary>The keys under <c>ssl_options</c>. Immutable; prints as <c>***</c>.</summary>
public sealed record RabbitMqTlsOptions
{
    /// <summary><c>cafile</c>: a PEM file with the authorities that are trusted. Default: those of the machine.</summary>
    public string? CaFile { get; init; }

    /// <summary><c>cadata</c>: the same as PEM text.</summary>
    public string? CaData { get; init; }

    /// <summary><c>certfile</c>: the client certificate, PEM (with its chain) or PKCS#12. Default: none is shown.</summary>
    public string? CertFile { get; init; }

    /// <summary><c>keyfile</c>: the key of <see cref="CertFile"/> as PEM. Default: it is in <see cref="CertFile"/>.</summary>
    public string? KeyFile { get; init; }

    /// <summary><c>keyfile_password</c>: opens an encrypted key. Can be set, not read. Default: none.</summary>
    [JsonIgnore]
    public string? KeyPassword { internal get; init; }

    /// <summary><c>server_name</c>: the name the broker's certificate must have. Default: the host.</summary>
    public string? ServerName { get; init; }

    /// <summary><c>verify_host</c>: whether that name is checked. Default: yes.</summary>
    public bool ChecksHost { get; init; } = true;

    /// <summary><c>verify: false</c> or <c>no_verify_ssl: true</c>: any certificate of anybody will do. Default: it is verified.</summary>
    public bool Verifies { get; init; } = true;

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";
}
