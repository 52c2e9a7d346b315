using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace EvBus.Serializers;

/// <summary>How JSON is laid out.</summary>
/// <param name="Item">Between two items.</param>
/// <param name="Colon">Between key and value.</param>
/// <param name="Ascii">Whether everything beyond ASCII is escaped.</param>
/// <param name="Indent">Spaces for each level; 0 writes one line.</param>
/// <param name="IsLenient">Whether NaN and the infinities are written as Python does.</param>
internal sealed record JsonStyle(string Item, string Colon, bool Ascii, int Indent, bool IsLenient)
{
    public static JsonStyle Python { get; } = new(", ", ": ", true, 0, true);

    public static JsonStyle PythonIndented { get; } = new(",", ": ", true, 4, true);

    public static JsonStyle Compact { get; } = new(",", ":", false, 0, false);
}

/// <summary>Writes JSON the way Python's <c>json.dumps</c> does.</summary>
internal sealed class JsonSink(IBufferWriter<byte> target, JsonStyle style) : ValueSink
{
    private static readonly SearchValues<char> s_plainAscii = SearchValues.Create(Enumerable.Range(' ', '~' - ' ' + 1).Select(i => (char)i).Where(c => c is not '"' and not '\\').ToArray());

    private int _depth;
    private bool _isFirst = true;
    private bool _isValueOfKey = true;

    public override void Null()
    {
        Before();
        Ascii("null");
    }

    public override void Boolean(bool value)
    {
        Before();
        Ascii(value ? "true" : "false");
    }

    public override void Integer(ReadOnlySpan<byte> digits) => NumberToken(digits);

    public override void NumberToken(ReadOnlySpan<byte> token)
    {
        Before();
        target.Write(token);
    }

    public override void Float(double value)
    {
        Before();
        if (!double.IsFinite(value))
        {
            if (!style.IsLenient)
                throw new NotSupportedException("JSON has no NaN and no infinities. Replace the value, or choose the serializer 'json', which writes them as the original does.");
            Ascii(double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
            return;
        }
        Span<char> text = stackalloc char[32];
        Ascii(text[..PythonText.FormatFloat(value, text)]);
    }

    public override void Float(float value)
    {
        if (!float.IsFinite(value))
        {
            Float((double)value);
            return;
        }
        Before();
        Span<char> text = stackalloc char[32];
        Ascii(text[..PythonText.FormatFloat(value, text)]);
    }

    public override void String(ReadOnlySpan<char> value)
    {
        Before();
        Quoted(value);
    }

    public override void Bytes(ReadOnlySpan<byte> value)
    {
        Before();
        Ascii("\"");
        var length = Base64.GetMaxEncodedToUtf8Length(value.Length);
        Base64.EncodeToUtf8(value, target.GetSpan(length), out _, out var written);
        target.Advance(written);
        Ascii("\"");
    }

    public override void BeginMap() => Begin("{");

    public override void EndMap() => End("}");

    public override void BeginList() => Begin("[");

    public override void EndList() => End("]");

    public override void Key(object key)
    {
        Before();
        Quoted(key as string ?? KeyText(key));
        Ascii(style.Colon);
        _isValueOfKey = true;
    }

    /// <summary>What Python makes of a key that is no text.</summary>
    private static string KeyText(object key) => key switch
    {
        bool truth => truth ? "true" : "false",
        double number => PythonText.Float(number),
        float number => PythonText.Float(number),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => key.ToString() ?? "null",
    };

    private void Begin(string bracket)
    {
        Before();
        Ascii(bracket);
        _depth++;
        _isFirst = true;
    }

    private void End(string bracket)
    {
        var wasEmpty = _isFirst;
        _depth--;
        _isFirst = false;
        if (!wasEmpty)
            NewLine();
        Ascii(bracket);
    }

    private void Before()
    {
        if (_isValueOfKey)
        {
            _isValueOfKey = false;
            return;
        }
        if (!_isFirst)
            Ascii(style.Item);
        _isFirst = false;
        NewLine();
    }

    private void NewLine()
    {
        if (style.Indent == 0)
            return;
        var width = 1 + (style.Indent * _depth);
        var span = target.GetSpan(width)[..width];
        span.Fill((byte)' ');
        span[0] = (byte)'\n';
        target.Advance(width);
    }

    private void Quoted(ReadOnlySpan<char> text)
    {
        Ascii("\"");
        while (!text.IsEmpty)
        {
            var plain = text.IndexOfAnyExcept(s_plainAscii);
            if (plain < 0)
                plain = text.Length;
            Ascii(text[..plain]);
            text = text[plain..];
            if (!text.IsEmpty)
                text = text[Special(text)..];
        }
        Ascii("\"");
    }

    private int Special(ReadOnlySpan<char> text)
    {
        var c = text[0];
        if (c is '"' or '\\' or '\n' or '\r' or '\t' or '\f' or '\b')
        {
            Ascii(c switch { '"' => "\\\"", '\\' => "\\\\", '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", '\f' => "\\f", _ => "\\b" });
            return 1;
        }
        if (!style.Ascii && c >= '\x7f' && Rune.DecodeFromUtf16(text, out var rune, out var used) == OperationStatus.Done)
        {
            target.Advance(rune.EncodeToUtf8(target.GetSpan(4)));
            return used;
        }
        var span = target.GetSpan(6);
        span[0] = (byte)'\\';
        span[1] = (byte)'u';
        for (var i = 0; i < 4; i++)
            span[2 + i] = (byte)"0123456789abcdef"[(c >> (12 - (4 * i))) & 15];
        target.Advance(6);
        return 1;
    }

    private void Ascii(ReadOnlySpan<char> text)
    {
        var span = target.GetSpan(text.Length);
        Encoding.ASCII.GetBytes(text, span);
        target.Advance(text.Length);
    }
}
