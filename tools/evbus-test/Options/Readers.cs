using System.CommandLine.Parsing;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace EvBus.Tools.Tester.Options;

/// <summary>Reads the values of options; each error names the option, what it got and what it takes.</summary>
internal static class Readers
{
    private static readonly (string Unit, double Seconds)[] Units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];

    public static readonly IReadOnlyDictionary<string, LogLevel> Levels = new Dictionary<string, LogLevel>(StringComparer.OrdinalIgnoreCase)
    {
        ["trace"] = LogLevel.Trace, ["debug"] = LogLevel.Debug, ["info"] = LogLevel.Information, ["warning"] = LogLevel.Warning,
        ["error"] = LogLevel.Error, ["critical"] = LogLevel.Critical, ["quiet"] = LogLevel.None,
    };

    public static TimeSpan? Time(ArgumentResult argument)
    {
        var text = argument.Tokens[0].Value;
        var (number, factor) = (text, 1.0);
        foreach (var (unit, seconds) in Units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal) && text.Length > unit.Length && char.IsAsciiDigit(text[^(unit.Length + 1)]))
                (number, factor) = (text[..^unit.Length], seconds);
        }
        if (double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value * factor <= 86400)
            return TimeSpan.FromSeconds(value * factor);
        argument.AddError($"{Name(argument)}: '{text}' is no time. Write seconds or a unit, up to a day: 30, 500ms, 30s, 5m, 2h.");
        return null;
    }

    public static double? Rate(ArgumentResult argument)
    {
        var text = argument.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value <= 10_000_000 && (value == 0 || value >= 0.00001))
            return value;
        argument.AddError($"{Name(argument)}: '{text}' is no rate. Write events a second, from 0.00001 (one in 28 hours) to 10,000,000, or 0 for as fast as possible.");
        return null;
    }

    public static Func<ArgumentResult, long?> Whole(long from, long to) => argument =>
    {
        var text = argument.Tokens[0].Value;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= from && value <= to)
            return value;
        argument.AddError(string.Create(CultureInfo.InvariantCulture, $"{Name(argument)}: '{text}' is not a whole number from {from:N0} to {to:N0}."));
        return null;
    };

    public static Func<ArgumentResult, string?> OneOf(IEnumerable<string> choices) => argument =>
    {
        var text = argument.Tokens[0].Value;
        if (choices.Contains(text, StringComparer.Ordinal))
            return text;
        argument.AddError($"{Name(argument)}: there is no '{text}'. Choose one of: {string.Join(", ", choices)}.");
        return null;
    };

    private static string Name(ArgumentResult argument) => (argument.Parent as OptionResult)?.Option.Name ?? "argument";
}
