using System.CommandLine;
using System.CommandLine.Invocation;
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
        if (result.Action is ParseErrorAction)
            return await FailAsync(console, $"{SecretText.ErrorsOf(result, args).First()} Run 'evbus --help' to see what there is.", Wrong);
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
