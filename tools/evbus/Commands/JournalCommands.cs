using System.CommandLine;
using EvBus.Tools.Acct;

namespace EvBus.Tools.Cli.Commands;

/// <summary>The tree of <c>evbus journal</c>.</summary>
internal static class JournalCommands
{
    public static Command Build(ToolConsole console, TimeProvider time)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON, for programs.", Recursive = true };
        var journal = new Command("journal", "Looks into a journal on disk. What only reads works while a bus has it open; what changes it is refused then.");
        journal.Options.Add(json);
        Printer For(ParseResult result) => new(console, result.GetValue(json));

        journal.Subcommands.Add(Simple("stats", "Files, events, cursors, and whether the ledger balances. Exit code 1 when it does not.", (directory, result, _) => StatsCommand.RunAsync(directory, For(result))));
        journal.Subcommands.Add(Simple("check", "Reads everything and lists what is damaged, and what to do. Exit code 1 when something is.", (directory, result, _) => CheckCommand.RunAsync(directory, For(result))));
        return journal;
    }

    private static Command Simple(string name, string description, Func<string, ParseResult, CancellationToken, Task<int>> run, params Option[] options)
    {
        var directory = new Argument<string>("DIR") { Description = "The journal's directory." };
        var command = new Command(name, description);
        command.Arguments.Add(directory);
        foreach (var option in options)
            command.Options.Add(option);
        command.SetAction((result, cancellationToken) => run(result.GetValue(directory)!, result, cancellationToken));
        return command;
    }
}
