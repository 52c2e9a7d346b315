using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Exec.Tests;

/// <summary>What a program leaves behind, how much it says, and what it is given: real processes of a real shell.</summary>
public sealed class ProcessTests : IDisposable
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(20);
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-process-").FullName;

    private CancellationToken Bound => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [Fact]
    public async Task A_program_that_dies_is_noticed_although_its_child_holds_the_pipes()
    {
        await using var publisher = await ConnectAsync("sleep 300 & echo $! >child; echo credit 10; read l; echo ok; exit 3");
        var result = await PublishAsync(publisher, "1", "2").WaitAsync(s_soon, Bound);
        Assert.Equal([Verdict.Delivered, Verdict.Disconnected], result.Each!.Select(each => each.Verdict));
        Assert.Equal("sh ended with exit code 3.", result.Each![1].Reason);
        await GoneAsync("child");
    }

    [Fact]
    public async Task A_child_that_outlived_the_program_is_killed_at_the_stop()
    {
        await using (await ConnectAsync("(sleep 300 & echo $! >child); echo credit 10; cat"))
            await FoundAsync("child");
        await GoneAsync("child");
    }

    [Fact]
    public async Task A_program_that_hangs_is_killed_with_a_child_whose_parent_has_ended()
    {
        await using (await ConnectAsync("(trap '' TERM HUP; sleep 300 & echo $! >child); trap '' TERM HUP; echo credit 10; while :; do sleep 1; done"))
            await FoundAsync("child");
        await GoneAsync("child");
    }

    [Fact]
    public async Task What_the_program_left_may_finish_after_the_end_of_its_input()
    {
        await using (var publisher = await ConnectAsync("echo credit 10; read l; echo ok; cat >/dev/null; (sleep 0.3; echo all >finished) &"))
            Assert.Equal(PublishResult.Delivered, await PublishAsync(publisher, "1"));
        Assert.Equal("all\n", await File.ReadAllTextAsync(At("finished"), Bound));
    }

    [Fact]
    public async Task A_child_in_a_session_of_its_own_holds_up_nothing_either()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux has setsid for certain.");
        await using var publisher = await ConnectAsync("setsid sleep 30 & echo $! >child; echo credit 10; read l; echo ok; exit 3");
        try
        {
            var result = await PublishAsync(publisher, "1", "2").WaitAsync(s_soon, Bound);
            Assert.Equal("sh ended with exit code 3.", result.Each![1].Reason);
            await publisher.DisposeAsync().AsTask().WaitAsync(s_soon, Bound);
        }
        finally
        {
            using var kill = Process.Start("kill", ["-9", await FoundAsync("child")]);
            await kill.WaitForExitAsync(Bound);
        }
    }

    [Fact]
    public async Task A_write_to_a_program_that_reads_nothing_ends_with_the_stop()
    {
        var publisher = await ConnectAsync("sleep 300 & exec sleep 300", ("answers", "none"));
        var result = publisher.WriteAsync(EventBatch.Of(new BusEvent(new string('x', 4_000_000))), Bound).AsTask();
        await publisher.DisposeAsync().AsTask().WaitAsync(s_soon, Bound);
        await result.WaitAsync(s_soon, Bound).ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.True(result.IsCompleted);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("2", false)]
    public async Task A_line_without_an_end_is_not_kept(string stream, bool isMistake)
    {
        var before = GC.GetTotalAllocatedBytes();
        await using var publisher = await ConnectAsync($"echo credit 10; head -c 100000000 /dev/zero >&{stream}; echo >&{stream}; read l; echo ok; cat");
        var result = await PublishAsync(publisher, "1").WaitAsync(TimeSpan.FromSeconds(60), Bound);
        if (isMistake)
            Assert.Contains("a line has at most 65536 bytes", result.Reason, StringComparison.Ordinal);
        else
            Assert.Equal(PublishResult.Delivered, result);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 50_000_000);
    }

    [Fact]
    public async Task A_reason_is_one_line_of_at_most_2000_characters()
    {
        await using var publisher = await ConnectAsync("echo credit 10; read l; printf 'reject \\033[31mbad\\rthing '; head -c 50000 /dev/zero | tr '\\0' x; echo; cat");
        var reason = (await PublishAsync(publisher, "1")).Each!.Single().Reason!;
        Assert.StartsWith(" [31mbad thing xxx", reason, StringComparison.Ordinal);
        Assert.Equal(2001, reason.Length);
        Assert.EndsWith("x…", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_ends_before_it_says_credit_is_told_so()
    {
        await using var publisher = Publisher("exit 0");
        var refusal = await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(Bound));
        Assert.Equal("sh ended with exit code 0 before it said credit.", refusal.Message);
    }

    [Fact]
    public async Task A_program_gets_no_key_of_ours_and_is_ended_by_a_broken_pipe()
    {
        string[] ours = ["ACCT_KEY", "ACCT_KEY_COMMAND", "EVBUS_JOURNAL_KEY", "EVBUS_PROFILES__http__z__token", "EvBus__Journal__Key"];
        foreach (var name in ours)
            Environment.SetEnvironmentVariable(name, "s3cret-of-ours");
        try
        {
            await using var publisher = await ConnectAsync("env >env; grep SigIgn /proc/self/status >signals; echo credit 1; cat", ("environment", new Dictionary<string, object?> { ["TOKEN"] = "its own" }));
        }
        finally
        {
            foreach (var name in ours)
                Environment.SetEnvironmentVariable(name, null);
        }
        var seen = await File.ReadAllTextAsync(At("env"), Bound);
        Assert.DoesNotContain("s3cret-of-ours", seen, StringComparison.Ordinal);
        Assert.Contains("TOKEN=its own", seen, StringComparison.Ordinal);
        Assert.Contains("EVBUS_LANE=exec/test", seen, StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
            Assert.Equal(0UL, ulong.Parse((await File.ReadAllTextAsync(At("signals"), Bound)).Split()[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0x1000);
    }

    [Fact]
    public async Task A_command_that_is_a_text_gets_a_hint_at_the_list()
    {
        var error = Assert.Single(ExecIngress.Descriptor.Validate!(new Profile("exec", "p", new Dictionary<string, object?> { ["command"] = "python3 x.py" })));
        Assert.Contains("as a list", error, StringComparison.Ordinal);
        var profile = new Profile("exec", "p", new Dictionary<string, object?> { ["command"] = "/no/such program -x" });
        Assert.Empty(ExecIngress.Descriptor.Validate!(profile));
        await using var publisher = new ExecPublisher(new IngressContext("exec/p", profile, null, null, NullLogger.Instance, TimeProvider.System), ExecIngressOptions.Read(profile));
        var refusal = await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(Bound));
        Assert.Contains("command: [/no/such, program, -x]", refusal.Message, StringComparison.Ordinal);
    }

    private ExecPublisher Publisher(string script, params (string Key, object? Value)[] more)
    {
        var profile = new Profile("exec", "test", new Dictionary<string, object?>(more.Select(each => KeyValuePair.Create(each.Key, each.Value)))
        {
            ["command"] = new List<object?> { "sh", "-c", script }, ["directory"] = _folder, ["stop_timeout"] = 1L,
        });
        return new ExecPublisher(new IngressContext("exec/test", profile, null, null, NullLogger.Instance, TimeProvider.System), ExecIngressOptions.Read(profile));
    }

    private async Task<ExecPublisher> ConnectAsync(string script, params (string Key, object? Value)[] more)
    {
        var publisher = Publisher(script, more);
        await publisher.ConnectAsync(Bound);
        return publisher;
    }

    private static Task<PublishResult> PublishAsync(ExecPublisher publisher, params string[] bodies) =>
        publisher.PublishOneAsync(EventBatch.Of([.. bodies.Select(body => new BusEvent(body))]));

    private async Task<string> FoundAsync(string name)
    {
        using var bound = new CancellationTokenSource(s_soon);
        while (!File.Exists(At(name)) || new FileInfo(At(name)).Length == 0)
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, bound.Token);
        return (await File.ReadAllTextAsync(At(name), Bound)).Trim();
    }

    // A zombie that nobody has buried yet runs no more.
    private async Task GoneAsync(string name)
    {
        var id = await FoundAsync(name);
        using var bound = new CancellationTokenSource(s_soon);
        while (File.Exists($"/proc/{id}/stat") && !(await File.ReadAllTextAsync($"/proc/{id}/stat", Bound)).Contains(") Z ", StringComparison.Ordinal))
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, bound.Token);
    }
}
