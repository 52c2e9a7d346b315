using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EvBus;

/// <summary>Any object as a tree of plain values, by way of JSON: what MessagePack and <c>str</c> write.</summary>
internal static class ValueTree
{
    public static object? From<T>(T value) => value switch
    {
        null => null,
        string or bool or long or ulong or double or byte[] or DateTimeOffset => value,
        int number => (long)number,
        JsonElement element => From(element),
        _ => From(JsonSerializer.SerializeToElement(value, value.GetType(), s_options)),
    };

    private static readonly JsonSerializerOptions s_options = new(PythonJsonSerializer.Options)
    {
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static object? From(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var map = new MessagePackMap();
                foreach (var property in element.EnumerateObject())
                    map[property.Name] = From(property.Value);
                return map;
            case JsonValueKind.Array:
                return element.EnumerateArray().Select(From).ToList();
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.Number:
                var token = element.GetRawText();
                if (token.AsSpan().IndexOfAny('.', 'e', 'E') >= 0)
                    return element.GetDouble();
                return element.TryGetInt64(out var signed) ? (object)signed : element.TryGetUInt64(out var unsigned) ? (object)unsigned : token;
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            default:
                return null;
        }
    }

    /// <summary>As Python's <c>repr()</c> prints it, on one line.</summary>
    public static string Repr(object? value) => value switch
    {
        null => "None",
        bool truth => truth ? "True" : "False",
        string text => PythonText.Repr(text),
        byte[] bytes => PythonText.Repr(bytes),
        double number => PythonNumber.Repr(number),
        MessagePackMap map => $"{{{string.Join(", ", map.Select(pair => $"{Repr(pair.Key)}: {Repr(pair.Value)}"))}}}",
        IEnumerable<object?> list => $"[{string.Join(", ", list.Select(Repr))}]",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}

internal sealed class TextSerializer : EventSerializer
{
    public override string Name => "str";

    public override string ContentType => "text/plain; charset=utf-8";

    public override void Serialize<T>(T value, System.Buffers.IBufferWriter<byte> target) =>
        Encoding.UTF8.GetBytes(value as string ?? ValueTree.Repr(ValueTree.From(value)), target);
}

internal sealed class MessagePackSerializer : EventSerializer
{
    public override string Name => "msgpack";

    public override string ContentType => "application/msgpack";

    public override void Serialize<T>(T value, System.Buffers.IBufferWriter<byte> target) => MessagePackCodec.Encode(ValueTree.From(value), target);
}
