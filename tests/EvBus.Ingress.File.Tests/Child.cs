using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.File.Tests;

/// <summary>
/// This test program as a process of its own that writes to a file until it is killed, and says on its standard output after
/// each batch how far it was delivered. A kill is only a kill when it hits another process.
/// </summary>
internal sealed class Child : IDisposable
{
    public const int LinesInBatch = 2000;
    private const string PathVariable = "EVBUS_FILE_TEST_PATH";
    private const string FirstVariable = "EVBUS_FILE_TEST_FIRST";
    private readonly Process _process;

    public Child(string path, int first)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Child).Assembly.Location]) { RedirectStandardOutput = true };
        start.Environment[PathVariable] = path;
        start.Environment[FirstVariable] = first.ToString(CultureInfo.InvariantCulture);
        _process = Process.Start(start)!;
    }

    /// <summary>Kills it (SIGKILL) after so many batches, while it writes on; the number of the last line it had been told was delivered.</summary>
    public async Task<int> KillAfterAsync(int batches)
    {
        var last = await WaitForBatchesAsync(batches);
        _process.Kill();
        while (await _process.StandardOutput.ReadLineAsync() is { Length: > 0 } line)
            last = int.Parse(line, CultureInfo.InvariantCulture);
        await _process.WaitForExitAsync();
        return last;
    }

    public async Task<int> WaitForBatchesAsync(int batches)
    {
        var last = -1;
        for (var i = 0; i < batches; i++)
            last = int.Parse((await _process.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
        return last;
    }

    /// <summary>What the line of a number is: checkable to its last byte.</summary>
    public static string Line(int number) => $"{number} {new string((char)('a' + (number % 26)), 50 + (number % 700))} {number}";

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    [ModuleInitializer]
    internal static void RunAsChild()
    {
        if (Environment.GetEnvironmentVariable(PathVariable) is not { } path)
            return;
        var publisher = new FilePublisher(
            new IngressContext("file/child", null, null, null, NullLogger.Instance, TimeProvider.System), new FileIngressOptions { Path = path }, FileSystem.Real);
        Write(publisher, int.Parse(Environment.GetEnvironmentVariable(FirstVariable)!, CultureInfo.InvariantCulture));
    }

    // On one thread from end to end: another one would wait for the module's initializer, which this is.
    private static void Write(FilePublisher publisher, int number)
    {
        Assert.True(publisher.ConnectAsync(default).IsCompletedSuccessfully);
        using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        while (true)
        {
            var events = Enumerable.Range(number, LinesInBatch).Select(n => new BusEvent(Encoding.UTF8.GetBytes(Line(n)))).ToArray();
            number += LinesInBatch;
            var publishing = publisher.PublishAsync(EventBatch.Of(events), default);
            Assert.True(publishing.IsCompleted);
            if (publishing.Result != PublishResult.Delivered)
                Environment.Exit(1);
            output.WriteLine((number - 1).ToString(CultureInfo.InvariantCulture));
        }
    }
}
