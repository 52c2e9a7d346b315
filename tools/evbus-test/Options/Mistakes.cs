using System.CommandLine;
using System.CommandLine.Parsing;
using EvBus.Acct;

namespace EvBus.Tools.Tester.Options;

/// <summary>All that is wrong with a command line, with the option that somebody may have meant.</summary>
internal static class Mistakes
{
    public static IReadOnlyList<string> Of(ParseResult parsed, IReadOnlyList<string> args)
    {
        var known = Names(parsed.CommandResult).ToList();
        var mistyped = parsed.UnmatchedTokens.Where(word => word.StartsWith('-')).Select(word => (Shown: $"'{SecretText.Show(word, known)}'", Near: NearestName.Of(word.Split('=', ':')[0], known)))
            .Where(each => each.Near is not null).ToList();
        return [.. SecretText.ErrorsOf(parsed, args).Distinct().Select(error =>
            mistyped.FirstOrDefault(each => error.Contains(each.Shown, StringComparison.Ordinal)).Near is { } near ? $"{error} Did you mean '{near}'?" : error)];
    }

    /// <summary>An empty value is what a variable that is not set leaves; no option has a use for it.</summary>
    public static void RefuseEmptyValues(Command command)
    {
        foreach (var option in command.Options.Where(option => option.ValueType == typeof(string) || option.ValueType == typeof(string[])))
        {
            option.Validators.Add(result =>
            {
                if (result.Tokens.Any(token => token.Value.Length == 0))
                    result.AddError($"{option.Name}: its value is empty. Name {(option.HelpName is { } name && !name.Contains('|', StringComparison.Ordinal) ? name : "one")}, or leave {option.Name} out.");
            });
        }
        foreach (var sub in command.Subcommands)
            RefuseEmptyValues(sub);
    }

    private static IEnumerable<string> Names(CommandResult command)
    {
        for (SymbolResult? at = command; at is not null; at = at.Parent)
        {
            foreach (var option in at is CommandResult { Command.Options: var options } ? options.Where(option => at == command || option.Recursive) : [])
                yield return option.Name;
        }
    }
}
