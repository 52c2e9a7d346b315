using System.Diagnostics;
using EvBus.Tools.Tester;

namespace EvBus.Tools.Tests.Tester;

/// <summary>What only a process of its own can show: signals, closed pipes.</summary>
public class ProcessTests
{
    private static Process Start(string shell)
    {
        var tester = $"dotnet '{typeof(TesterCommand).Assembly.Location}'";
        var start = new ProcessStartInfo("/bin/sh") { ArgumentList = { "-c", shell.Replace("TESTER", tester, StringComparison.Ordinal) }, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        return Process.Start(start)!;
    }

    private static async Task<Ran> Finish(Process process, string already = "")
    {
        using (process)
        {
            var error = process.StandardError.ReadToEndAsync();
            var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            return new Ran(process.ExitCode, already + output, await error);
        }
    }

    [Fact]
    public async Task The_version_is_printed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The shell of these tests is /bin/sh.");
        Assert.Equal(new Ran(0, TesterVersion.Line + "\n", ""), await Finish(Start("exec TESTER --version")));
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_signal_drains_sums_up_and_exits_130(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no such signals on Windows.");
        var process = Start("exec TESTER --random --output raw --summary");
        var first = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.StartsWith("{'number': 0", first, StringComparison.Ordinal);
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {process.Id}"]))
            await kill.WaitForExitAsync();
        var ran = await Finish(process);
        Assert.Equal(130, ran.Code);
        Assert.Contains("internal/evbus-test: delivered", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Head_ends_it_quietly()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The shell of these tests is /bin/sh.");
        var ran = await Finish(Start("{ TESTER --random --rate 0 --output raw; echo \"exit code $?\" >&2; } | head -n 1"));
        Assert.StartsWith("{'number': 0", ran.Output, StringComparison.Ordinal);
        Assert.Equal("exit code 0\n", ran.Error);
    }
}
