using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EvBus.Acct;

/// <summary>Tree ⇄ JSON: the inner encoding that acct can be configured to, and an output of <c>acct decrypt</c>.</summary>
internal static class AcctJson
{
    /// <exception cref="JsonException">It is not JSON.</exception>
    public static object? Read(ReadOnlySpan<byte> utf8)
    {
        if (utf8.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = MessagePackCodec.DefaultMaxDepth });
        try
        {
            reader.Read();
            var value = Value(ref reader);
            return reader.Read() ? throw Wrong(utf8, reader.TokenStartIndex) : value;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair, or bytes that are not UTF-8.
            throw Wrong(utf8, reader.TokenStartIndex);
        }
    }

    public static string Write(object? value)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true, IndentSize = 2, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Value(writer, value);
        return Encoding.UTF8.GetString(output.WrittenSpan) + "\n";
    }

    private static object? Value(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null: return null;
            case JsonTokenType.True: return true;
            case JsonTokenType.False: return false;
            case JsonTokenType.String: return reader.GetString();
            case JsonTokenType.Number:
                if (reader.TryGetInt64(out var number))
                    return number;
                return reader.TryGetUInt64(out var large) ? (object)large : reader.GetDouble();
            case JsonTokenType.StartArray:
                var list = new List<object?>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    list.Add(Value(ref reader));
                return list;
            default:
                var map = new MessagePackMap();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var key = reader.GetString();
                    reader.Read();
                    map[key] = Value(ref reader);
                }
                return map;
        }
    }

    private static JsonException Wrong(ReadOnlySpan<byte> utf8, long place)
    {
        var before = utf8[..(int)place];
        return new JsonException(null, null, before.Count((byte)'\n'), before.Length - 1 - before.LastIndexOf((byte)'\n'));
    }

    private static void Value(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case bool truth: writer.WriteBooleanValue(truth); break;
            case long number: writer.WriteNumberValue(number); break;
            case ulong number: writer.WriteNumberValue(number); break;
            case double number when double.IsFinite(number): writer.WriteNumberValue(number); break;
            case List<object?> list:
                writer.WriteStartArray();
                foreach (var item in list)
                    Value(writer, item);
                writer.WriteEndArray();
                break;
            case MessagePackMap map:
                writer.WriteStartObject();
                foreach (var (key, item) in map)
                {
                    writer.WritePropertyName(AcctShape.Text(key));
                    Value(writer, item);
                }
                writer.WriteEndObject();
                break;
            case MessagePackExtension extension: writer.WriteBase64StringValue(extension.Data.Span); break;
            case byte[] bytes: writer.WriteBase64StringValue(bytes); break;
            default: writer.WriteStringValue(AcctShape.Text(value)); break;
        }
    }
}
