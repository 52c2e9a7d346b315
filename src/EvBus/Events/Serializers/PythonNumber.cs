using System.Globalization;

namespace EvBus;

/// <summary>Numbers as Python prints them, which is what consumers of the original's events parse.</summary>
internal static class PythonNumber
{
    /// <summary><c>repr(float)</c>: the shortest digits that read back the same, with a point or an exponent always.</summary>
    public static string Repr(double value)
    {
        if (double.IsNaN(value))
            return "nan";
        if (double.IsInfinity(value))
            return value > 0 ? "inf" : "-inf";
        if (value == 0)
            return double.IsNegative(value) ? "-0.0" : "0.0";
        // "E16" would pad; "R" gives the shortest digits, in a form of its own.
        var shortest = value.ToString("E16", CultureInfo.InvariantCulture);
        for (var digits = 0; digits < 17; digits++)
        {
            var candidate = value.ToString($"E{digits}", CultureInfo.InvariantCulture);
            if (double.Parse(candidate, CultureInfo.InvariantCulture) == value)
            {
                shortest = candidate;
                break;
            }
        }
        var sign = shortest[0] == '-' ? "-" : "";
        var e = shortest.IndexOf('E');
        var mantissa = shortest[sign.Length..e].Replace(".", "", StringComparison.Ordinal);
        var exponent = int.Parse(shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        mantissa = mantissa.TrimEnd('0') is { Length: > 0 } trimmed ? trimmed : "0";
        if (exponent is < -4 or >= 16)
        {
            var point = mantissa.Length > 1 ? "." : "";
            return $"{sign}{mantissa[0]}{point}{mantissa[1..]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }
        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{mantissa}";
        return mantissa.Length <= exponent + 1
            ? $"{sign}{mantissa}{new string('0', exponent + 1 - mantissa.Length)}.0"
            : $"{sign}{mantissa[..(exponent + 1)]}.{mantissa[(exponent + 1)..]}";
    }

    /// <summary>As Python's json writes it: <c>NaN</c>, <c>Infinity</c>.</summary>
    public static string Json(double value) =>
        double.IsNaN(value) ? "NaN" : double.IsInfinity(value) ? value > 0 ? "Infinity" : "-Infinity" : Repr(value);

    /// <summary>A number token of JSON as Python reads and prints it again: whole numbers stay as they are, others become floats.</summary>
    public static string FromJsonToken(string token) =>
        token.AsSpan().IndexOfAny('.', 'e', 'E') < 0
            ? token == "-0" ? "0" : token
            : Repr(double.Parse(token, CultureInfo.InvariantCulture));
}
