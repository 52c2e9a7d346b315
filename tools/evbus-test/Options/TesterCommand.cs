using System.CommandLine;
using System.CommandLine.Help;
using EvBus.Acct;
using EvBus.Tools.Tester.Certify;
using EvBus.Tools.Tester.Options;
using EvBus.Tools.Tester.Outputters;
using EvBus.Tools.Tester.Reporting;
using Microsoft.Extensions.Logging;

namespace EvBus.Tools.Tester;

/// <summary>The command line of the tester.</summary>
internal static class TesterCommand
{
    public const int Wrong = 2;

    private static readonly Option<bool> RandomOption = Flag("--random", "Put a random event on the bus, the first at once, then one a second (see --rate).");
    private static readonly Option<string?> Input = Text("--input", "FILE", "Put each line of FILE on the bus; '-' is standard input, which also counts unnamed where it is a pipe or a file and --random is not given. Ends at its end, unless --random goes on.");
    private static readonly Option<string?> Output = new("--output")
    {
        Description = "How events are printed, also by an outputter of --plugins (default: json).", HelpName = string.Join('|', Outputter.Names),
        CustomParser = argument => argument.GetResult(Plugins!) is null ? Readers.OneOf(Outputter.Names)(argument) : argument.Tokens[0].Value,
    };
    private static readonly Option<string?> Color = Chosen("--color", ["auto", "always", "never"], "Colours of --output nested; auto is on a terminal only (default: auto).");
    private static readonly Option<long?> Count = Number("--count", 1, long.MaxValue, "N", "Put N events, then end.");
    private static readonly Option<double?> Rate = new("--rate") { HelpName = "R", CustomParser = Readers.Rate, Description = "Events a second; 0 is as fast as possible (default: 1 for --random, 0 for --input)." };
    private static readonly Option<TimeSpan?> Duration = Time("--duration", "End after this time: 30, 500ms, 5m, 2h.");
    private static readonly Option<long?> Size = Number("--size", 1, 1 << 20, "BYTES", "The size of a random event's body; never less than its three fields take.");
    private static readonly Option<string?> Profile = Text("--profile", "NAME", "The profile the events are addressed to (default: none, every publisher gets them).");
    private static readonly Option<long?> Seed = Number("--seed", int.MinValue, int.MaxValue, "N", "Repeats the random data of another run.");
    private static readonly Option<bool> Quiet = Flag("--quiet", "Print no events: no internal queue is made. On a terminal a line tells how far it is.");
    private static readonly Option<bool> Summary = Flag("--summary", "At the end, tell on standard error what became of the events.");
    private static readonly Option<TimeSpan?> DrainTimeout = Time("--drain-timeout", "How long publishers may take for what is queued at the end (default: 30s).");
    private static readonly Option<string?> Journal = Text("--journal", "DIR", "Keep events on disk in this folder before they are delivered; what is left is delivered by the next run.");
    private static readonly Option<string?> Mode = Chosen("--mode", ["memory", "disk", "spill"], "Where events are kept (default: memory, or disk with --journal; spill: memory first, disk when a publisher falls behind).");
    private static readonly Option<string?> ReceiptOption = Chosen("--receipt", Receipts.Names, "Wait for each event, 1,024 at a time, until it is accepted, on disk, or delivered by every publisher.");
    private static readonly Option<string?> ReceiptsTo = Text("--receipts-to", "FILE", "Append the id of each event that has its receipt, a line each.");
    private static readonly Option<bool> Drain = Flag("--drain", "Put nothing: deliver what the journal holds. Exit code 0 when it is empty, 1 when something is left.");
    private static readonly Option<string[]> Plugins = PluginSetup.NewOption();
    private static readonly Option<bool> ConfigTemplate = Flag("--config-template", "Print a template of an acct file and of these options, and end.");
    private static readonly Option<bool> VersionsReport = Flag("--versions-report", "Print what a bug report should say about versions, and end.");
    private static readonly Option<bool> Version = Flag("--version", "Print the version and end.");
    private static readonly Option<string?> LogLevelOption = Chosen("--log-level", Readers.Levels.Keys, "What is logged (default: warning).");
    private static readonly Option<string?> LogFile = Text("--log-file", "FILE", "Log to this file too.");
    private static readonly Option<string?> LogFormat = Text("--log-fmt-console", "FORMAT", "A line of the log, with %(asctime)s, %(levelname)s, %(name)s, %(message)s (default: [%(levelname)-8s] %(message)s).");
    private static readonly Option<string?> LogDateFormat = Text("--log-datefmt", "FORMAT", "The time in it (default: %H:%M:%S).");

