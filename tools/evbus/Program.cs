using System.Runtime.InteropServices;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli;

using var interrupt = new CancellationTokenSource();
using var sigint = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var sigterm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
var console = new ToolConsole(Console.In, StandardStreams.OpenOutput(), StandardStreams.OpenError(), Environment.GetEnvironmentVariable, !Console.IsInputRedirected);
return await EvBusTool.RunAsync(args, console, TimeProvider.System, interrupt.Token);

void OnSignal(PosixSignalContext context)
{
    context.Cancel = true;
    interrupt.Cancel();
}
