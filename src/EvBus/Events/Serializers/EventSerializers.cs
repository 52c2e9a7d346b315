using System.Text.Json;

namespace EvBus;

/// <summary>Reads bodies back into objects, by their content type.</summary>
internal static class EventSerializers
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static T? Read<T>(BusEvent evt)
    {
        var type = evt.Attributes.ContentType;
        if (type is not null && type.StartsWith("application/msgpack", StringComparison.OrdinalIgnoreCase))
        {
            var value = MessagePackCodec.Decode(evt.Body.Span);
            if (value is T already)
                return already;
            // Through JSON, so that any type System.Text.Json knows can be read.
            return JsonSerializer.SerializeToElement(value, s_json).Deserialize<T>(s_json);
        }
        if (typeof(T) == typeof(string) && (type is null || !IsJson(type)))
            return (T)(object)evt.GetText();
        return JsonSerializer.Deserialize<T>(evt.Body.Span, s_json);
    }

    private static bool IsJson(string type)
    {
        var end = type.IndexOf(';', StringComparison.Ordinal);
        var media = (end < 0 ? type : type[..end]).Trim();
        return media.EndsWith("/json", StringComparison.OrdinalIgnoreCase) || media.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
    }
}