    public static RootCommand Build()
    {
        var root = new RootCommand("Puts random or piped events on an event bus, prints what arrives, and sums up every lane.");
        foreach (var known in root.Options.OfType<VersionOption>().ToList())
            root.Options.Remove(known);
        Option[] options =
        [
            RandomOption, Input, Output, Color, Count, Rate, Duration, Size, Profile, Seed, Quiet, Summary, DrainTimeout,
            Journal, Mode, ReceiptOption, ReceiptsTo, Drain, Plugins,
            ConfigTemplate, VersionsReport, Version, LogLevelOption, LogFile, LogFormat, LogDateFormat,
        ];
        foreach (var option in options)
            root.Options.Add(option);
        AcctSetup.AddTo(root);
        root.Subcommands.Add(ConnectCommand.Build());
        root.Subcommands.Add(CertifyCommand.Build());
        Mistakes.RefuseEmptyValues(root);
        root.SetAction(static _ => 0);
        return root;
    }

    public static async Task<int> RunAsync(string[] args, TesterHost host)
    {
        var parsed = Build().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        // Help, and the directive by which a shell asks for completions: nothing is run.
        if (parsed.Action is HelpAction || parsed.RootCommandResult.Command is RootCommand { Directives: var directives } && directives.Any(directive => parsed.GetResult(directive) is not null))
        {
            var help = new StringWriter();
            await parsed.InvokeAsync(new InvocationConfiguration { Output = help });
            return Print(host, help.ToString());
        }
        if (parsed.Errors.Count > 0)
        {
            var errors = Mistakes.Of(parsed, args);
            foreach (var error in errors)
                host.Say(error == errors[^1] ? $"{error} Try: evbus-test --help" : error);
            return Wrong;
        }
        if (parsed.CommandResult.Command.Name == ConnectCommand.Name)
            return await StoppableAsync(() => ConnectCommand.RunAsync(parsed, host), host);
        if (parsed.CommandResult.Command.Name == CertifyCommand.Name)
            return await StoppableAsync(() => CertifyCommand.RunAsync(parsed, host), host);
        if (parsed.GetValue(Version))
            return Print(host, TesterVersion.Line + "\n");
        if (parsed.GetValue(VersionsReport))
            return Print(host, Templates.VersionsReport());
        if (parsed.GetValue(ConfigTemplate))
            return PrintTemplate(parsed, host);
        TesterOptions options = Read(parsed);
        if (!options.Random && (options.Seed is not null || options.Size is not null))
        {
            host.Say($"{(options.Seed is not null ? Seed.Name : Size.Name)} is for random events only. Add --random, or leave it out.");
            return Wrong;
        }
        if (JournalTrouble(parsed, options) is { } trouble)
        {
            host.Say(trouble);
            return Wrong;
        }
        using var run = new TesterRun(options, parsed, host);
        return await run.RunAsync();
    }

