using System.Text;

namespace EvBus;

/// <summary>
/// An event inside a borrowed <see cref="EventBatch"/>: a view into the journal's own memory, decoded only as far as it is asked.
/// Valid as long as its batch is; <see cref="ToEvent"/> makes a copy that lasts.
/// </summary>
/// <remarks>A use after the batch has been given back throws <see cref="ObjectDisposedException"/>. Memory taken earlier from <see cref="Body"/> is not protected like that.</remarks>
public readonly struct EventView
{
    private readonly EventBatch _batch;
    private readonly int _index;
    private readonly int _lifetime;

    internal EventView(EventBatch batch, int index)
    {
        _batch = batch;
        _index = index;
        _lifetime = batch.Lifetime;
    }

    /// <summary>The bytes of the body, borrowed.</summary>
    public ReadOnlyMemory<byte> Body
    {
        get
        {
            var record = Record;
            return record[(EventCodec.HeaderLength + EventCodec.ReadAttributesLength(record.Span))..];
        }
    }

    /// <summary>The event's id, the key to drop duplicates by. Makes a string at each call.</summary>
    public string Id
    {
        get
        {
            var record = Record.Span;
            return (EventCodec.ReadFlags(record) & EventCodec.RecordFlags.StampedId) != 0
                ? EventCodec.ReadStampedId(record).ToString()
                : EventCodec.FindText(record, EventCodec.Tag.Id) ?? "";
        }
    }

    /// <summary>Where the event stands in the journal.</summary>
    public Position Position => Batch.PositionAt(_index);

    /// <summary>When the door accepted it.</summary>
    public DateTimeOffset Accepted => EventCodec.ReadAccepted(Record.Span);

    /// <summary>CloudEvents <c>time</c>: as put, else the moment of acceptance.</summary>
    public DateTimeOffset Time => EventCodec.TryFind(Record.Span, EventCodec.Tag.Time, out var value) ? EventCodec.ReadTime(value) : Accepted;

    /// <summary>The profile it is addressed to; null means every lane.</summary>
    public string? Profile => EventCodec.FindText(Record.Span, EventCodec.Tag.Profile);

    /// <summary>The key; null when none was given.</summary>
    public string? Key => EventCodec.FindText(Record.Span, EventCodec.Tag.Key);

    /// <summary>CloudEvents <c>subject</c>; null when none was given.</summary>
    public string? Subject => EventCodec.FindText(Record.Span, EventCodec.Tag.Subject);

    /// <summary>CloudEvents <c>source</c>: as put, else that of the bus.</summary>
    public string Source => EventCodec.FindText(Record.Span, EventCodec.Tag.Source) ?? Batch.DefaultSource;

    /// <summary>CloudEvents <c>type</c>: as put, else that of the bus.</summary>
    public string Type => EventCodec.FindText(Record.Span, EventCodec.Tag.Type) ?? Batch.DefaultType;

    /// <summary>CloudEvents <c>datacontenttype</c>; null when none was given.</summary>
    public string? ContentType
    {
        get
        {
            if (!EventCodec.TryFind(Record.Span, EventCodec.Tag.ContentType, out var value))
                return null;
            // What nearly all have makes no string.
            return value.SequenceEqual("application/json"u8) ? "application/json"
                : value.SequenceEqual("text/plain; charset=utf-8"u8) ? "text/plain; charset=utf-8"
                : Encoding.UTF8.GetString(value);
        }
    }

    /// <summary>W3C <c>traceparent</c>; null when there is none.</summary>
    public string? TraceParent => EventCodec.FindText(Record.Span, EventCodec.Tag.TraceParent);

    /// <summary>W3C <c>tracestate</c>; null when there is none.</summary>
    public string? TraceState => EventCodec.FindText(Record.Span, EventCodec.Tag.TraceState);

    /// <summary>All attributes decoded and owned, with the defaults of the bus filled in.</summary>
    public EventAttributes Attributes
    {
        get
        {
            var attributes = EventCodec.ReadAttributes(Record.Span);
            return attributes with { Source = attributes.Source ?? Batch.DefaultSource, Type = attributes.Type ?? Batch.DefaultType };
        }
    }

    /// <summary>Whether somebody waits for the outcome.</summary>
    internal bool IsAwaited => (EventCodec.ReadFlags(Record.Span) & EventCodec.RecordFlags.Awaited) != 0;

    /// <summary>The whole record, as the journal keeps it.</summary>
    internal ReadOnlyMemory<byte> Record => Batch.RecordAt(_index);

    internal string DefaultSource => Batch.DefaultSource;

    internal string DefaultType => Batch.DefaultType;

    private EventBatch Batch
    {
        get
        {
            ObjectDisposedException.ThrowIf(_batch is null || _batch.Lifetime != _lifetime, typeof(EventBatch));
            return _batch;
        }
    }

    /// <summary>Writes the event's id as UTF-8, without making a string.</summary>
    /// <param name="target">36 bytes hold every id that the door stamped, 1,024 any other.</param>
    /// <param name="length">How many bytes were written; 0 when they do not fit.</param>
    /// <returns>Whether the id fits into <paramref name="target"/>.</returns>
    public bool TryWriteId(Span<byte> target, out int length)
    {
        var record = Record.Span;
        if ((EventCodec.ReadFlags(record) & EventCodec.RecordFlags.StampedId) != 0)
            return EventCodec.ReadStampedId(record).TryFormat(target, out length);
        EventCodec.TryFind(record, EventCodec.Tag.Id, out var id);
        var fits = id.TryCopyTo(target);
        length = fits ? id.Length : 0;
        return fits;
    }

    /// <summary>The body as text (UTF-8; invalid sequences become U+FFFD).</summary>
    public string GetText() => Encoding.UTF8.GetString(Body.Span);

    /// <summary>An owned copy that stays valid for ever.</summary>
    public BusEvent ToEvent() => new(Body.ToArray(), Attributes);
}
