using System.CommandLine;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>The tree of <c>evbus journal</c>.</summary>
internal static class JournalCommands
{
    public static Command Build(ToolConsole console, TimeProvider time)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON, for programs.", Recursive = true };
        var journal = new Command("journal", "Looks into a journal on disk. What only reads works while a bus has it open; what changes it is refused then.");
        journal.Options.Add(json);
        var keyFile = new Option<string?>("--key-file") { Description = $"The file with the key of an encrypted journal. Default: what {JournalKey.Variable} in the environment says. 'check', 'stats' and 'repair' need none.", HelpName = "FILE", Recursive = true };
        journal.Options.Add(keyFile);
        Printer For(ParseResult result)
        {
            ToolKey.Use(result.GetValue(keyFile), console.Environment);
            return new Printer(console, result.GetValue(json));
        }

        journal.Subcommands.Add(Simple("stats", "Files, events, cursors, and whether the ledger balances. Exit code 1 when it does not.", (directory, result, _) => StatsCommand.RunAsync(directory, For(result))));
        journal.Subcommands.Add(Simple("check", "Reads everything and lists what is damaged, and what to do. Exit code 1 when something is.", (directory, result, _) => CheckCommand.RunAsync(directory, For(result))));
        journal.Subcommands.Add(Simple("repair", "Repairs what is damaged: loses exactly the damaged records, names each, and keeps their bytes in aside/.", (directory, result, _) => RepairCommand.RunAsync(directory, time, For(result))));
        AddReaders(journal, time, For, json);
        AddLanes(journal, time, For);
        AddDead(journal, time, For);
        return journal;
    }

    private static void AddReaders(Command journal, TimeProvider time, Func<ParseResult, Printer> printer, Option<bool> json)
    {
        Option<string?> Text(string name, string help, string description) => new(name) { Description = description, HelpName = help };
        var lane = Text("--lane", "ID", "Only what is queued for this lane: what it has not settled.");
        var from = Text("--from", "SEQ|TIME", "The first event, by number or time of acceptance; -10m is ten minutes ago. Default: the oldest.");
        var until = Text("--until", "SEQ|TIME", "The last event, by number or time of acceptance. Default: the newest.");
        // The word of earlier versions, which export and rewind use for other things.
        var upTo = new Option<string?>("--until", "--to") { Description = until.Description, HelpName = until.HelpName };
        var profile = Text("--profile", "GLOB", "Only events addressed to a profile that matches.");
        var limit = new Option<long?>("--limit") { Description = "At most so many events.", HelpName = "N" };
        var file = new Option<string>("--to") { Description = "The file to write; it must not be there yet.", HelpName = "FILE", Required = true };
        var bodies = new Option<bool>("--bodies") { Description = "Only the bodies, as they are, each followed by a line break; else NDJSON as 'cat' prints it." };
        journal.Subcommands.Add(Simple("cat", "Prints events as NDJSON: structured CloudEvents with their number as evbussequence; with --json as one array.", (directory, result, cancellationToken) => CatCommand.RunAsync(directory,
            EventRange.Parse(result.GetValue(from), result.GetValue(upTo), result.GetValue(lane), result.GetValue(profile), result.GetValue(limit), time.GetUtcNow()), result.GetValue(json), printer(result).Console, cancellationToken), lane, from, upTo, profile, limit));
        journal.Subcommands.Add(Simple("export", "Writes events to a file, and says where the next export goes on.", (directory, result, cancellationToken) => ExportCommand.RunAsync(directory, result.GetValue(file)!, result.GetValue(bodies),
            EventRange.Parse(result.GetValue(from), result.GetValue(until), result.GetValue(lane), result.GetValue(profile), result.GetValue(limit), time.GetUtcNow()), printer(result), cancellationToken), file, bodies, lane, from, until, profile, limit));
    }

    private static (Option<bool> Yes, Option<bool> DryRun) Consents() => (
        new("--yes") { Description = "Do it without asking. Needed where there is no terminal." },
        new("--dry-run") { Description = "Only say what would be given up." });

    private static void AddLanes(Command journal, TimeProvider time, Func<ParseResult, Printer> printer)
    {
        var (yes, dryRun) = Consents();
        Consent Asked(ParseResult result) => new(printer(result).Console, result.GetValue(yes), result.GetValue(dryRun));
        var lane = new Option<string>("--lane") { Description = "The lane, by its id.", HelpName = "ID", Required = true };
        var to = new Option<string>("--to") { Description = "Where it goes on: the number of an event, a time of acceptance (-10m: ten minutes ago), 'oldest' or 'now'.", HelpName = "oldest|now|SEQ|TIME", Required = true };
        journal.Subcommands.Add(Simple("rewind", "Sets a lane's cursor: back to deliver again, forward to skip. Says how many events it skips, and asks.",
            (directory, result, _) => RewindCommand.RunAsync(directory, result.GetValue(lane)!, result.GetValue(to)!, time.GetUtcNow(), Asked(result), printer(result)), lane, to, yes, dryRun));
        var lanes = new Command("lanes", "The lanes that the journal knows.");
        lanes.Subcommands.Add(Simple("list", "Lists them, orphans too, with what they have queued.", (directory, result, _) => LanesCommand.ListAsync(directory, printer(result))));
        var forgotten = new Argument<string>("ID") { Description = "The lane, by its id." };
        var alsoDead = new Option<bool>("--with-dead-letters") { Description = "Remove its dead letters as well. Default: their file stays." };
        var forget = Simple("forget", "Removes a lane's cursor: what it has queued is given up. Says how much that is, and asks. A lane of this id that comes again is new.",
            (directory, result, _) => LanesCommand.ForgetAsync(directory, result.GetValue(forgotten)!, result.GetValue(alsoDead), Asked(result), printer(result)), alsoDead, yes, dryRun);
        forget.Arguments.Add(forgotten);
        lanes.Subcommands.Add(forget);
        journal.Subcommands.Add(lanes);
    }

    private static void AddDead(Command journal, TimeProvider time, Func<ParseResult, Printer> printer)
    {
        var any = new Option<string?>("--lane") { Description = "Only of this lane.", HelpName = "ID" };
        var lane = new Option<string>("--lane") { Description = "The lane, by its id.", HelpName = "ID", Required = true };
        var all = new Option<bool>("--all") { Description = "All of the lane's." };
        var number = new Argument<ulong>("NUMBER") { Description = "Its number, as 'dead list' shows it." };
        Argument<ulong[]> Numbers() => new("NUMBER") { Description = "Their numbers, as 'dead list' shows them.", Arity = ArgumentArity.ZeroOrMore };
        var dead = new Command("dead", "Dead letters: events that a lane has given up.");
        dead.Subcommands.Add(Simple("list", "Lists them, oldest first, with reason, attempts and time.", (directory, result, _) => DeadCommands.ListAsync(directory, result.GetValue(any), printer(result)), any));
        var show = Simple("show", "Shows one with its event.", (directory, result, _) => DeadCommands.ShowAsync(directory, result.GetValue(lane)!, result.GetValue(number), printer(result)), lane);
        show.Arguments.Add(number);
        dead.Subcommands.Add(show);
        var replayed = Numbers();
        var replay = Simple("replay", "Queues them again, for their lane only and with the same ids.",
            (directory, result, _) => ReplayCommand.RunAsync(directory, result.GetValue(lane)!, result.GetValue(replayed) ?? [], result.GetValue(all), time, printer(result)), lane, all);
        replay.Arguments.Add(replayed);
        dead.Subcommands.Add(replay);
        AddEdit(dead, printer, lane);
        var purged = Numbers();
        var (yes, dryRun) = Consents();
        var purge = Simple("purge", "Removes them for good. Says how many, and asks.",
            (directory, result, _) => DeadCommands.PurgeAsync(directory, result.GetValue(lane)!, result.GetValue(purged) ?? [], result.GetValue(all), new Consent(printer(result).Console, result.GetValue(yes), result.GetValue(dryRun)), printer(result)), lane, all, yes, dryRun);
        purge.Arguments.Add(purged);
        dead.Subcommands.Add(purge);
        journal.Subcommands.Add(dead);
    }

    private static void AddEdit(Command dead, Func<ParseResult, Printer> printer, Option<string> lane)
    {
        var number = new Argument<ulong>("NUMBER") { Description = "Its number, as 'dead list' shows it." };
        var body = new Option<string?>("--body") { Description = "The file with the new body. Default: the editor opens the old one, unless --set is all there is to do.", HelpName = "FILE" };
        var set = new Option<string[]>("--set") { Description = "An attribute: source, type, subject, datacontenttype, dataschema, profile, key, or an extension. An empty value removes it. May be given several times.", HelpName = "NAME=VALUE" };
        var editor = new Option<string?>("--editor") { Description = "The editor's command. Default: $EDITOR, else vi.", HelpName = "COMMAND" };
        var edit = Simple("edit", "Changes the body or attributes of one, to be replayed then. It gets a new number; id, reason, attempts and time stay.", (directory, result, _) => EditLetterCommand.RunAsync(
            new EditLetterRequest(directory, result.GetValue(lane)!, result.GetValue(number), result.GetValue(body), result.GetValue(set) ?? [], result.GetValue(editor)), printer(result).Console, printer(result)), lane, body, set, editor);
        edit.Arguments.Add(number);
        dead.Subcommands.Add(edit);
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
