using System.Globalization;
using System.Text;

namespace EvBus.Serializers;

/// <summary>How Python prints floats, texts and bytes (<c>repr</c>).</summary>
internal static class PythonText
{
    private const string Hex = "0123456789abcdef";

    public static string Float(double value)
    {
        Span<char> text = stackalloc char[32];
        return new string(text[..FormatFloat(value, text)]);
    }

    /// <summary>Writes a float into at least 32 characters and returns how many it took.</summary>
    public static int FormatFloat(double value, Span<char> target)
    {
        Span<char> shortest = stackalloc char[32];
        value.TryFormat(shortest, out var length, "R", CultureInfo.InvariantCulture);
        return Arrange(value, shortest[..length], target);
    }

    /// <inheritdoc cref="FormatFloat(double, Span{char})"/>
    public static int FormatFloat(float value, Span<char> target)
    {
        Span<char> shortest = stackalloc char[32];
        value.TryFormat(shortest, out var length, "R", CultureInfo.InvariantCulture);
        return Arrange(value, shortest[..length], target);
    }

    public static void AppendString(StringBuilder target, ReadOnlySpan<char> text)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        target.Append(quote);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is >= ' ' and < '\x7f')
            {
                if (c == quote || c == '\\')
                    target.Append('\\');
                target.Append(c);
            }
            else if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                AppendCodePoint(target, char.ConvertToUtf32(c, text[++i]));
            }
            else
            {
                AppendCodePoint(target, c);
            }
        }
        target.Append(quote);
    }

    public static void AppendBytes(StringBuilder target, ReadOnlySpan<byte> bytes)
    {
        var quote = bytes.Contains((byte)'\'') && !bytes.Contains((byte)'"') ? '"' : '\'';
        target.Append('b').Append(quote);
        foreach (var each in bytes)
        {
            var c = (char)each;
            if (c == quote || c == '\\')
                target.Append('\\').Append(c);
            else if (c is >= ' ' and < '\x7f')
                target.Append(c);
            else
                AppendShort(target, each);
        }
        target.Append(quote);
    }

    /// <summary>Python's <c>str.isprintable</c> for one code point.</summary>
    public static bool IsPrintable(int codePoint) => codePoint == ' ' || CharUnicodeInfo.GetUnicodeCategory(codePoint) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or
        UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    private static void AppendCodePoint(StringBuilder target, int c)
    {
        if (c > 0x7f && IsPrintable(c))
        {
            if (c > 0xffff)
                target.Append(char.ConvertFromUtf32(c));
            else
                target.Append((char)c);
        }
        else if (c <= 0xff)
        {
            AppendShort(target, c);
        }
        else
        {
            var digits = c <= 0xffff ? 4 : 8;
            target.Append(digits == 4 ? "\\u" : "\\U");
            for (var shift = (digits - 1) * 4; shift >= 0; shift -= 4)
                target.Append(Hex[(c >> shift) & 15]);
        }
    }

    private static void AppendShort(StringBuilder target, int c)
    {
        target.Append('\\');
        if (c is '\n' or '\r' or '\t')
            target.Append(c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else
            target.Append('x').Append(Hex[c >> 4]).Append(Hex[c & 15]);
    }

    // .NET and Python agree on the shortest digits that read back the same, and differ in where they put the point.
    private static int Arrange(double value, ReadOnlySpan<char> shortest, Span<char> target)
    {
        if (!double.IsFinite(value))
            return Copy(double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf", target);
        Span<char> digits = stackalloc char[32];
        var count = 0;
        var point = 0;
        var exponent = 0;
        var seenPoint = false;
        for (var i = 0; i < shortest.Length; i++)
        {
            var c = shortest[i];
            if (c == 'E')
            {
                exponent = int.Parse(shortest[(i + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
                break;
            }
            if (c == '.')
                seenPoint = true;
            else if (c != '-' && (c != '0' || count > 0))
                digits[count++] = c;
            if (c is >= '0' and <= '9' && !seenPoint && count > 0)
                point++;
            else if (c == '0' && seenPoint && count == 0)
                point--;
        }
        point += exponent;
        while (count > 0 && digits[count - 1] == '0')
            count--;
        if (count == 0)
            (digits[0], count, point) = ('0', 1, 1);
        var length = 0;
        if (double.IsNegative(value))
            target[length++] = '-';
        return point is > -4 and <= 16
            ? Fixed(digits[..count], point, target, length)
            : Scientific(digits[..count], point - 1, target, length);
    }

    private static int Fixed(ReadOnlySpan<char> digits, int point, Span<char> target, int length)
    {
        if (point <= 0)
        {
            length += Copy("0.", target[length..]);
            for (; point < 0; point++)
                target[length++] = '0';
            return length + Copy(digits, target[length..]);
        }
        for (var i = 0; i < point; i++)
            target[length++] = i < digits.Length ? digits[i] : '0';
        target[length++] = '.';
        return point < digits.Length ? length + Copy(digits[point..], target[length..]) : length + Copy("0", target[length..]);
    }

    private static int Scientific(ReadOnlySpan<char> digits, int exponent, Span<char> target, int length)
    {
        target[length++] = digits[0];
        if (digits.Length > 1)
        {
            target[length++] = '.';
            length += Copy(digits[1..], target[length..]);
        }
        target[length++] = 'e';
        target[length++] = exponent < 0 ? '-' : '+';
        Math.Abs(exponent).TryFormat(target[length..], out var written, "00", CultureInfo.InvariantCulture);
        return length + written;
    }

    private static int Copy(ReadOnlySpan<char> text, Span<char> target)
    {
        text.CopyTo(target);
        return text.Length;
    }
}
