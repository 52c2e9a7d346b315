using System.CommandLine;
using EvBus.Hosting;
using EvBus.Tools.Tester.Options;

namespace EvBus.Tools.Tester;

/// <summary><c>evbus-test connect</c>: one line for each profile and destination, and no event.</summary>
internal static class ConnectCommand
{
    public const string Name = "connect";

    private const int SomeFailed = 1;

    /// <summary>Longer than any publisher's own time-out, which says more.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);

    public static Command Build()
    {
        var command = new Command(Name, "Connect with every profile, say what works and what does not, and send nothing. Exit code 0: all work, 1: some do not, 2: wrong use.");
        command.SetAction(static _ => 0);
        return command;
    }

    public static async Task<int> RunAsync(ParseResult parsed, TesterHost host)
    {
        try
        {
            int? code = null;
            await foreach (var (lane, problem) in ConnectionCheck.RunAsync(Configure, s_timeout, host.Interrupted))
            {
                code = problem is null ? code ?? 0 : SomeFailed;
                // One line for each, whatever is in the reason.
                var line = problem is null ? "ok" : $"failed: {problem.ReplaceLineEndings(" ")}";
                if (TesterCommand.Print(host, $"{lane}: {line}\n") is not 0 and var unwritten)
                    return unwritten;
            }
            if (code is null)
                host.Say("There is nothing to connect to: no profile of a publisher was found. Name an acct file with --acct-file.");
            return code ?? TesterCommand.Wrong;
        }
        catch (EvBusConfigurationException e)
        {
            foreach (var error in e.Errors)
                host.Say(error);
            return TesterCommand.Wrong;
        }
        catch (EvBusException e)
        {
            host.Say(e.Message);
            return TesterCommand.Wrong;
        }
        catch (OperationCanceledException) when (host.Interrupted.IsCancellationRequested)
        {
            return TesterRun.Interrupted;
        }

        void Configure(EvBusBuilder bus)
        {
            bus.Options = bus.Options with { Time = host.Time };
            TesterRun.AddPublishers(bus, parsed, host);
            AcctSetup.Apply(parsed, bus);
        }
    }
}
