using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Reflection;
using EvBus.Acct;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Commands;

namespace EvBus.Tools.Cli;

/// <summary>The command line of <c>evbus</c>. Exit codes: 0 done, 1 something is damaged or could not be done, 2 wrong use or bad input, 130 interrupted.</summary>
internal static class EvBusTool
{
    public const int Failed = 1;
    private const int Wrong = 2;
    private const int Interrupted = 130;

    public static async Task<int> RunAsync(IReadOnlyList<string> args, ToolConsole console, TimeProvider time, CancellationToken cancellationToken)
    {
        var result = Build(console, time).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Action is ParseErrorAction && IsBare(result))
            result = Build(console, time).Parse([.. args, "--help"], new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Action is ParseErrorAction)
            return await FailAsync(console, $"{Mistyped(result, args) ?? SecretText.ErrorsOf(result, args).First()} Run '{NameOf(result.CommandResult)} --help' to see what there is.", Wrong);
        try
        {
            using var printed = new StringWriter { NewLine = "\n" };
            var code = await result.InvokeAsync(new InvocationConfiguration
            {
                Output = printed,
                Error = console.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            }, cancellationToken);
            if (printed.GetStringBuilder().Length > 0)
                await console.PrintAsync(printed.ToString());
            return code;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return await FailAsync(console, "Interrupted.", Interrupted);
        }
        catch (DryRunException exception)
        {
            await console.PrintAsync(exception.Message + "\n");
            return 0;
        }
        catch (Exception exception) when (exception is OutputException or TroubleException)
        {
            return await FailAsync(console, exception.Message, Failed);
        }
        catch (Exception exception) when (exception is EvBusException or UsageException)
        {
            return await FailAsync(console, exception.Message, Wrong);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return await FailAsync(console, exception.Message, Failed);
        }
    }

    /// <summary>Whether only a group of commands is named, such as 'evbus journal': whoever does that wants to know what there is.</summary>
    private static bool IsBare(ParseResult result) => result.UnmatchedTokens.Count == 0 && result.CommandResult.Command.Subcommands.Count > 0 && result.CommandResult.Tokens.Count == 0
        && result.Errors.Count == 1;

    /// <summary>Names the word that is no command or option, and the nearest one that is; null when that is not what is wrong.</summary>
    private static string? Mistyped(ParseResult result, IReadOnlyList<string> args)
    {
        var command = result.CommandResult.Command;
        if (result.UnmatchedTokens is not [var word, ..])
            return null;
        var isOption = word.StartsWith('-');
        if (!isOption && command.Subcommands.Count == 0)
            return null;
        var known = isOption ? Options(result.CommandResult).Where(option => !option.Hidden).Select(option => option.Name).ToList() : [.. command.Subcommands.Select(each => each.Name)];
        var shown = SecretText.Show(isOption ? word.Split('=', ':')[0] : word, known);
        var near = NearestName.Of(word, known) is { } name ? $" Did you mean '{name}'?" : isOption ? "" : $" There is {string.Join(", ", known.Select(each => $"'{each}'"))}.";
        return isOption ? $"'{NameOf(result.CommandResult)}' has no option '{shown}'.{near}" : $"'{NameOf(result.CommandResult)}' has no command '{shown}'.{near}";
    }

    private static IEnumerable<Option> Options(CommandResult command)
    {
        foreach (var option in command.Command.Options)
            yield return option;
        for (var each = command.Parent as CommandResult; each is not null; each = each.Parent as CommandResult)
        {
            foreach (var option in each.Command.Options.Where(option => option.Recursive))
                yield return option;
        }
    }

    private static string NameOf(CommandResult command) => command.Parent is CommandResult parent ? $"{NameOf(parent)} {command.Command.Name}" : "evbus";

    private static async Task<int> FailAsync(ToolConsole console, string message, int code)
    {
        await console.Error.WriteLineAsync("error: " + SecretText.Mask(string.Join(' ', message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))));
        return code;
    }

    private static RootCommand Build(ToolConsole console, TimeProvider time)
    {
        var root = new RootCommand("The command of the event bus: looks after journals on disk and plugins.");
        root.Options.OfType<VersionOption>().Single().Action = new PrintVersion();
        root.Subcommands.Add(JournalCommands.Build(console, time));
        root.Subcommands.Add(PluginCommands.Build(console));
        return root;
    }

    // The library's own would name the version of the program that runs it, such as a test.
    private sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override bool Terminating => true;

        public override int Invoke(ParseResult parseResult)
        {
            var version = typeof(EvBusTool).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            parseResult.InvocationConfiguration.Output.WriteLine($"evbus {version.Split('+')[0]}");
            return 0;
        }
    }
}

/// <summary>What was asked for cannot be done with this journal as it is: one line, exit code 1.</summary>
internal sealed class TroubleException(string message) : Exception(message);
