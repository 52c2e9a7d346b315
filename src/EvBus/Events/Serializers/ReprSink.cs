using System.Globalization;
using System.Text;

namespace EvBus.Serializers;

/// <summary>Writes a value as Python's <c>repr</c> does.</summary>
internal sealed class ReprSink(StringBuilder target) : ValueSink
{
    private bool _isFirst = true;
    private bool _isValueOfKey = true;

    public override void Null() => Append("None");

    public override void Boolean(bool value) => Append(value ? "True" : "False");

    public override void Integer(ReadOnlySpan<byte> digits)
    {
        Before();
        // Python's int has no minus zero.
        target.Append(digits.SequenceEqual("-0"u8) ? "0" : Encoding.ASCII.GetString(digits));
    }

    public override void NumberToken(ReadOnlySpan<byte> token)
    {
        if (token.IndexOfAny(".eE"u8) < 0)
            Integer(token);
        else
            Float(double.Parse(token, NumberStyles.Float, CultureInfo.InvariantCulture));
    }

    public override void Float(double value) => Append(PythonText.Float(value));

    public override void String(ReadOnlySpan<char> value)
    {
        Before();
        PythonText.AppendString(target, value);
    }

    public override void Bytes(ReadOnlySpan<byte> value)
    {
        Before();
        PythonText.AppendBytes(target, value);
    }

    public override void BeginMap() => Begin('{');

    public override void EndMap() => End('}');

    public override void BeginList() => Begin('[');

    public override void EndList() => End(']');

    public override void Key(object key)
    {
        ValueWalker.Write(key, key.GetType(), this);
        target.Append(": ");
        _isValueOfKey = true;
    }

    private void Append(string text)
    {
        Before();
        target.Append(text);
    }

    private void Begin(char bracket)
    {
        Before();
        target.Append(bracket);
        _isFirst = true;
    }

    private void End(char bracket)
    {
        _isFirst = false;
        target.Append(bracket);
    }

    private void Before()
    {
        if (_isValueOfKey)
        {
            _isValueOfKey = false;
            return;
        }
        if (!_isFirst)
            target.Append(", ");
        _isFirst = false;
    }
}
