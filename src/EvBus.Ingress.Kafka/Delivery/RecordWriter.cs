using System.Buffers;
using System.Text;
using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

/// <summary>
/// Turns an event into a record. The record and its buffers are the same each time: the client copies them before <c>Produce</c> returns. Not thread-safe.
/// </summary>
internal sealed class RecordWriter(KafkaIngressOptions options)
{
    private const int StampedIdLength = 36;

    private readonly ExactBuffer _value = new();
    private readonly ExactBuffer _key = new();
    private readonly ArrayBufferWriter<byte> _text = new();
    private readonly byte[] _stampedId = new byte[StampedIdLength];
    private Headers? _usual;
    private string? _usualType;

    public Message<byte[], byte[]> Record { get; } = new();

    /// <summary>Fills <see cref="Record"/>. Throws <see cref="RejectEventException"/> when the event cannot be one.</summary>
    public void Fill(in EventView evt)
    {
        Record.Value = options.Format == KafkaFormat.CloudEventsStructured ? Structured(evt)
            : options.HasTombstones && evt.Body.IsEmpty ? null!
            : _value.Of(evt.Body.Span);
        Record.Key = Key(in evt)!;
        // The client takes the first millisecond of 1970 for none.
        Record.Timestamp = options.IsStampedWhenSent ? Timestamp.Default : new Timestamp(Math.Max(1, evt.Time.ToUnixTimeMilliseconds()), TimestampType.CreateTime);
        Record.Headers = HeadersOf(in evt);
    }

    private byte[] Structured(EventView evt)
    {
        _text.ResetWrittenCount();
        CloudEventWriter.WriteJson(evt, _text);
        return _value.Of(_text.WrittenSpan);
    }

    private byte[]? Key(in EventView evt)
    {
        _text.ResetWrittenCount();
        options.Key.Format(in evt, _text);
        return _text.WrittenCount == 0 ? null : _key.Of(_text.WrittenSpan);
    }

    private Headers HeadersOf(in EventView evt)
    {
        var type = options.Format == KafkaFormat.CloudEventsStructured ? CloudEventWriter.JsonContentType : evt.ContentType;
        var trace = options.Format == KafkaFormat.Body ? evt.TraceParent : null;
        // Nearly every event: an id from the door, and the content type of the one before.
        if (options.Format != KafkaFormat.CloudEventsBinary && options.Headers.Count == 0 && trace is null && evt.TryWriteId(_stampedId, out var length) && length == StampedIdLength)
        {
            if (_usual is null || _usualType != type)
                (_usual, _usualType) = (Begin(_stampedId, type), type);
            return _usual;
        }
        var headers = Begin(Encoding.UTF8.GetBytes(evt.Id), type);
        if (trace is not null)
        {
            Add(headers, "traceparent", trace);
            Add(headers, "tracestate", evt.TraceState);
        }
        if (options.Format == KafkaFormat.CloudEventsBinary)
        {
            foreach (var (name, value) in CloudEventWriter.GetHeaders(evt, "ce_"))
                Add(headers, name, value);
        }
        foreach (var (name, template) in options.Headers)
            Add(headers, name, template.Format(in evt));
        return headers;
    }

    private static Headers Begin(byte[] id, string? contentType)
    {
        var headers = new Headers { { KafkaIngressOptions.IdHeader, id } };
        Add(headers, "content-type", contentType);
        return headers;
    }

    private static void Add(Headers headers, string name, string? value)
    {
        if (value is not null)
            headers.Add(name, Encoding.UTF8.GetBytes(value));
    }

    /// <summary>Arrays of exactly the length asked for, which is the only thing the client takes, used again and again.</summary>
    private sealed class ExactBuffer
    {
        private const int KeptLengths = 2048;

        private readonly byte[]?[] _byLength = new byte[KeptLengths][];
        private byte[] _last = [];

        public byte[] Of(ReadOnlySpan<byte> bytes)
        {
            byte[] array;
            if (bytes.Length == _last.Length)
                array = _last;
            else if (bytes.Length < KeptLengths)
                array = _byLength[bytes.Length] ??= new byte[bytes.Length];
            else
                array = new byte[bytes.Length];
            bytes.CopyTo(array);
            return _last = array;
        }
    }
}
