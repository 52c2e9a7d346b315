using System.Text.RegularExpressions;

namespace EvBus.Tools.Tester.Outputters;

/// <summary>What a text allows in YAML 1.1, and so the style it is written in; by the rules of PyYAML.</summary>
internal sealed partial class YamlScalar
{
    private YamlScalar(int[] text) => Text = text;

    /// <summary>The code points; halves of surrogate pairs stand for themselves.</summary>
    public int[] Text { get; }

    public bool IsMultiline { get; private set; }

    private bool AllowsPlain { get; set; } = true;

    private bool AllowsSingleQuotes { get; set; } = true;

    public static YamlScalar Analyze(string text)
    {
        var scalar = new YamlScalar(CodePoints(text));
        if (scalar.Text.Length == 0)
            scalar.AllowsPlain = false;
        else
            scalar.Examine();
        if (scalar.AllowsPlain && MeansSomethingElse().IsMatch(text))
            scalar.AllowsPlain = false;
        return scalar;
    }

    /// <summary>Space for plain, else the quote.</summary>
    public char Style(bool isKey)
    {
        if (AllowsPlain && !(isKey && IsMultiline))
            return ' ';
        return AllowsSingleQuotes && !(isKey && IsMultiline) ? '\'' : '"';
    }

    public static bool IsBreak(int c) => c is '\n' or 0x85 or 0x2028 or 0x2029;

    private void Examine()
    {
        var text = Text;
        var hasIndicators = StartsWith("---") || StartsWith("...");
        bool special = false, breakThenSpace = false, spaceThenBreak = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            var spaceFollows = i + 1 >= text.Length || IsSpace(text[i + 1]);
            hasIndicators |= i == 0
                ? (c < 0x80 && "#,[]{}&*!|>'\"%@`".Contains((char)c, StringComparison.Ordinal)) || (c is '?' or ':' or '-' && spaceFollows)
                : (c == ':' && spaceFollows) || (c == '#' && IsSpace(text[i - 1]));
            IsMultiline |= IsBreak(c);
            special |= c != '\n' && c is < ' ' or > '~';
            breakThenSpace |= c == ' ' && i > 0 && IsBreak(text[i - 1]);
            spaceThenBreak |= IsBreak(c) && i > 0 && text[i - 1] == ' ';
        }
        var edges = text[0] == ' ' || text[^1] == ' ' || IsBreak(text[0]) || IsBreak(text[^1]);
        AllowsPlain = !edges && !breakThenSpace && !spaceThenBreak && !special && !IsMultiline && !hasIndicators;
        AllowsSingleQuotes = !breakThenSpace && !spaceThenBreak && !special;
    }

    private bool StartsWith(string start) => Text.Length >= 3 && Text[0] == start[0] && Text[1] == start[1] && Text[2] == start[2];

    private static bool IsSpace(int c) => c is 0 or ' ' or '\t' or '\r' || IsBreak(c);

    private static int[] CodePoints(string text)
    {
        var points = new int[text.Length];
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            points[count++] = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1])
                ? char.ConvertToUtf32(text[i], text[++i])
                : text[i];
        }
        return points[..count];
    }

    // What YAML 1.1 would read as a truth value, a number, a merge, nothing, a time or a default value.
    [GeneratedRegex(
        """
        \A(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF
        |[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?
        |\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?
        |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN)
        |[-+]?0b[0-1_]+
        |[-+]?0[0-7_]+
        |[-+]?(?:0|[1-9][0-9_]*)
        |[-+]?0x[0-9a-fA-F_]+
        |[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+
        |<<|=|~|null|Null|NULL
        |[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]
        |[0-9][0-9][0-9][0-9]-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9][0-9]:[0-9][0-9](?:\.[0-9]*)?
            (?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9][0-9])?))?)\z
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex MeansSomethingElse();
}
