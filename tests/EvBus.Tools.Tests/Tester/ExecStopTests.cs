using System.Diagnostics;

namespace EvBus.Tools.Tests.Tester;

/// <summary>What an end of the process does to the programs of exec profiles, which only a process of its own can show.</summary>
public sealed class ExecStopTests : IDisposable
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-stop-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [Fact]
    public async Task A_stop_that_is_shorter_than_the_program_s_leaves_nothing_of_it_running()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "What runs is read from /proc.");
        await File.WriteAllTextAsync(At("hang.sh"), $"trap '' TERM HUP INT\nsleep 300 & echo $! >{At("child")}\necho $$ >{At("program")}\necho credit 10\nwhile :; do sleep 1; done\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(At("c.yml"), $"exec: {{hang: {{command: [sh, {At("hang.sh")}], stop_timeout: 60}}}}\n", TestContext.Current.CancellationToken);
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "evbus-test.dll"), "--random", "--rate", "10", "--quiet", "--drain-timeout", "1s", "--acct-file", At("c.yml")]);
        start.Environment.Remove("ACCT_KEY");
        using var tester = Process.Start(start)!;
        var ids = new[] { await FoundAsync("program"), await FoundAsync("child") };
        using (var kill = Process.Start("kill", ["-TERM", tester.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await tester.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(s_soon, TestContext.Current.CancellationToken);
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        while (ids.Any(IsRunning))
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, bound.Token);
    }

    // A zombie that nobody has buried yet runs no more.
    private static bool IsRunning(string id)
    {
        try
        {
            return !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task<string> FoundAsync(string name)
    {
        using var bound = new CancellationTokenSource(s_soon);
        while (!File.Exists(At(name)) || new FileInfo(At(name)).Length == 0)
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, bound.Token);
        return (await File.ReadAllTextAsync(At(name), bound.Token)).Trim();
    }
}
