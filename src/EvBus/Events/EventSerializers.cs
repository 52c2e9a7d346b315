using System.Buffers;
using System.Text;
using System.Text.Json;

namespace EvBus;

/// <summary>Reads bodies back, by their content type.</summary>
internal static class EventSerializers
{
    private static readonly JsonSerializerOptions s_options = new() { PropertyNameCaseInsensitive = true, MaxDepth = Serializers.ValueWalker.MaxDepth };

    public static T? Read<T>(BusEvent evt)
    {
        var isJson = IsJson(evt.Attributes.ContentType);
        if (typeof(T) == typeof(string))
            return (T)(object)(isJson ? Text(evt) : evt.GetText());
        if (!isJson && typeof(T) == typeof(byte[]))
            return (T)(object)evt.Body.ToArray();
        if (!isJson && typeof(T) == typeof(ReadOnlyMemory<byte>))
            return (T)(object)evt.Body;
        if (!isJson && evt.Attributes.ContentType?.StartsWith("application/msgpack", StringComparison.OrdinalIgnoreCase) == true)
            return FromMessagePack<T>(evt);
        return JsonSerializer.Deserialize<T>(evt.Body.Span, s_options);
    }

    // Through JSON, so that every type System.Text.Json can read can be read.
    private static T? FromMessagePack<T>(BusEvent evt)
    {
        var value = MessagePackCodec.Decode(evt.Body.Span);
        if (value is T already)
            return already;
        var json = new ArrayBufferWriter<byte>();
        EventSerializer.Json.Serialize(value, json);
        return JsonSerializer.Deserialize<T>(json.WrittenSpan, s_options);
    }

    // A text that was put as an object is a JSON string in its body, and comes back as what it was.
    private static string Text(BusEvent evt)
    {
        var body = evt.Body.Span.Trim(" \t\r\n"u8);
        if (body.Length < 2 || body[0] != '"')
            return evt.GetText();
        return JsonSerializer.Deserialize<string>(body, s_options)!;
    }

    private static bool IsJson(string? contentType)
    {
        if (contentType is null)
            return false;
        var type = contentType.AsSpan();
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        return type.EndsWith("/json", StringComparison.OrdinalIgnoreCase) || type.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
    }
}
