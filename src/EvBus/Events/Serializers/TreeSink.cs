using System.Globalization;
using System.Numerics;
using System.Text;

namespace EvBus.Serializers;

/// <summary>
/// Makes a tree of plain values: null, bool, long, ulong, double, string, byte[], lists and <see cref="MessagePackMap"/>.
/// For formats that must know how much comes before they write it.
/// </summary>
internal sealed class TreeSink : ValueSink
{
    private readonly Stack<(object Container, object? Key)> _open = new();
    private object? _key;

    public object? Root { get; private set; }

    public override void Null() => Add(null);

    public override void Boolean(bool value) => Add(value);

    public override void Integer(ReadOnlySpan<byte> digits)
    {
        if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            Add(number);
        else if (ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var large))
            Add(large);
        else
            throw new NotSupportedException($"MessagePack has no integer beyond 64 bits: {Encoding.ASCII.GetString(digits)}. Put it as a text, or choose the serializer 'json'.");
    }

    public override void Float(double value) => Add(value);

    public override void NumberToken(ReadOnlySpan<byte> token)
    {
        if (token.IndexOfAny(".eE"u8) < 0)
            Integer(token);
        else
            Float(double.Parse(token, NumberStyles.Float, CultureInfo.InvariantCulture));
    }

    public override void String(ReadOnlySpan<char> value) => Add(value.ToString());

    public override void Bytes(ReadOnlySpan<byte> value) => Add(value.ToArray());

    public override void BeginMap() => Begin(new MessagePackMap());

    public override void Key(object key)
    {
        // Keys are scalars; what is none of MessagePack's becomes a text, as in JSON.
        _key = key is string or bool or long or ulong or double ? key
            : key is int or uint or short or ushort or byte or sbyte ? Convert.ToInt64(key, CultureInfo.InvariantCulture)
            : key is float single ? (double)single
            : (key as IFormattable)?.ToString(null, CultureInfo.InvariantCulture) ?? key.ToString() ?? "";
    }

    public override void EndMap() => End();

    public override void BeginList() => Begin(new List<object?>());

    public override void EndList() => End();

    private void Begin(object container)
    {
        _open.Push((container, _key));
        _key = null;
    }

    private void End()
    {
        (var container, _key) = _open.Pop();
        Add(container);
    }

    private void Add(object? value)
    {
        if (!_open.TryPeek(out var open))
            Root = value;
        else if (open.Container is List<object?> list)
            list.Add(value);
        else
            ((MessagePackMap)open.Container)[_key!] = value;
    }
}