    public static TesterOptions Read(ParseResult parsed)
    {
        var defaults = new TesterOptions();
        return new TesterOptions
        {
            Random = parsed.GetValue(RandomOption),
            Input = parsed.GetValue(Input),
            Output = parsed.GetValue(Output) ?? defaults.Output,
            Color = parsed.GetValue(Color) ?? defaults.Color,
            Count = parsed.GetValue(Count),
            Rate = parsed.GetValue(Rate),
            Duration = parsed.GetValue(Duration),
            Size = (int?)parsed.GetValue(Size),
            Profile = parsed.GetValue(Profile),
            Seed = (int?)parsed.GetValue(Seed),
            Quiet = parsed.GetValue(Quiet),
            Summary = parsed.GetValue(Summary),
            DrainTimeout = parsed.GetValue(DrainTimeout) ?? defaults.DrainTimeout,
            Journal = parsed.GetValue(Journal),
            Spill = parsed.GetValue(Mode) == "spill",
            Receipt = parsed.GetValue(ReceiptOption) is { } receipt ? Receipts.Parse(receipt) : null,
            ReceiptsTo = parsed.GetValue(ReceiptsTo),
            Drain = parsed.GetValue(Drain),
            LogLevel = parsed.GetValue(LogLevelOption) is { } level ? Readers.Levels[level] : defaults.LogLevel,
            LogFile = parsed.GetValue(LogFile),
            LogFormat = parsed.GetValue(LogFormat) ?? defaults.LogFormat,
            LogDateFormat = parsed.GetValue(LogDateFormat) ?? defaults.LogDateFormat,
        };
    }

    private static string? JournalTrouble(ParseResult parsed, TesterOptions options) => parsed.GetValue(Mode) switch
    {
        "disk" or "spill" when options.Journal is null => $"--mode {parsed.GetValue(Mode)} needs a folder. Name it with --journal DIR.",
        "memory" when options.Journal is not null => "--mode memory keeps nothing on disk. Leave out --journal, or choose --mode disk or spill.",
        _ when options.Drain && options.Journal is null => "--drain delivers what a journal holds. Name its folder with --journal DIR.",
        _ when options.Drain && (options.Random || options.Input is not null) => "--drain puts nothing. Leave out --random and --input, or --drain.",
        _ when options.Receipt == Receipt.Durable && options.Journal is null => "--receipt durable needs a disk. Add --journal DIR, or choose accepted or delivered.",
        _ when options.ReceiptsTo is not null && options.Receipt is null => "--receipts-to needs to know which receipt. Add --receipt accepted, durable or delivered.",
        _ => null,
    };

    public static IReadOnlyList<string> PluginPaths(ParseResult parsed) => parsed.GetValue(Plugins) ?? [];

    private static int PrintTemplate(ParseResult parsed, TesterHost host)
    {
        try
        {
            return Print(host, Templates.Config(Build(), parsed, host));
        }
        catch (EvBusConfigurationException e)
        {
            foreach (var error in e.Errors)
                host.Say(error);
            return Wrong;
        }
    }

    public static int Print(TesterHost host, string text)
    {
        try
        {
            host.Output.Write(System.Text.Encoding.UTF8.GetBytes(text));
            host.Output.Flush();
        }
        catch (Exception e) when (StandardStreams.IsRefused(e))
        {
            // Where its reader has just gone (| head), nobody misses anything.
            if (e is IOException io && Printer.IsReaderGone(io))
                return 0;
            host.Say($"standard output cannot be written: {e.Message.TrimEnd('.')}. Make room, or send the output elsewhere.");
            return TesterRun.Lost;
        }
        return 0;
    }

    private static async Task<int> StoppableAsync(Func<Task<int>> run, TesterHost host)
    {
        try
        {
            return await host.UntilInterruptedAsync(run);
        }
        catch (OperationCanceledException) when (host.Interrupted.IsCancellationRequested)
        {
            return TesterRun.Interrupted;
        }
    }

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    private static Option<string?> Text(string name, string helpName, string description) => new(name) { Description = description, HelpName = helpName };

    private static Option<string?> Chosen(string name, IEnumerable<string> choices, string description) =>
        new(name) { Description = description, HelpName = string.Join('|', choices), CustomParser = Readers.OneOf(choices) };

    private static Option<long?> Number(string name, long from, long to, string helpName, string description) =>
        new(name) { Description = description, HelpName = helpName, CustomParser = Readers.Whole(from, to) };

    private static Option<TimeSpan?> Time(string name, string description) => new(name) { Description = description, HelpName = "TIME", CustomParser = Readers.Time };
}
