using System.Buffers;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq;

/// <summary>
/// Makes messages of events, one at a time: what <see cref="Write"/> left in the properties is valid until the next call. The client has written
/// everything to its own memory when its publish call returns its task.
/// </summary>
internal sealed class MessageWriter
{
    /// <summary>The header that carries the event's id, the same in every publisher.</summary>
    public const string IdHeader = "evbus-id";

    public const string CloudEventsPrefix = "cloudEvents:";

    /// <summary>What AMQP has for a short text: names, routing keys, properties.</summary>
    public const int MaxShortText = 255;

    /// <summary>What a frame has beside its payload.</summary>
    private const int FrameOverhead = 8;

    /// <summary>What a content header has beside its table of headers, at most: sizes, flags, and the properties set here.</summary>
    private const int LargestProperties = 14 + 4 + (3 * (MaxShortText + 1)) + 2 + 8;

    private readonly RabbitMqOptions _options;
    private readonly EventTemplate _routingKey;
    private readonly CachedString? _constantKey;
    private readonly CachedString _exchange;
    private readonly HeaderValue[] _own;
    private readonly long _mostHeader;
    private long _roughLength;
    private readonly ArrayBufferWriter<byte> _json = new();
    private readonly Dictionary<string, object?> _headers = new(StringComparer.Ordinal);
    private CachedString _lastKey = new("");

    /// <param name="options">The profile.</param>
    /// <param name="destination">The lane's channel; null for none.</param>
    /// <param name="frameMax">What was agreed on with the broker; 0 for no limit.</param>
    public MessageWriter(RabbitMqOptions options, string? destination, uint frameMax)
    {
        _options = options;
        _mostHeader = frameMax == 0 ? long.MaxValue : frameMax - FrameOverhead;
        _exchange = new CachedString(options.Exchange);
        // A channel's name is a name: braces in it are braces.
        _routingKey = EventTemplate.Parse(destination is null ? options.RoutingKey : destination.Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal));
        _constantKey = _routingKey.IsConstant ? new CachedString(destination ?? _routingKey.Format(default)) : null;
        Properties = new BasicProperties { Headers = _headers };
        if (options.IsPersistent)
            Properties.Persistent = true;
        if (options.Priority is { } priority)
            Properties.Priority = priority;
        if (options.Expiration is { } expiration)
            Properties.Expiration = ((long)expiration.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        _own =
        [
            .. options.Headers.Select(header => new HeaderValue(header.Key, header.Value, options.HeaderTypes.GetValueOrDefault(header.Key))),
            .. options.HeaderValues.Select(header => new HeaderValue(header.Key, header.Value)),
        ];
    }

    public BasicProperties Properties { get; }

    /// <summary>Whether every message has the same routing key.</summary>
    public bool HasConstantKey => _constantKey is not null;

    /// <summary>The event's <c>traceparent</c>; null when it has none.</summary>
    public string? TraceParent { get; private set; }

    /// <summary>The event's <c>tracestate</c>; null when it has none.</summary>
    public string? TraceState { get; private set; }

    public CachedString Exchange => _exchange;

    public CachedString RoutingKey { get; private set; } = new("");

    public ReadOnlyMemory<byte> Body { get; private set; }

    /// <summary>The event's id, which a returned message is recognised by.</summary>
    public string Id { get; private set; } = "";

    /// <summary>Makes the message; returns why it cannot be one, null when it can.</summary>
    public string? Write(EventView evt)
    {
        try
        {
            return SetRoutingKey(evt) ?? SetContent(evt) ?? CheckHeader();
        }
        catch (RejectEventException e)
        {
            return e.Message;
        }
    }

    private string? SetRoutingKey(EventView evt)
    {
        if (_constantKey is not null)
        {
            RoutingKey = _constantKey;
            return null;
        }
        var key = _routingKey.Format(evt);
        if (!ReferenceEquals(key, _lastKey.Value))
        {
            var length = Encoding.UTF8.GetByteCount(key);
            if (length > MaxShortText)
                return $"its routing key would have {length} bytes; AMQP takes at most {MaxShortText}";
            _lastKey = new CachedString(key);
        }
        RoutingKey = _lastKey;
        return null;
    }

    private string? SetContent(EventView evt)
    {
        Id = evt.Id;
        Body = evt.Body;
        _roughLength = LargestProperties;
        var contentType = evt.ContentType;
        if (contentType is not null && Encoding.UTF8.GetByteCount(contentType) > MaxShortText)
            return $"its content type has more than the {MaxShortText} bytes that AMQP takes";
        if (_options.Format == RabbitMqFormat.CloudEventsBinary)
        {
            _headers.Clear();
            foreach (var (name, value) in CloudEventWriter.GetHeaders(evt, CloudEventsPrefix))
            {
                // Names of headers are short texts too, but those of attributes are far shorter.
                if (Encoding.UTF8.GetByteCount(name) > MaxShortText)
                    return $"the name of its extension has more than the {MaxShortText} bytes that AMQP takes";
                Set(name, value);
            }
        }
        else if (_options.Format == RabbitMqFormat.CloudEventsStructured)
        {
            _json.ResetWrittenCount();
            CloudEventWriter.WriteJson(evt, _json);
            Body = _json.WrittenMemory;
            contentType = CloudEventWriter.JsonContentType;
        }
        SetOrRemove("traceparent", TraceParent = evt.TraceParent);
        SetOrRemove("tracestate", TraceState = evt.TraceState);
        foreach (var header in _own)
        {
            if (header.Get(in evt) is { } value)
                Set(header.Name, value);
            else
                _headers.Remove(header.Name);
        }
        Set(IdHeader, Id);
        Properties.ContentType = contentType;
        // A longer id travels in the header alone.
        Properties.MessageId = Id.Length <= MaxShortText && Encoding.UTF8.GetByteCount(Id) <= MaxShortText ? Id : null;
        Properties.Timestamp = new AmqpTimestamp(evt.Time.ToUnixTimeSeconds());
        return null;
    }

    private void SetOrRemove(string name, string? value)
    {
        if (string.IsNullOrEmpty(value))
            _headers.Remove(name);
        else
            Set(name, value);
    }

    private void Set(string name, object value)
    {
        _headers[name] = value;
        // No text has more bytes than that, and what is no text is counted only when it may matter.
        _roughLength += 6 + (3L * (name.Length + (value is string text ? text.Length : 20)));
    }

    // The header of a message goes in one frame, and one that is too large for the broker ends the connection for everybody.
    private string? CheckHeader()
    {
        if (_roughLength <= _mostHeader)
            return null;
        long length = LargestProperties;
        foreach (var (name, value) in _headers)
            length += 1 + Encoding.UTF8.GetByteCount(name) + HeaderValue.Length(value);
        return length <= _mostHeader
            ? null
            : $"its headers need {length} bytes, and the broker takes {_mostHeader} (frame_max). Raise it there, take headers out of the profile, or put less into the event's attributes";
    }
}
