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
    [InlineData("HUP")]
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
    public async Task The_second_signal_leaves_at_once()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no such signals on Windows.");
        // Nobody reads more than the first line, so the drain would last its whole time-out.
        using var process = Start("exec TESTER --random --rate 0 --output raw --drain-timeout 1h");
        await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
        // The second one comes when it cannot be the first one, said twice.
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -INT {process.Id}; sleep 1.5; kill -INT {process.Id}"]))
            await kill.WaitForExitAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(130, process.ExitCode);
        Assert.Contains("accepted ", await error, StringComparison.Ordinal);
        Assert.Contains("internal/evbus-test: delivered", await error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_is_said()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "There is no /dev/full here.");
        var ran = await Finish(Start("seq 1 3 | TESTER --input - --output raw >/dev/full"));
        Assert.Equal(1, ran.Code);
        Assert.Contains("standard output cannot be written", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_console_publisher_writes_to_standard_output_and_calls_nothing_delivered_that_nobody_took()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The shell of these tests is /bin/sh.");
        var profile = Path.Combine(Directory.CreateTempSubdirectory("evbus-console-").FullName, "c.yml");
        await File.WriteAllTextAsync(profile, "console: {out: {format: body}}\n");
        var all = await Finish(Start($"seq 1 20000 | TESTER --input - --quiet --acct-file '{profile}'"));
        Assert.Equal((0, string.Concat(Enumerable.Range(1, 20_000).Select(n => $"{n}\n"))), (all.Code, all.Output));
        var cut = await Finish(Start($"{{ seq 1 200000 | TESTER --input - --quiet --summary --drain-timeout 1s --acct-file '{profile}'; echo \"exit code $?\" >&2; }} | head -n 1"));
        Assert.Equal("1\n", cut.Output);
        Assert.Contains("standard output takes nothing any more", cut.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("delivered 200,000", cut.Error, StringComparison.Ordinal);
        Assert.EndsWith("exit code 1\n", cut.Error, StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(profile)!, recursive: true);
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
