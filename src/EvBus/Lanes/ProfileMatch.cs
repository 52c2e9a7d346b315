using System.Text;
using System.Text.RegularExpressions;

namespace EvBus.Lanes;

/// <summary>
/// A name taken as a pattern: a glob as Python's fnmatchcase reads it (<c>*</c>, <c>?</c>, <c>[seq]</c>, <c>[!seq]</c>), or a regular
/// expression over the whole name. Never backtracks, so no name can make it slow. Immutable; safe from any thread.
/// </summary>
internal sealed class ProfileMatch
{
    private readonly Regex? _regex;
    private readonly string? _literal;

    private ProfileMatch(string? literal, Regex? regex)
    {
        _literal = literal;
        _regex = regex;
    }

    public static ProfileMatch Create(string pattern, ProfileMatching matching) => matching == ProfileMatching.Glob ? Glob(pattern) : FromRegex(pattern);

    public static ProfileMatch Glob(string pattern) =>
        pattern.AsSpan().IndexOfAny('*', '?', '[') < 0 ? new(pattern, null) : new(null, Compile(TranslateGlob(pattern)));

    /// <exception cref="ArgumentException">Not a regular expression, or one that needs backtracking.</exception>
    public static ProfileMatch FromRegex(string pattern)
    {
        try
        {
            return new(null, Compile(pattern));
        }
        catch (NotSupportedException e)
        {
            throw new ArgumentException($"The pattern '{pattern}' needs look-around or back-references, which could make matching slow. Write it without them.", nameof(pattern), e);
        }
    }

    /// <summary>The pattern as a regular expression; equal texts match equal names.</summary>
    public string Pattern => _literal ?? _regex!.ToString();

    public bool IsMatch(string name) => _literal is not null ? _literal == name : _regex!.IsMatch(name);

    private static Regex Compile(string pattern) =>
        new($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.Singleline);

    private static string TranslateGlob(string pattern)
    {
        var regex = new StringBuilder();
        for (var i = 0; i < pattern.Length; i++)
        {
            switch (pattern[i])
            {
                case '*':
                    regex.Append(".*");
                    break;
                case '?':
                    // A name is a sequence of characters to Python: a surrogate pair is one.
                    regex.Append(@"(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|.)");
                    break;
                case '[' when ClosingBracket(pattern, i) is var end and > 0:
                    regex.Append(TranslateSet(pattern.AsSpan(i + 1, end - i - 1)));
                    i = end;
                    break;
                default:
                    regex.Append(Regex.Escape(pattern[i].ToString()));
                    break;
            }
        }
        return regex.ToString();
    }

    // "]" right after "[" or "[!" belongs to the set; a "[" that is never closed is a literal.
    private static int ClosingBracket(string pattern, int open)
    {
        var at = open + 1;
        if (at < pattern.Length && pattern[at] == '!')
            at++;
        if (at < pattern.Length && pattern[at] == ']')
            at++;
        return pattern.IndexOf(']', Math.Min(at, pattern.Length));
    }

    private static string TranslateSet(ReadOnlySpan<char> set)
    {
        var negated = set[0] == '!';
        if (negated)
            set = set[1..];
        var ranges = new StringBuilder();
        for (var i = 0; i < set.Length; i++)
        {
            var (low, high) = (set[i], set[i]);
            if (i + 2 < set.Length && set[i + 1] == '-')
            {
                high = set[i + 2];
                i += 2;
            }
            if (low <= high)
                ranges.Append($@"\u{(int)low:x4}-\u{(int)high:x4}");
        }
        // A set of empty ranges matches nothing, its negation anything.
        if (ranges.Length == 0)
            return negated ? "." : @"[^\u0000-\uffff]";
        return $"[{(negated ? "^" : "")}{ranges}]";
    }
}
