using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using EvBus.Files;
using EvBus.Tools.Tester;

// Asked before anything else is loaded, so that it costs what an empty program costs.
if (args is ["--version"] && !Console.IsOutputRedirected)
{
    Console.Out.WriteLine(TesterVersion.Line);
    return 0;
}
return await Full.RunAsync(args);

internal static class Full
{
    /// <summary>How long the ledger may take on the quick way out: nobody waits for a terminal that takes nothing.</summary>
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(2);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static async Task<int> RunAsync(string[] args)
    {
        UnixFile.SurviveFileSizeLimit();
        using var interrupt = new CancellationTokenSource();
        using var leave = new CancellationTokenSource();
        var signals = new Signals(TimeProvider.System);
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            switch (signals.Take())
            {
                case Signals.Meaning.Drain:
                    // Not on the thread of the signals: what is cancelled may take its time, and the second signal must come through.
                    _ = interrupt.CancelAsync();
                    break;
                case Signals.Meaning.Leave:
                    leave.CancelAsync().Wait(s_lastWords);
                    Environment.Exit(TesterRun.Interrupted);
                    break;
            }
        }

        using var sigint = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var sigterm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        // A terminal or a connection that is closed; who started this with nohup wants it to go on.
        using var sighup = Signals.IsHangUpIgnored() ? null : PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);
        await using var output = StandardStreams.OpenOutput();
        var isInputThere = StandardOutput.IsInherited(0);
        return await TesterCommand.RunAsync(args, new TesterHost
        {
            Input = () => isInputThere ? Console.OpenStandardInput() : new ClosedStream(),
            Output = output,
            Error = StandardStreams.OpenError(),
            IsInputRedirected = isInputThere && Console.IsInputRedirected,
            IsOutputTerminal = !Console.IsOutputRedirected,
            IsErrorTerminal = !Console.IsErrorRedirected,
            Interrupted = interrupt.Token,
            Leaving = leave.Token,
        });
    }
}
