using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace EvBus;

/// <summary>System.Text.Json reads the object; its tokens are then written again the way Python's <c>json.dumps</c> does.</summary>
internal sealed class PythonJsonSerializer : EventSerializer
{
    /// <summary>Floats keep their point, as Python's do; NaN and the infinities travel as names and are unquoted again.</summary>
    internal static readonly JsonSerializerOptions Options = new()
    {
        Converters = { new FloatConverter(), new SingleConverter() },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? s_tokens;

    public override string Name => "json";

    public override string ContentType => "application/json";

    public override void Serialize<T>(T value, IBufferWriter<byte> target)
    {
        var tokens = s_tokens ??= new ArrayBufferWriter<byte>(1024);
        tokens.ResetWrittenCount();
        using (var writer = new Utf8JsonWriter(tokens, new JsonWriterOptions { Encoder = Options.Encoder, SkipValidation = true }))
            JsonSerializer.Serialize(writer, value, value is null ? typeof(T) : value.GetType(), Options);
        PythonJson.Rewrite(tokens.WrittenSpan, target, ", ", ": ");
        // A large value should not stay with the thread for ever.
        if (tokens.Capacity > 1 << 20)
            s_tokens = null;
    }

    private sealed class FloatConverter : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
            writer.WriteRawValue(PythonNumber.Json(value), skipInputValidation: true);
    }

    private sealed class SingleConverter : JsonConverter<float>
    {
        public override float Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetSingle();

        public override void Write(Utf8JsonWriter writer, float value, JsonSerializerOptions options) =>
            writer.WriteRawValue(PythonNumber.Json(value), skipInputValidation: true);
    }
}

/// <summary>System.Text.Json as it comes.</summary>
internal sealed class CompactJsonSerializer : EventSerializer
{
    private static readonly JsonSerializerOptions s_options = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public override string Name => "json-compact";

    public override string ContentType => "application/json";

    public override void Serialize<T>(T value, IBufferWriter<byte> target)
    {
        using var writer = new Utf8JsonWriter(target, new JsonWriterOptions { Encoder = s_options.Encoder });
        JsonSerializer.Serialize(writer, value, value is null ? typeof(T) : value.GetType(), s_options);
    }
}

/// <summary>JSON text between its two spellings.</summary>
internal static class PythonJson
{
    /// <summary>Writes JSON tokens again: separators as given, text in ASCII. Outside of texts nothing but white space changes.</summary>
    public static void Rewrite(ReadOnlySpan<byte> json, IBufferWriter<byte> target, string comma, string colon)
    {
        var at = 0;
        while (at < json.Length)
        {
            var c = json[at];
            switch (c)
            {
                case (byte)'"':
                    at = Text(json, at, target);
                    continue;
                case (byte)',':
                    Encoding.ASCII.GetBytes(comma, target);
                    break;
                case (byte)':':
                    Encoding.ASCII.GetBytes(colon, target);
                    break;
                case (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t':
                    break;
                default:
                    target.GetSpan(1)[0] = c;
                    target.Advance(1);
                    break;
            }
            at++;
        }
    }

    /// <summary>A text as <c>json.dumps</c> writes it: everything beyond ASCII escaped, in lower-case hexadecimal.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append(@"\\"),
                '\n' => quoted.Append(@"\n"),
                '\r' => quoted.Append(@"\r"),
                '\t' => quoted.Append(@"\t"),
                '\f' => quoted.Append(@"\f"),
                '\b' => quoted.Append(@"\b"),
                >= ' ' and < (char)0x7F => quoted.Append(c),
                (char)0x7F => quoted.Append(c),
                _ => quoted.Append(System.Globalization.CultureInfo.InvariantCulture, $@"\u{(int)c:x4}"),
            };
        }
        return quoted.Append('"').ToString();
    }

    private static int Text(ReadOnlySpan<byte> json, int at, IBufferWriter<byte> target)
    {
        var end = at + 1;
        var plain = true;
        while (json[end] != (byte)'"')
        {
            plain &= json[end] is >= 0x20 and < 0x80 and not (byte)'\\';
            end += json[end] == (byte)'\\' ? 2 : 1;
        }
        var token = json.Slice(at, end + 1 - at);
        if (plain)
        {
            target.Write(token);
        }
        else
        {
            var reader = new Utf8JsonReader(token);
            reader.Read();
            Encoding.ASCII.GetBytes(Quote(reader.GetString()!), target);
        }
        return end + 1;
    }
}
