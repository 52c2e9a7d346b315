using System.Buffers;
using System.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EvBus;

/// <summary>Reads bodies back, by their content type.</summary>
internal static class EventSerializers
{
    internal const string NeedsReflection = "An object is taken apart, or made, by reflection. In a trimmed or AOT-compiled program use the overload that takes a JsonTypeInfo<T>, or put bytes.";

    private static readonly JsonSerializerOptions s_options = new() { PropertyNameCaseInsensitive = true, MaxDepth = Serializers.ValueWalker.MaxDepth };

    /// <summary>Where the program was built without reflection, what would come out is an empty object and not an error.</summary>
    public static void CheckReflection(Type type)
    {
        if (!JsonSerializer.IsReflectionEnabledByDefault)
            throw new NotSupportedException($"{type} cannot be turned into JSON or made of it: this program was built without reflection for JSON (JsonSerializerIsReflectionEnabledByDefault, as trimmed and AOT-compiled programs are). Use the overload that takes a JsonTypeInfo<T>, or put bytes.");
    }

    [RequiresUnreferencedCode(EventSerializers.NeedsReflection)]
    [RequiresDynamicCode(EventSerializers.NeedsReflection)]
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
        CheckReflection(typeof(T));
        return JsonSerializer.Deserialize<T>(evt.Body.Span, s_options);
    }

    public static T? Read<T>(BusEvent evt, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(evt.Body.Span, type);

    // Through JSON, so that every type System.Text.Json can read can be read.
    [RequiresUnreferencedCode(EventSerializers.NeedsReflection)]
    [RequiresDynamicCode(EventSerializers.NeedsReflection)]
    private static T? FromMessagePack<T>(BusEvent evt)
    {
        var value = MessagePackCodec.Decode(evt.Body.Span);
        if (value is T already)
            return already;
        var json = new ArrayBufferWriter<byte>();
        CheckReflection(typeof(T));
        EventSerializer.Json.Serialize(value, json);
        return JsonSerializer.Deserialize<T>(json.WrittenSpan, s_options);
    }

    // A text that was put as an object is a JSON string in its body, and comes back as what it was.
    private static string Text(BusEvent evt)
    {
        var body = evt.Body.Span.Trim(" \t\r\n"u8);
        if (body.Length < 2 || body[0] != '"')
            return evt.GetText();
        try
        {
            // Without the serializer, which a program built without reflection has not.
            var reader = new Utf8JsonReader(body);
            return reader.Read() && reader.TokenType == JsonTokenType.String && reader.BytesConsumed == body.Length ? reader.GetString()! : throw new JsonException("The body begins as a JSON string and goes on behind it.");
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("The body is a JSON string that is not UTF-8.", e);
        }
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
