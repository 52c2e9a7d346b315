using System.Buffers;
using System.Text.Json;

namespace EvBus.Ingress.File;

/// <summary>Turns events into lines. Not thread-safe.</summary>
internal sealed class LineWriter(FileFormat format)
{
    private readonly ArrayBufferWriter<byte> _lines = new(1 << 16);
    private Utf8JsonWriter? _json;

    public ReadOnlySpan<byte> Lines => _lines.WrittenSpan;

    public void Clear() => _lines.ResetWrittenCount();

    /// <summary>Adds an event's line; the reason when it cannot be one.</summary>
    public string? Add(EventView evt)
    {
        if (format == FileFormat.CloudEvents)
        {
            AddCloudEvent(evt);
        }
        else
        {
            var body = evt.Body.Span;
            if (body.IndexOfAny((byte)'\n', (byte)'\r') < 0)
                _lines.Write(body);
            else if (IsJson(body))
                AddFolded(body);
            else
                return "its body has line breaks and is no JSON, so it cannot be one line. Use format: cloudevents";
        }
        _lines.Write("\n"u8);
        return null;
    }

    private void AddCloudEvent(EventView evt)
    {
        var a = evt.Attributes;
        var json = _json ??= new Utf8JsonWriter(_lines, new JsonWriterOptions { SkipValidation = true });
        json.Reset(_lines);
        json.WriteStartObject();
        json.WriteString("specversion", "1.0");
        json.WriteString("id", a.Id);
        json.WriteString("source", a.Source);
        json.WriteString("type", a.Type);
        Optional(json, "subject", a.Subject);
        json.WriteString("time", a.Time!.Value.UtcDateTime);
        Optional(json, "datacontenttype", a.ContentType);
        Optional(json, "dataschema", a.DataSchema);
        Optional(json, "evbusprofile", a.Profile);
        Optional(json, "partitionkey", a.Key);
        Optional(json, "traceparent", a.TraceParent);
        Optional(json, "tracestate", a.TraceState);
        if (a.Parents is { Count: > 0 } parents)
            json.WriteString("evbusparents", string.Join(',', parents));
        foreach (var (name, value) in a.Extensions ?? new Dictionary<string, string>())
            json.WriteString(name, value);
        AddData(json, evt.Body.Span, a.ContentType);
        json.WriteEndObject();
        json.Flush();
    }

    private static void AddData(Utf8JsonWriter json, ReadOnlySpan<byte> body, string? contentType)
    {
        var isText = contentType?.StartsWith("text/", StringComparison.OrdinalIgnoreCase) == true;
        if (!isText && body.Length > 0 && IsJson(body))
        {
            json.WritePropertyName("data");
            json.WriteRawValue(body.IndexOfAny((byte)'\n', (byte)'\r') < 0 ? body : Fold(body), skipInputValidation: true);
        }
        else if (isText && System.Text.Unicode.Utf8.IsValid(body))
        {
            json.WriteString("data", body);
        }
        else if (body.Length > 0)
        {
            json.WriteBase64String("data_base64", body);
        }
    }

    private static void Optional(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
            json.WriteString(name, value);
    }

    // In valid JSON a raw line break is white space between tokens: inside a text it would be escaped.
    private void AddFolded(ReadOnlySpan<byte> json)
    {
        var target = _lines.GetSpan(json.Length);
        var length = 0;
        foreach (var each in json)
        {
            if (each is not ((byte)'\n' or (byte)'\r'))
                target[length++] = each;
        }
        _lines.Advance(length);
    }

    private static byte[] Fold(ReadOnlySpan<byte> json) => [.. json.ToArray().Where(each => each is not ((byte)'\n' or (byte)'\r'))];

    private static bool IsJson(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 256 });
        try
        {
            while (reader.Read())
            {
                // Only whether it reads to its end matters.
            }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
