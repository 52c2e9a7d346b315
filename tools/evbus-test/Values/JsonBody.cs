using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace EvBus.Tools.Tester.Values;

/// <summary>
/// Reads JSON as Python's <c>json.loads</c> does: NaN and the infinities, halves of surrogate pairs, integers of any size, the last of two
/// equal keys in the place of the first. Gives null, bool, long, <see cref="PyInteger"/>, double, string, lists, and maps as lists of pairs.
/// </summary>
internal ref struct JsonBody
{
    private const int MaxDepth = 500;

    private readonly ReadOnlySpan<byte> _text;
    private int _at;

    private JsonBody(ReadOnlySpan<byte> text) => _text = text;

    /// <summary>False when the bytes are not JSON.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out object? value)
    {
        value = null;
        if (!Utf8.IsValid(body))
            return false;
        var reader = new JsonBody(body);
        reader.SkipSpace();
        if (!reader.TryValue(0, out value))
            return false;
        reader.SkipSpace();
        return reader._at == body.Length;
    }

    private bool TryValue(int depth, out object? value)
    {
        value = null;
        if (_at >= _text.Length || depth > MaxDepth)
            return false;
        switch (_text[_at])
        {
            case (byte)'{': return TryMap(depth, out value);
            case (byte)'[': return TryList(depth, out value);
            case (byte)'"':
                var isText = TryString(out var text);
                value = text;
                return isText;
            case (byte)'n': return TryWord("null"u8, null, out value);
            case (byte)'t': return TryWord("true"u8, true, out value);
            case (byte)'f': return TryWord("false"u8, false, out value);
            case (byte)'N': return TryWord("NaN"u8, double.NaN, out value);
            case (byte)'I': return TryWord("Infinity"u8, double.PositiveInfinity, out value);
            case (byte)'-' when _text[_at..].StartsWith("-Infinity"u8): return TryWord("-Infinity"u8, double.NegativeInfinity, out value);
            default: return TryNumber(out value);
        }
    }

    private bool TryWord(ReadOnlySpan<byte> word, object? meaning, out object? value)
    {
        value = meaning;
        if (!_text[_at..].StartsWith(word))
            return false;
        _at += word.Length;
        return true;
    }

    private bool TryMap(int depth, out object? value)
    {
        var map = new List<KeyValuePair<object, object?>>();
        Dictionary<string, int>? places = null;
        value = map;
        _at++;
        SkipSpace();
        if (Take('}'))
            return true;
        while (true)
        {
            SkipSpace();
            if (_at >= _text.Length || _text[_at] != '"' || !TryString(out var key))
                return false;
            SkipSpace();
            if (!Take(':'))
                return false;
            SkipSpace();
            if (!TryValue(depth + 1, out var item))
                return false;
            Set(map, ref places, key, item);
            SkipSpace();
            if (Take('}'))
                return true;
            if (!Take(','))
                return false;
        }
    }

    private static void Set(List<KeyValuePair<object, object?>> map, ref Dictionary<string, int>? places, string key, object? item)
    {
        int place;
        if (places is not null)
        {
            place = places.GetValueOrDefault(key, -1);
        }
        else
        {
            place = map.FindIndex(pair => (string)pair.Key == key);
            if (map.Count == 16)
                places = map.Select((pair, index) => ((string)pair.Key, index)).ToDictionary();
        }
        if (place >= 0)
        {
            map[place] = new(key, item);
            return;
        }
        places?.Add(key, map.Count);
        map.Add(new(key, item));
    }

    private bool TryList(int depth, out object? value)
    {
        var list = new List<object?>();
        value = list;
        _at++;
        SkipSpace();
        if (Take(']'))
            return true;
        while (true)
        {
            SkipSpace();
            if (!TryValue(depth + 1, out var item))
                return false;
            list.Add(item);
            SkipSpace();
            if (Take(']'))
                return true;
            if (!Take(','))
                return false;
        }
    }

    private bool TryString(out string value)
    {
        value = "";
        var rest = _text[++_at..];
        var end = rest.IndexOfAny((byte)'"', (byte)'\\');
        if (end < 0 || rest[..end].IndexOfAnyInRange((byte)0, (byte)31) >= 0)
            return false;
        if (rest[end] == '"')
        {
            value = Encoding.UTF8.GetString(rest[..end]);
            _at += end + 1;
            return true;
        }
        return TryEscaped(out value);
    }

    private bool TryEscaped(out string value)
    {
        var text = new StringBuilder();
        value = "";
        while (_at < _text.Length)
        {
            var rest = _text[_at..];
            var end = rest.IndexOfAny((byte)'"', (byte)'\\');
            if (end < 0 || rest[..end].IndexOfAnyInRange((byte)0, (byte)31) >= 0)
                return false;
            text.Append(Encoding.UTF8.GetString(rest[..end]));
            _at += end + 1;
            if (rest[end] == '"')
            {
                value = text.ToString();
                return true;
            }
            if (_at >= _text.Length)
                return false;
            var escape = _text[_at++];
            if (escape == 'u')
            {
                if (_at + 4 > _text.Length || !Utf8Parser.TryParse(_text.Slice(_at, 4), out ushort unit, out var used, 'x') || used != 4)
                    return false;
                text.Append((char)unit);
                _at += 4;
                continue;
            }
            var index = "\"\\/bfnrt"u8.IndexOf(escape);
            if (index < 0)
                return false;
            text.Append("\"\\/\b\f\n\r\t"[index]);
        }
        return false;
    }

    private bool TryNumber(out object? value)
    {
        value = null;
        var start = _at;
        Take('-');
        if (!Take('0') && !Digits())
            return false;
        var isWhole = true;
        if (_at + 1 < _text.Length && _text[_at] == '.' && char.IsAsciiDigit((char)_text[_at + 1]))
        {
            _at++;
            Digits();
            isWhole = false;
        }
        var exponent = _at;
        if (Take('e') || Take('E'))
        {
            _ = Take('+') || Take('-');
            if (Digits())
                isWhole = false;
            else
                _at = exponent;
        }
        var token = _text[start.._at];
        if (!isWhole)
            value = double.Parse(token, NumberStyles.Float, CultureInfo.InvariantCulture);
        else if (Utf8Parser.TryParse(token, out long number, out var used) && used == token.Length)
            value = number;
        else
            value = new PyInteger(Encoding.ASCII.GetString(token));
        return true;
    }

    private bool Digits()
    {
        var count = _text[_at..].IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        if (count < 0)
            count = _text.Length - _at;
        _at += count;
        return count > 0;
    }

    private bool Take(char c)
    {
        if (_at >= _text.Length || _text[_at] != c)
            return false;
        _at++;
        return true;
    }

    private void SkipSpace()
    {
        while (_at < _text.Length && _text[_at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
            _at++;
    }
}
