using System.Diagnostics;
using Xunit;

namespace EvBus.Tools.Tests.Tester;

/// <summary>The tester on a disk whose system calls fail: a real process, real files, and the system's own answer replaced.</summary>
public sealed class FailingDiskTests : IDisposable
{
    private const int NotPermitted = 1, InputOutput = 5, TooManyFiles = 24, NoSpace = 28, ReadOnlyFiles = 30, QuotaExceeded = 122, Nfs = 0x6969;

    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-disk-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(InputOutput, "Input/output error")]
    [InlineData(ReadOnlyFiles, "Read-only file system")]
    [InlineData(NoSpace, "No space left on device")]
    public async Task A_durable_put_is_refused_when_the_disk_refuses_the_fsync(int errno, string said)
    {
        // The file of the log is made first, so that it is the group's own fsync that fails.
        await RunAsync(null, "--count", "1");
        var shim = SystemCallShim.Make(_folder);
        var (code, errors) = await RunAsync(start => shim.Load(start, "fsync", errno, ".evj"), "--count", "3", "--receipts-to", At("receipts"));
        Assert.NotEqual(0, code);
        Assert.Contains(said, errors, StringComparison.Ordinal);
        Assert.Contains(".evj", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Durable", File.ReadAllText(At("receipts")), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_file_that_cannot_be_made_for_a_moment_holds_up_the_puts_and_ends_nothing()
    {
        var shim = SystemCallShim.Make(_folder);
        File.WriteAllText(At("while"), "");
        using var child = Start(start => shim.Load(start, "open", TooManyFiles, ".evj", At("while")), "--count", "3");
        var errors = "";
        while (!errors.Contains("no file can be made", StringComparison.Ordinal) && await child.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            errors += line + "\n";
        File.Delete(At("while"));
        errors += await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, errors);
        Assert.Contains("Too many open files", errors, StringComparison.Ordinal);
        Assert.Equal(3, File.ReadAllLines(At("output")).Length);
    }

    [Fact]
    public async Task A_quota_that_is_used_up_is_a_full_disk_and_not_a_broken_one()
    {
        var shim = SystemCallShim.Make(_folder);
        File.WriteAllText(At("while"), "");
        using var child = Start(start => shim.Load(start, "open", QuotaExceeded, ".evj", At("while")), "--count", "3");
        var errors = "";
        while (!errors.Contains("no room on the disk", StringComparison.Ordinal) && await child.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            errors += line + "\n";
        File.Delete(At("while"));
        errors += await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, errors);
        Assert.Equal(3, File.ReadAllLines(At("output")).Length);
    }

    [Fact]
    public async Task No_error_deletes_a_file_that_was_there_before()
    {
        await RunAsync(null, "--count", "3");
        var before = Directory.GetFiles(At("journal"), "*", SearchOption.AllDirectories).Order().ToArray();
        var shim = SystemCallShim.Make(_folder);
        // As an overlay answers that has no room to copy a file up from a lower layer.
        var (code, errors) = await RunAsync(start => shim.Load(start, "open", NoSpace, "/journal/checkpoint"), "--count", "1");
        Assert.NotEqual(0, code);
        Assert.Contains("No space left on device", errors, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFiles(At("journal"), "*", SearchOption.AllDirectories).Order());
    }

    [Fact]
    public async Task A_file_system_that_refuses_chmod_is_no_obstacle()
    {
        var shim = SystemCallShim.Make(_folder);
        var (code, errors) = await RunAsync(start => shim.Load(start, "fchmod", NotPermitted, "/journal/"), "--count", "3");
        Assert.True(code == 0, errors);
    }

    [Fact]
    public async Task A_network_file_system_is_warned_about()
    {
        var shim = SystemCallShim.Make(_folder);
        var (code, errors) = await RunAsync(start => shim.Load(start, "statfs", Nfs, "/journal"), "--count", "1");
        Assert.True(code == 0, errors);
        Assert.Contains("is on a network file system (NFS)", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("network file system", (await RunAsync(null, "--count", "1")).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_limit_on_the_size_of_files_makes_them_smaller_and_kills_nobody()
    {
        // bash counts in KiB: less than a segment. The runtime itself needs larger files for its code unless that is switched off.
        using var child = Process.Start(Shell("ulimit -f 1000; export DOTNET_EnableWriteXorExecute=0; exec dotnet \"$@\"", "--count", "3"))!;
        var errors = await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, errors);
        Assert.Equal(3, File.ReadAllLines(At("output")).Length);
    }

    [Fact]
    public async Task Files_of_the_journal_are_for_their_owner_alone_from_the_first_moment()
    {
        // Folders as a package or a restored copy leaves them.
        Directory.CreateDirectory(At("journal/log"));
        using var child = Process.Start(Shell($"umask 022; exec strace -f -qq -e trace=openat,open -o {At("trace")} dotnet \"$@\"", "--count", "1"))!;
        var errors = await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.SkipWhen(child.ExitCode == 127 && Environment.GetEnvironmentVariable("CI") != "true", "There is no strace here.");
        Assert.True(child.ExitCode == 0, errors);
        Assert.Contains("others than its owner may look into", errors, StringComparison.Ordinal);
        var made = File.ReadLines(At("trace")).Where(line => line.Contains("O_CREAT", StringComparison.Ordinal) && line.Contains("/journal/", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(made);
        Assert.All(made, line => Assert.Contains(", 0600)", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_second_process_is_kept_out_although_the_lock_file_is_gone_and_NET_does_not_lock(bool isLockGone)
    {
        using var first = Start(NoLocking, "--input", "-");
        await first.StandardInput.WriteAsync("1\n");
        await first.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => File.Exists(At("journal/lock.owner")));
        if (isLockGone)
            File.Delete(At("journal/lock"));
        var (code, errors) = await RunAsync(NoLocking, "--count", "1");
        Assert.NotEqual(0, code);
        Assert.Contains("is in use by process", errors, StringComparison.Ordinal);
        first.StandardInput.Close();
        await first.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, first.ExitCode);

        static ProcessStartInfo NoLocking(ProcessStartInfo start)
        {
            start.Environment["DOTNET_SYSTEM_IO_DISABLEFILELOCKING"] = "1";
            return start;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_journal_whose_folder_is_taken_away_says_so_and_touches_nobody_else_s(bool isRemoved)
    {
        using var first = Start(null, "--input", "-", "--receipts-to", At("receipts"));
        await first.StandardInput.WriteAsync("1\n");
        await first.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => File.Exists(At("receipts")) && File.ReadAllLines(At("receipts")).Length > 0);
        if (isRemoved)
            Directory.Delete(At("journal"), recursive: true);
        else
            Directory.Move(At("journal"), At("elsewhere"));
        var (code, errors) = await RunAsync(null, "--count", "2");
        Assert.True(code == 0, errors);
        var theirs = Directory.GetFiles(At("journal"), "*", SearchOption.AllDirectories).Order().ToArray();

        // Noticed at the latest by the stop.
        await first.StandardInput.WriteAsync("2\n3\n");
        first.StandardInput.Close();
        var said = await first.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await first.WaitForExitAsync(TestContext.Current.CancellationToken);
        // Which of the two depends on whether the first process looked before the second had made its own folder.
        Assert.Matches("was (removed or renamed|replaced by another|removed while)", said);
        Assert.Equal(theirs, Directory.GetFiles(At("journal"), "*", SearchOption.AllDirectories).Order());
        Assert.Equal(0, (await RunAsync(null, "--count", "1")).Code);
    }

    private async Task<(int Code, string Errors)> RunAsync(Func<ProcessStartInfo, ProcessStartInfo>? with, params string[] words)
    {
        using var child = Start(with, words);
        child.StandardInput.Close();
        var errors = await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (child.ExitCode, errors);
    }

    private Process Start(Func<ProcessStartInfo, ProcessStartInfo>? with, params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", Arguments(words)) { RedirectStandardInput = true, RedirectStandardError = true };
        return Process.Start((with ?? (static start => start))(start))!;
    }

    private ProcessStartInfo Shell(string command, params string[] words) =>
        new("bash", ["-c", command, "bash", .. Arguments(words)]) { RedirectStandardError = true, RedirectStandardOutput = true };

    private string[] Arguments(string[] words)
    {
        File.WriteAllText(At("c.yml"), $"file: {{out: {{path: {At("output")}}}}}\n");
        return [Path.Combine(AppContext.BaseDirectory, "evbus-test.dll"), .. words, .. words.Contains("--input") ? Array.Empty<string>() : ["--random"],
            "--quiet", .. words.Contains("--input") ? Array.Empty<string>() : ["--drain-timeout", "2s"], "--receipt", "durable", "--journal", At("journal"), "--acct-file", At("c.yml")];
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
