using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;

namespace EvBus.Acct;

/// <summary>What may be said aloud of a text that somebody may have put a key into.</summary>
internal static partial class SecretText
{
    private const string Hidden = "***";
    private const int MaxWord = 64;

    /// <summary>Hides what looks like a key, whatever stands around it.</summary>
    public static string Mask(string text) => KeyLike().Replace(Named().Replace(text, "${name}" + Hidden), Hidden);

    /// <summary>
    /// The errors of a command line, in the order they were found. The words of the command line that they repeat are kept only if they are harmless:
    /// the name of a mistyped option, a number, a word in lower case. What stands behind <c>=</c>, or is glued to an option's name, is hidden.
    /// </summary>
    /// <param name="result">What was parsed.</param>
    /// <param name="words">The command line it was parsed from.</param>
    public static IEnumerable<string> ErrorsOf(ParseResult result, IReadOnlyList<string> words)
    {
        var known = Names(result.RootCommandResult.Command).ToHashSet(StringComparer.Ordinal);
        var said = words.Concat(words.SelectMany(Values)).Distinct(StringComparer.Ordinal).OrderByDescending(word => word.Length)
            .Select(word => (Raw: $"'{word}'", Shown: $"'{Show(word, known)}'")).ToList();
        return result.Errors.Select(error => Mask(said.Aggregate(error.Message, (message, word) => message.Replace(word.Raw, word.Shown, StringComparison.Ordinal))));
    }

    /// <summary>A word of the command line as an error may repeat it.</summary>
    public static string Show(string word, IReadOnlyCollection<string> known)
    {
        if (known.Contains(word))
            return word;
        var end = word.IndexOfAny(['=', ':']);
        var name = end < 0 ? word : word[..end];
        // The beginning of an option that is followed by a secret: the rest may be one.
        var isGlued = known.FirstOrDefault(each => each.StartsWith(AcctCommandLine.Key, StringComparison.Ordinal) && name.StartsWith(each, StringComparison.Ordinal) && name != each) is not null
            && !known.Contains(name);
        if (isGlued || !IsHarmless(name))
            return word.StartsWith('-') ? CommonStart(name, known) + Hidden : Hidden;
        return end < 0 ? word : name + word[end] + Hidden;
    }

    private static bool IsHarmless(string word) => word.Length <= MaxWord && Harmless().IsMatch(word);

    private static string CommonStart(string name, IEnumerable<string> known) =>
        known.Select(each => name[..name.AsSpan().CommonPrefixLength(each)]).MaxBy(start => start.Length) ?? "";

    private static IEnumerable<string> Values(string word) => word.IndexOfAny(['=', ':']) is >= 0 and var at ? [word[..at], word[(at + 1)..]] : [];

    private static IEnumerable<string> Names(Command command) =>
        command.Subcommands.SelectMany(Names).Concat(command.Options.SelectMany(option => option.Aliases.Append(option.Name)))
            .Concat(command.Options.SelectMany(option => (option.HelpName ?? "").Split('|')).Where(choice => IsHarmless(choice)))
            .Concat(command.Aliases).Append(command.Name);

    // Lower case alone, or a short number with a unit: no key is either.
    [GeneratedRegex(@"\A(-{0,2}[a-z/._@-]*|[+-]?[0-9][0-9.,]{0,11}[a-z]{0,2})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();

    [GeneratedRegex(@"(?<name>acct[-_]?key\s*[=:]\s*)[^\s'""]+", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Named();

    // 32 bytes in base64, with or without the padding, or short of a few characters; a longer run without padding is rather a path.
    [GeneratedRegex(
        "[A-Za-z0-9+/_-]{43}=|(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{43}(?![A-Za-z0-9+/_-])"
        + "|(?<![A-Za-z0-9+_-])(?=[A-Za-z0-9+_-]*[a-z])(?=[A-Za-z0-9+_-]*[A-Z])(?=[A-Za-z0-9+_-]*[0-9])[A-Za-z0-9+_-]{40,43}(?![A-Za-z0-9+_-])",
        RegexOptions.CultureInvariant)]
    private static partial Regex KeyLike();
}
