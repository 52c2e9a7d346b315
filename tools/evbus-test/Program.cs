using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using EvBus.Files;
using EvBus.Tools.Tester;

// Asked before anything else is loaded, so that it costs what an empty program costs.
if (args is ["--version"])
{
    Console.Out.WriteLine(TesterVersion.Line);
    return 0;
}
return await Full.RunAsync(args);

internal static class Full
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static async Task<int> RunAsync(string[] args)
    {
        UnixFile.SurviveFileSizeLimit();
        using var interrupt = new CancellationTokenSource();
        var signals = 0;
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            // Counted, because each signal is handled on a thread of its own: two at once must not both be the first.
            if (Interlocked.Increment(ref signals) > 1)
                Environment.Exit(130);
            // Not on the thread of the signals: what is cancelled may take its time, and the second signal must come through.
            _ = interrupt.CancelAsync();
        }

        using var sigint = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var sigterm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        await using var output = StandardOutput.Open();
        return await TesterCommand.RunAsync(args, new TesterHost
        {
            Input = Console.OpenStandardInput,
            Output = output,
            Error = Console.Error,
            IsInputRedirected = Console.IsInputRedirected,
            IsOutputTerminal = !Console.IsOutputRedirected,
            IsErrorTerminal = !Console.IsErrorRedirected,
            Interrupted = interrupt.Token,
        });
    }
}
