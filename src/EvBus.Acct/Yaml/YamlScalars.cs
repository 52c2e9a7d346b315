using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace EvBus.Acct;

/// <summary>
/// What a YAML scalar means by the rules of YAML 1.1 as PyYAML applies them, with acct's own two differences: a leading zero does not
/// make a number octal, and dates stay texts. YamlDotNet's own resolution follows other rules and is not used.
/// </summary>
internal static partial class YamlScalars
{
    // Python refuses longer numbers too, and converting digits takes time that grows with their square.
    private const int MaxDigits = 4300;

    /// <summary>What a plain scalar without a tag means.</summary>
    /// <exception cref="FormatException">It has no meaning as a value, such as <c>=</c>.</exception>
    public static object? Plain(string text)
    {
        if (text.Length == 0)
            return null;
        switch (text)
        {
            case "~" or "null" or "Null" or "NULL":
                return null;
            case "yes" or "Yes" or "YES" or "true" or "True" or "TRUE" or "on" or "On" or "ON":
                return true;
            case "no" or "No" or "NO" or "false" or "False" or "FALSE" or "off" or "Off" or "OFF":
                return false;
            case "=" or "<<":
                throw new FormatException($"'{text}' has a meaning of its own in YAML 1.1 and cannot be a value; quote it");
        }
        if (text[0] is not ((>= '0' and <= '9') or '-' or '+' or '.'))
            return text;
        if (Whole().IsMatch(text))
            return Integer(text);
        return Fraction().IsMatch(text) ? Float(text) : text;
    }

    /// <summary>What a scalar with a tag means.</summary>
    /// <exception cref="FormatException">The text is not of that kind, or the tag is not known; the message does not hold the text.</exception>
    public static object? Tagged(string tag, string text)
    {
        switch (tag)
        {
            case "tag:yaml.org,2002:str":
            // acct keeps moments as the texts they were written as.
            case "tag:yaml.org,2002:timestamp":
                return text;
            case "tag:yaml.org,2002:null":
                return null;
            case "tag:yaml.org,2002:bool":
                return text.ToUpperInvariant() switch
                {
                    "YES" or "TRUE" or "ON" => true,
                    "NO" or "FALSE" or "OFF" => false,
                    _ => throw new FormatException("what is tagged !!bool is neither true nor false"),
                };
            case "tag:yaml.org,2002:int":
                return Integer(text);
            case "tag:yaml.org,2002:float":
                return Float(text);
            case "tag:yaml.org,2002:binary":
                try
                {
                    return Convert.FromBase64String(text);
                }
                catch (FormatException)
                {
                    throw new FormatException("what is tagged !!binary is not base64");
                }
            default:
                throw new FormatException("a tag that is not known here; if a value begins with '!', quote it");
        }
    }

    private static object Integer(string text)
    {
        var digits = text;
        // As the original: zeros in front are dropped, so that 017 is 17. A sign hides them from it, and -017 stays octal.
        if (digits.Length > 1 && digits[0] == '0' && !digits.StartsWith("0b", StringComparison.Ordinal) && !digits.StartsWith("0x", StringComparison.Ordinal))
            digits = digits.TrimStart('0') is { Length: > 0 } rest ? rest : "0";
        digits = digits.Replace("_", "", StringComparison.Ordinal);
        var negative = digits.StartsWith('-');
        if (negative || digits.StartsWith('+'))
            digits = digits[1..];
        if (digits.Length > MaxDigits)
            throw new FormatException($"a number of more than {MaxDigits} digits; quote it if it is a text");

        BigInteger number;
        if (digits.StartsWith("0b", StringComparison.Ordinal))
            number = InBase(2, digits.AsSpan(2));
        else if (digits.StartsWith("0x", StringComparison.Ordinal))
            number = InBase(16, digits.AsSpan(2));
        else if (digits.Length > 1 && digits[0] == '0')
            number = InBase(8, digits.AsSpan(1));
        else if (digits.Contains(':', StringComparison.Ordinal))
            number = digits.Split(':').Aggregate(BigInteger.Zero, (sum, part) => (sum * 60) + InBase(10, part));
        else
            number = digits.Length == 0 && text.StartsWith('0') ? 0 : InBase(10, digits);
        if (negative)
            number = -number;
        if (number >= long.MinValue && number <= long.MaxValue)
            return (long)number;
        // MessagePack has no larger numbers; acct writes the digits as a text.
        return number.Sign > 0 && number <= ulong.MaxValue ? (ulong)number : number.ToString(CultureInfo.InvariantCulture);
    }

    private static BigInteger InBase(int radix, ReadOnlySpan<char> digits)
    {
        if (digits.IsEmpty)
            throw new FormatException("a number without digits; quote it if it is a text");
        if (radix == 10 && BigInteger.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return number;
        number = BigInteger.Zero;
        foreach (var digit in digits)
        {
            var value = char.IsAsciiHexDigit(digit) ? Convert.ToInt32(digit.ToString(), 16) : radix;
            if (value >= radix)
                throw new FormatException("what is tagged !!int is not a whole number");
            number = (number * radix) + value;
        }
        return number;
    }

    private static double Float(string text)
    {
        var digits = text.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
        var sign = digits.StartsWith('-') ? -1 : 1;
        if (digits.StartsWith('-') || digits.StartsWith('+'))
            digits = digits[1..];
        switch (digits)
        {
            case ".INF": return sign * double.PositiveInfinity;
            case ".NAN": return double.NaN;
        }
        // From the smallest place on, as PyYAML adds them up.
        double sum = 0, place = 1;
        foreach (var part in digits.Split(':').Reverse())
        {
            if (!double.TryParse(part, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var number))
                throw new FormatException("what is tagged !!float is not a number");
            sum += number * place;
            place *= 60;
        }
        return sign * sum;
    }

    [GeneratedRegex(@"^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Whole();

    [GeneratedRegex(@"^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\z", RegexOptions.CultureInvariant)]
    private static partial Regex Fraction();
}
