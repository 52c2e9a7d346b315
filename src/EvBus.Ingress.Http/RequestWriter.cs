using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace EvBus.Ingress.Http;

/// <summary>
/// Makes requests of events. A request owns its bytes, for the client may read them after its call was given up; only the buffer of one that was answered well is used again.
/// Thread-safe.
/// </summary>
internal sealed class RequestWriter(HttpIngressOptions options, byte[]? secret, TimeProvider time)
{
    // Of more than this the memory is given back: one large batch is no reason to keep it for ever.
    private const int MostKept = 4 << 20;

    // Beyond this a request that the other side closed the connection on asks first the next time.
    private const int LargeBody = 16 << 10;

    private static readonly SearchValues<char> s_hex = SearchValues.Create("0123456789abcdef-");

    private readonly ConcurrentQueue<RequestBuffer> _free = new();

    /// <summary>
    /// Whether requests with large bodies ask before they send them (Expect: 100-continue): a server that refuses one mostly closes the connection while it is on its way, and its
    /// answer is lost with it.
    /// </summary>
    public bool AsksFirst { get; set; }

    /// <summary>A request with one event.</summary>
    /// <exception cref="RejectEventException">It cannot be one.</exception>
    public HttpRequestMessage One(EventView evt)
    {
        if (options.Format == HttpFormat.CloudEvents)
        {
            var json = new ArrayBufferWriter<byte>(evt.Body.Length + 512);
            CloudEventWriter.WriteJson(evt, json);
            return Make(json.WrittenMemory, CloudEventWriter.JsonContentType, evt);
        }
        var request = Make(evt.Body.ToArray(), evt.ContentType, evt);
        if (options.Format == HttpFormat.Body)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", Encode(evt.Id));
            return request;
        }
        foreach (var (name, value) in CloudEventWriter.GetHeaders(evt, "ce-"))
        {
            if (!request.Headers.TryAddWithoutValidation(name, Encode(value)))
                throw new RejectEventException($"its extension '{name[3..]}' is no name of a header. Use format: cloudevents");
        }
        return request;
    }

    /// <summary>All events of a batch that can be in one request, which <see cref="Request"/> makes of them.</summary>
    public ManyEvents Many(EventBatch batch)
    {
        var isLines = options.Format == HttpFormat.Ndjson;
        var target = _free.TryDequeue(out var free) ? free : new RequestBuffer();
        target.CutBack(0);
        EventVerdict[]? rejected = null;
        for (var i = 0; i < batch.Count; i++)
        {
            var before = target.Length;
            if (!isLines)
                target.Write(before == 0 ? "["u8 : ","u8);
            if (Add(batch[i], target) is not { } reason)
            {
                if (isLines)
                    target.Write("\n"u8);
                continue;
            }
            (rejected ??= new EventVerdict[batch.Count])[i] = new EventVerdict(Verdict.Rejected, reason);
            target.CutBack(before);
        }
        if (!isLines && target.Length > 0)
            target.Write("]"u8);
        return new ManyEvents(target, rejected);
    }

    /// <summary>The request, signed as of now.</summary>
    public HttpRequestMessage Request(ManyEvents many) => Make(many.Body.Written, options.Format switch
    {
        HttpFormat.Ndjson => "application/x-ndjson",
        HttpFormat.CloudEventsBatch => "application/cloudevents-batch+json; charset=utf-8",
        _ => "application/json",
    });

    /// <summary>Their request was read to its end by the other side: the buffer may be filled again.</summary>
    public void Reuse(ManyEvents many)
    {
        if (many.Body.Capacity <= MostKept)
            _free.Enqueue(many.Body);
    }

    private string? Add(EventView evt, RequestBuffer target)
    {
        if (options.Format == HttpFormat.CloudEventsBatch)
        {
            try
            {
                CloudEventWriter.WriteJson(evt, target);
                return null;
            }
            catch (RejectEventException e)
            {
                return e.Message;
            }
        }
        var body = evt.Body.Span;
        if (options.Format == HttpFormat.Ndjson && body.IndexOfAny((byte)'\n', (byte)'\r') < 0)
            target.Write(body);
        else if (!CloudEventData.IsJson(body, maxDepth: 1000))
            return options.Format == HttpFormat.Ndjson
                ? "its body has line breaks and is no JSON, so it cannot be one line. Use format: cloudevents_batch"
                : "its body is no JSON, so it cannot stand in an array. Use format: cloudevents_batch";
        else
            target.Advance(CloudEventData.Fold(body, target.GetSpan(body.Length)));
        return null;
    }

    private HttpRequestMessage Make(ReadOnlyMemory<byte> body, string? contentType, EventView? evt = null)
    {
        var request = new HttpRequestMessage(options.Method, options.Url) { Content = new ReadOnlyMemoryContent(body) };
        if (AsksFirst && body.Length >= LargeBody)
            request.Headers.ExpectContinue = true;
        if (evt?.TraceParent is { } trace && IsTrace(trace))
        {
            request.Headers.TryAddWithoutValidation("traceparent", trace);
            if (evt?.Attributes.TraceState is { Length: > 0 and <= 512 } state && !state.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                request.Headers.TryAddWithoutValidation("tracestate", state);
        }
        if (contentType is not null && !request.Content.Headers.TryAddWithoutValidation("Content-Type", Encode(contentType, keepsSpaces: true)))
            throw new RejectEventException("its content type is no value of a header");
        if (secret is not null)
            request.Headers.TryAddWithoutValidation(options.SignatureHeader, Sign(body.Span));
        return request;
    }

    // As W3C writes it, of any version; what an event calls so and is none goes only where a CloudEvent has a place for it.
    private static bool IsTrace(string text) =>
        text.Length is >= 55 and <= 256 && text[2] == '-' && text[35] == '-' && text[52] == '-' && (text.Length == 55 || text[55] == '-') && !text.AsSpan(0, 55).ContainsAnyExcept(s_hex)
        && !text.AsSpan().ContainsAnyExceptInRange('!', '~');

    private string Sign(ReadOnlySpan<byte> body)
    {
        var stamp = time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret!);
        hmac.AppendData(Encoding.ASCII.GetBytes(stamp));
        hmac.AppendData("."u8);
        hmac.AppendData(body);
        return $"t={stamp},v1={Convert.ToHexStringLower(hmac.GetHashAndReset())}";
    }

    // As the HTTP binding of CloudEvents says: space, quote, percent and all that is no printable ASCII.
    private static string Encode(string value, bool keepsSpaces = false)
    {
        var plain = true;
        foreach (var c in value)
            plain &= c is > ' ' and < '\x7F' and not ('"' or '%') || (keepsSpaces && c is ' ' or '"');
        if (plain)
            return value;
        var text = new StringBuilder(value.Length + 16);
        foreach (var b in Encoding.UTF8.GetBytes(value))
        {
            if (b is > (byte)' ' and < 0x7F and not ((byte)'"' or (byte)'%') || (keepsSpaces && b is (byte)' ' or (byte)'"'))
                text.Append((char)b);
            else
                text.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }
        return text.ToString();
    }
}

/// <summary>The body of a request with many events.</summary>
/// <param name="Body">The bytes.</param>
/// <param name="Rejected">The verdict of each event that cannot be in it, in its place; null when there is none.</param>
internal sealed record ManyEvents(RequestBuffer Body, EventVerdict[]? Rejected)
{
    /// <summary>None can.</summary>
    public bool IsEmpty => Body.Length == 0;
}
