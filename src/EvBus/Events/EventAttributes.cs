namespace EvBus;

/// <summary>
/// Everything an event says about itself beside its body: the CloudEvents attributes, the profile it is addressed to,
/// its key and its trace context. What is not set is left out, not stored as an empty string.
/// </summary>
/// <remarks>
/// Immutable, so one value may be used from any number of threads. Make one, keep it, and hand it to
/// the bus by reference: that path makes no object per event.
/// </remarks>
public readonly record struct EventAttributes
{
    /// <summary>CloudEvents <c>id</c>. Default: none, and the door stamps one from the bus's <see cref="IEventIdGenerator"/>. At most 1,024 bytes in UTF-8. Duplicates are accepted.</summary>
    public string? Id { get; init; }

    /// <summary>CloudEvents <c>source</c>. Default: none, read back as the <c>Source</c> of the bus.</summary>
    public string? Source { get; init; }

    /// <summary>CloudEvents <c>type</c>. Default: none, read back as the <c>Type</c> of the bus.</summary>
    public string? Type { get; init; }

    /// <summary>CloudEvents <c>subject</c>. Default: none.</summary>
    public string? Subject { get; init; }

    /// <summary>CloudEvents <c>time</c>. Default: none, and the door stamps the moment of acceptance (UTC, steps of 100 ns).</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>CloudEvents <c>datacontenttype</c> of the body. Default: none for raw bytes; the serializer's type for objects.</summary>
    public string? ContentType { get; init; }

    /// <summary>CloudEvents <c>dataschema</c>. Default: none.</summary>
    public string? DataSchema { get; init; }

    /// <summary>The profile the event is addressed to. Default: none, which means every lane (or those of the profile <c>default</c>, where the bus says so).</summary>
    public string? Profile { get; init; }

    /// <summary>The key that publishers partition or order by. Default: none.</summary>
    public string? Key { get; init; }

    /// <summary>W3C <c>traceparent</c>. Default: that of <see cref="System.Diagnostics.Activity.Current"/>, if there is one.</summary>
    public string? TraceParent { get; init; }

    /// <summary>W3C <c>tracestate</c>. Default: that of <see cref="System.Diagnostics.Activity.Current"/>, if there is one.</summary>
    public string? TraceState { get; init; }

    /// <summary>Ids of the events this one was derived from. Default: none.</summary>
    public IReadOnlyList<string>? Parents { get; init; }

    /// <summary>CloudEvents extension attributes: names of lower-case letters and digits that are no attribute's own, and text values; the door refuses others with <see cref="RefusalReason.InvalidAttributes"/>. Default: none.</summary>
    public IReadOnlyDictionary<string, string>? Extensions { get; init; }
}
