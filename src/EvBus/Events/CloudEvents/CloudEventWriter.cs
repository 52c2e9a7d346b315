using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EvBus;

/// <summary>
/// Writes events as CloudEvents 1.0 for publishers: structured JSON, or the attribute headers of the binary mode, where the body travels as it is.
/// </summary>
/// <remarks>
/// What CloudEvents has no attribute for is written as an extension: <c>evbusprofile</c> (the profile), <c>partitionkey</c> (the key),
/// <c>traceparent</c>, <c>tracestate</c> and <c>evbusparents</c> (ids with commas between). An extension of the same name gives way to it where the event has it, and is written
/// where it has not. Names are compared without case. Static and without state: any number of threads may call it at the same time, each with a batch and a target of its own.
/// </remarks>
public static class CloudEventWriter
{
    /// <summary>The media type of what <see cref="WriteJson"/> writes.</summary>
    public const string JsonContentType = "application/cloudevents+json; charset=utf-8";

    // Base64 of more would pass what a JSON writer takes for one value.
    private const int MaxBodyLength = 120_000_000;

    private static readonly ArrayBufferWriter<byte> s_nowhere = new();

    [ThreadStatic]
    private static Utf8JsonWriter? s_json;

    /// <summary>
    /// Adds the event as one line of valid JSON, without a line break at its end. Whether the body becomes <c>data</c> or <c>data_base64</c> is decided by its content type:
    /// a JSON type (<c>*/json</c>, <c>*/*+json</c>) or none becomes a JSON value if the body is valid JSON of at most 62 levels; <c>text/*</c> and XML types become a text if
    /// the body is valid UTF-8; all else, and any charset but UTF-8 and US-ASCII, becomes base64. An empty body has neither, save that of a text.
    /// </summary>
    /// <param name="evt">The event; borrowed, nothing of it is kept.</param>
    /// <param name="target">Where the line goes. Nothing is written to it when this throws.</param>
    /// <exception cref="RejectEventException">
    /// An extension has the name of a CloudEvents attribute, or of another extension, in whatever case, or none; or the body has more than 120,000,000 bytes.
    /// </exception>
    public static void WriteJson(EventView evt, IBufferWriter<byte> target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var attributes = evt.Attributes;
        var body = evt.Body.Span;
        CheckExtensions(attributes);
        if (body.Length > MaxBodyLength)
            throw new RejectEventException($"its body of {body.Length} bytes is too large for one JSON value; the most is {MaxBodyLength}. Put a reference to the data on the bus instead.");
        var json = s_json ??= new Utf8JsonWriter(target, new JsonWriterOptions { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.Reset(target);
        try
        {
            json.WriteStartObject();
            WriteAttributes(attributes, new JsonMembers(json));
            CloudEventData.Write(json, body, attributes.ContentType);
            json.WriteEndObject();
            json.Flush();
        }
        finally
        {
            // The writer outlives the call; the target must not.
            json.Reset(s_nowhere);
        }
    }

    /// <summary>
    /// The attribute headers of the binary mode, in a steady order. The content type is not among them: there it is the content type of the message itself.
    /// Values are texts as they are; a protocol that wants them percent-encoded (HTTP) must do that.
    /// </summary>
    /// <param name="evt">The event; borrowed, nothing of it is kept.</param>
    /// <param name="prefix">What stands before each name: <c>ce_</c> for Kafka, <c>cloudEvents:</c> for AMQP, <c>ce-</c> for HTTP. May be empty.</param>
    /// <returns>Names and values; at least <c>specversion</c>, <c>id</c>, <c>source</c>, <c>type</c> and <c>time</c>. No name occurs twice, also not in another case.</returns>
    /// <exception cref="RejectEventException">An extension has the name of a CloudEvents attribute, or of another extension, in whatever case, or none.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> GetHeaders(EventView evt, string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var attributes = evt.Attributes;
        CheckExtensions(attributes);
        var headers = new List<KeyValuePair<string, string>>(12);
        WriteAttributes(attributes with { ContentType = null }, new Headers(headers, prefix));
        return headers;
    }

    private static void WriteAttributes<T>(in EventAttributes a, T target) where T : struct, IMembers
    {
        target.Add("specversion", "1.0");
        target.Add("id", a.Id);
        target.Add("source", a.Source);
        target.Add("type", a.Type);
        target.Add("subject", a.Subject);
        // RFC 3339 in UTC; the fraction only as far as there is one.
        target.Add("time", a.Time!.Value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture));
        target.Add("datacontenttype", a.ContentType);
        target.Add("dataschema", a.DataSchema);
        target.Add("evbusprofile", a.Profile);
        target.Add("partitionkey", a.Key);
        target.Add("traceparent", a.TraceParent);
        target.Add("tracestate", a.TraceState);
        if (a.Parents is { Count: > 0 } parents)
            target.Add("evbusparents", string.Join(',', parents));
        if (a.Extensions is not { Count: > 0 } extensions)
            return;
        foreach (var (name, value) in extensions)
        {
            if (!IsWrittenAlready(name, a))
                target.Add(name, value);
        }
    }

    private static bool IsWrittenAlready(string name, in EventAttributes a) =>
        (a.Profile is not null && Is(name, "evbusprofile")) || (a.Key is not null && Is(name, "partitionkey")) || (a.TraceParent is not null && Is(name, "traceparent"))
        || (a.TraceState is not null && Is(name, "tracestate")) || (a.Parents is { Count: > 0 } && Is(name, "evbusparents"));

    // Names of headers have no case: ce-Id beside ce-id is a second id for whoever reads them.
    private static void CheckExtensions(in EventAttributes a)
    {
        if (a.Extensions is not { Count: > 0 } extensions)
            return;
        var isMixed = false;
        foreach (var name in extensions.Keys)
        {
            if (name.Length == 0)
                throw new RejectEventException("it has an extension without a name. Give the extension a name.");
            if (ExtensionNames.IsAttribute(name))
                throw new RejectEventException($"its extension '{name}' has the name of a CloudEvents attribute. Give the extension another name, or set the attribute itself.");
            isMixed |= name.AsSpan().ContainsAnyInRange('A', 'Z');
        }
        if (isMixed && extensions.Count > 1 && Twice(extensions.Keys) is { } twice)
            throw new RejectEventException($"its extension '{twice}' is there twice, in capitals and in small letters. Give one of them another name.");
    }

    private static string? Twice(IEnumerable<string> names)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in names)
        {
            if (!seen.Add(name))
                return name;
        }
        return null;
    }

    private static bool Is(string name, string other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);

    private interface IMembers
    {
        void Add(string name, string? value);
    }

    private readonly struct JsonMembers(Utf8JsonWriter json) : IMembers
    {
        public void Add(string name, string? value)
        {
            if (value is not null)
                json.WriteString(name, value);
        }
    }

    private readonly struct Headers(List<KeyValuePair<string, string>> headers, string prefix) : IMembers
    {
        public void Add(string name, string? value)
        {
            if (value is not null)
                headers.Add(new(prefix + name, value));
        }
    }
}
