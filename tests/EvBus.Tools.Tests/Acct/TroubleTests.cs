using System.Diagnostics;
using System.Runtime.InteropServices;
using EvBus.Acct;
using EvBus.Tools.Acct;

namespace EvBus.Tools.Tests.Acct;

/// <summary>A system in trouble: one line and an exit code, never a stack trace, never a lost file.</summary>
public class TroubleTests
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("decrypt c.fernet > /dev/full", 1, "Standard output cannot be written: No space left on device.")]
    [InlineData("decrypt c.fernet >&-", 1, "Standard output cannot be written: it is closed.")]
    [InlineData("encrypt credentials.yml > /dev/full", 1, "The key is lost with it")]
    [InlineData("credentials.yml >&-", 1, "The key is lost with it")]
    [InlineData("--help > /dev/full", 1, "Standard output cannot be written")]
    [InlineData("--version >&-", 1, "Standard output cannot be written")]
    [InlineData("decrypt none 2>&-", 2, "")]
    [InlineData("decrypt none 2> /dev/full", 2, "")]
    [InlineData("decrypt c.fernet <&- > /dev/null", 0, "")]
    [InlineData("decrypt folder", 2, "it is a folder")]
    [InlineData("encrypt folder", 2, "it is a folder")]
    [InlineData("edit folder --editor true", 2, "it is a folder")]
    [InlineData("encrypt credentials.yml --output-file folder", 1, "it is a folder")]
    [InlineData("encrypt credentials.yml --output-file pipe", 1, "it is no plain file")]
    [InlineData("encrypt credentials.yml --output-file /proc/none", 2, "cannot be written")]
    [InlineData("encrypt binary", 2, "not UTF-8")]
    [InlineData("decrypt binary --acct-key-file key", 1, "wrong key")]
    [InlineData("decrypt c.fernet --acct-key-file ''", 2, "is empty")]
    [InlineData("decrypt ''", 2, "No file is named")]
    [InlineData("''", 2, "No file is named")]
    [InlineData("edit c.fernet --acct-key-file key --editor '/no such/editor'", 1, "there is no such command; set EDITOR")]
    [InlineData("edit c.fernet --acct-key-file key --editor true --output-file none/x", 2, "there is no such folder")]
    [InlineData("edit c.fernet --acct-key-file key --editor true --output-file pipe", 1, "it is no plain file")]
    public async Task Trouble_is_one_line_and_an_exit_code(string words, int expected, string reason)
    {
        using var run = Prepared();
        var before = File.ReadAllBytes(run["c.fernet"]);
        var (code, _, error) = await ShellAsync(run, words, words.Contains("--acct-key-file", StringComparison.Ordinal) || reason.Contains("lost", StringComparison.Ordinal) || words.StartsWith("encrypt", StringComparison.Ordinal) ? null : AcctRun.Key, s_bound);
        Assert.True(expected == code, $"Exit code {code}: {error}");
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
        Assert.Equal(expected == 0 || reason.Length == 0 ? 0 : 1, error.Split('\n').Count(line => line.StartsWith("error: ", StringComparison.Ordinal)));
        Assert.Equal(before, File.ReadAllBytes(run["c.fernet"]));
        Assert.False(new FileInfo(run["pipe"]).Length > 0);
        Assert.DoesNotContain(run.Files, name => name.StartsWith('.'));
    }

    [Fact]
    public async Task A_key_that_nobody_reads_is_said_to_be_lost()
    {
        using var run = Prepared();
        // The reader is gone before the key comes, whatever the machine is busy with.
        var (_, output, _) = await ShellAsync(
            run, "encrypt credentials.yml 2> err; echo $? > code; } | { exec <&-; touch gone; until [ -s code ]; do :; done; }", null, s_bound, opening: "{ until [ -e gone ]; do :; done; ");
        Assert.Empty(output);
        Assert.Equal("1", File.ReadAllText(run["code"]).Trim());
        Assert.Contains("Broken pipe. The key is lost with it", File.ReadAllText(run["err"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_and_key_are_each_read_once_so_that_both_may_be_pipes()
    {
        using var run = Prepared();
        var command = $"echo asked >> {run["asked"]}; cat {run["key"]}";
        Assert.Equal((0, "", ""), await run.RunAsync("edit", run["c.fernet"], "--acct-key-command", command, "--editor", "sed -i s/hunter2/hunter3/"));
        Assert.Equal("asked\n", File.ReadAllText(run["asked"]));
        var (code, output, error) = await ShellAsync(run, "decrypt /dev/stdin --acct-key-file pipe < c.fernet & cat key > pipe; wait $!", null, s_bound);
        Assert.Equal((0, "pika:\n  default:\n    password: hunter3\n"), (code, output));
        Assert.DoesNotContain("error", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("encrypt")]
    [InlineData("edit")]
    public async Task An_output_file_without_a_name_is_an_error(string command)
    {
        using var run = Prepared();
        run.Environment["ACCT_KEY"] = AcctRun.Key;
        var (code, _, error) = await run.RunAsync(command, run[command == "edit" ? "c.fernet" : "credentials.yml"], "--output-file", "");
        Assert.Equal((2, "error: --output-file names no file.\n"), (code, error));
    }

    [Fact]
    public async Task Nobody_edits_for_a_file_that_cannot_be_written()
    {
        using var run = Prepared();
        run.Environment["ACCT_KEY"] = AcctRun.Key;
        var (code, _, error) = await run.RunAsync("edit", run["c.fernet"], "--output-file", run["none/x"], "--editor", $"touch {run["started"]}");
        Assert.Equal(2, code);
        Assert.Contains("there is no such folder", error, StringComparison.Ordinal);
        Assert.False(File.Exists(run["started"]));
    }

    [Fact]
    public async Task An_editor_of_blanks_alone_is_none()
    {
        using var run = Prepared();
        (run.Environment["ACCT_KEY"], run.Environment["EDITOR"]) = (AcctRun.Key, "sed -i s/hunter2/hunter3/");
        Assert.Equal(0, (await run.RunAsync("edit", run["c.fernet"], "--editor", "  ")).Code);
        Assert.Contains("hunter3", (await run.RunAsync("decrypt", run["c.fernet"])).Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("HUP")]
    public async Task A_signal_ends_the_editor_and_leaves_no_clear_text(string signal)
    {
        using var run = Prepared();
        var before = File.ReadAllBytes(run["c.fernet"]);
        var editor = $"sh -c 'dirname \"$1\" > {run["pipe"]}; exec sleep 1000' sh";
        using var child = Start(new ProcessStartInfo("dotnet", [Tool, "edit", run["c.fernet"], "--editor", editor]), AcctRun.Key);
        var workspace = (await File.ReadAllTextAsync(run["pipe"], TestContext.Current.CancellationToken).WaitAsync(s_bound, TestContext.Current.CancellationToken)).Trim();
        Assert.True(File.Exists(Path.Combine(workspace, "credentials.yml")));
        using (var kill = Process.Start("kill", ["-" + signal, child.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(s_bound, TestContext.Current.CancellationToken);
        Assert.NotEqual(0, child.ExitCode);
        Assert.False(Directory.Exists(workspace));
        Assert.Equal(before, File.ReadAllBytes(run["c.fernet"]));
    }

    [Fact]
    public void A_signal_between_two_editors_wipes_the_clear_text_and_ends_the_program()
    {
        using var workspace = new PrivateFolder();
        using var signals = new EditorSignals(workspace);
        var path = workspace.Write("credentials.yml", "hunter2");
        var context = new PosixSignalContext(PosixSignal.SIGTERM);
        signals.Handle(context);
        Assert.False(context.Cancel);
        Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
    }

    private static string Tool => Path.Combine(AppContext.BaseDirectory, "acct.dll");

    private static AcctRun Prepared()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("These troubles are made with the shell and the devices of Linux.");
        var run = new AcctRun();
        run.Write("key", AcctRun.Key);
        using (var key = AcctKey.Parse(AcctRun.Key))
            AcctFile.Save(run["c.fernet"], AcctDocument.ParseYaml(System.Text.Encoding.UTF8.GetBytes(AcctRun.Plain), "test"), key);
        File.WriteAllBytes(run["binary"], [.. Enumerable.Range(128, 128).Select(each => (byte)each), .. new byte[200]]);
        Directory.CreateDirectory(run["folder"]);
        using var fifo = Process.Start("mkfifo", [run["pipe"]]);
        fifo.WaitForExit();
        return run;
    }

    private static async Task<(int Code, string Out, string Error)> ShellAsync(AcctRun run, string words, string? key, TimeSpan bound, string opening = "")
    {
        using var child = Start(new ProcessStartInfo("/bin/sh", ["-c", $"{opening}dotnet '{Tool}' {words}"]) { WorkingDirectory = Path.GetDirectoryName(run["x"]) }, key);
        var error = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(bound, TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(bound, TestContext.Current.CancellationToken);
        return (child.ExitCode, output, await error);
    }

    private static Process Start(ProcessStartInfo start, string? key)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.Environment.Remove("ACCT_KEY");
        start.Environment.Remove("ACCT_FILE");
        if (key is not null)
            start.Environment["ACCT_KEY"] = key;
        return Process.Start(start)!;
    }
}
