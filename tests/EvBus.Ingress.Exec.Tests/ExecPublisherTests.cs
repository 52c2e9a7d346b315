using EvBus.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Exec.Tests;

public sealed class ExecPublisherTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-exec-").FullName;

    private string Output => Path.Combine(_folder, "out");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_program_that_is_killed_again_and_again_loses_nothing()
    {
        Programs.NeedPython();
        const int Count = 3000;
        const int Kills = 8;
        ExecPublisher? last = null;
        var profile = Profile(("command", new List<object?> { "python3", Programs.Path("programs/keeper.py") }));
        await using var bus = await EventBus.StartAsync(
            o => o.AddIngress(
                new IngressDescriptor
                {
                    Name = "exec",
                    NeedsProfile = false,
                    Create = _ => last = new ExecPublisher(new IngressContext("exec/test", profile, null, null, NullLogger.Instance, TimeProvider.System), ExecIngressOptions.Read(profile)),
                },
                lane: new LaneOptions { BatchEvents = 40, RetryInitial = TimeSpan.FromMilliseconds(10), RetryMax = TimeSpan.FromMilliseconds(50) }),
            TestContext.Current.CancellationToken);
        for (var round = 0; round < Kills; round++)
        {
            var before = bus.GetStatus().Lanes[0].Delivered;
            for (var i = 0; i < Count / Kills; i++)
                await bus.PutAsync(new BusEvent($"\"{round}-{i}\"", new EventAttributes { Id = $"{round}-{i}" }));
            // In the middle of it.
            await UntilAsync(() => bus.GetStatus().Lanes[0] is var lane && (lane.Delivered > before || lane.Queued == 0));
            Programs.Kill(last!);
        }
        await UntilAsync(() => bus.GetStatus().Lanes[0].Queued == 0);
        var status = (await bus.StopAsync()).Lanes[0];
        Assert.Equal((Count, 0, 0), (status.Delivered, status.Dead, status.Dropped));
        var arrived = File.ReadAllBytes(Output).Lines().Select(line => ReceivedEvent.FromCloudEvent(line).Attributes["id"]).ToHashSet();
        Assert.Equal(Count, arrived.Count);
    }

    [Fact]
    public async Task The_sample_in_Python_carries_events()
    {
        Programs.NeedPython();
        await using var publisher = await ConnectAsync(("command", new List<object?> { "python3", Programs.Path("samples/plugin.py") }));
        var result = await publisher.PublishOneAsync(EventBatch.Of(new BusEvent("one"), new BusEvent(ReadOnlyMemory<byte>.Empty), new BusEvent("{\"n\":1}"u8.ToArray())));
        Assert.Equal([Verdict.Delivered, Verdict.Rejected, Verdict.Delivered], result.Each!.Select(each => each.Verdict));
        Assert.Equal("it has no data", result.Each![1].Reason);
        Assert.Equal(["\"one\"", "{\"n\": 1}"], File.ReadAllLines(Output));
    }

    [Fact]
    public async Task The_sample_as_a_shell_script_carries_events()
    {
        await using var publisher = await ConnectAsync(("command", new List<object?> { "sh", Programs.Path("samples/plugin.sh") }), ("format", "body"));
        var events = Enumerable.Range(0, 50).Select(i => new BusEvent($"line {i} \\n $HOME")).ToArray();
        Assert.Equal(PublishResult.Delivered, await publisher.PublishOneAsync(EventBatch.Of(events)));
        Assert.Equal(events.Select(evt => evt.GetText()), File.ReadAllLines(Output));
    }

    [Theory]
    [InlineData("echo 'credit 5'; read x; echo 'retry busy'; read x; echo 'reject never'; read x; echo ok; cat", "Retry busy,Rejected never,Delivered ")]
    [InlineData("echo 'credit 5'; read x; read x; read x; echo 'ok 3'; cat", "Delivered ,Delivered ,Delivered ")]
    [InlineData("echo 'credit 1'; for i in 1 2 3; do read x; echo ok; done; cat", "Delivered ,Delivered ,Delivered ")]
    [InlineData("echo 'credit 5'; read x; echo ok; echo 'out of disk' >&2; exit 7", "Delivered ,Disconnected sh ended with exit code 7: out of disk.,Disconnected sh ended with exit code 7: out of disk.")]
    public async Task Answers_are_verdicts_in_the_order_of_the_events(string script, string expected)
    {
        await using var publisher = await ConnectAsync(("command", new List<object?> { "sh", "-c", script }));
        var result = await publisher.PublishOneAsync(EventBatch.Of(new BusEvent("1"), new BusEvent("2"), new BusEvent("3")));
        var each = result.Each ?? [.. Enumerable.Repeat(new EventVerdict(result.Verdict, result.Reason), 3)];
        Assert.Equal(expected, string.Join(',', each.Select(verdict => $"{verdict.Verdict} {verdict.Reason}")));
    }

    [Theory]
    [InlineData("echo 'credit 5'; read x; echo hello; cat", "a line begins with credit, ok, retry or reject. It said: hello")]
    [InlineData("echo 'credit 5'; read x; echo 'ok 2'; cat", "it answers more events than it was given")]
    [InlineData("echo 'credit 5'; read x; echo 'ok many'; cat", "'ok' is followed by a whole number from 1 to 1000000")]
    public async Task A_program_that_does_not_keep_the_protocol_is_ended_and_told_why(string script, string why)
    {
        await using var publisher = await ConnectAsync(("command", new List<object?> { "sh", "-c", script }));
        var result = await publisher.PublishOneAsync(EventBatch.Of(new BusEvent("1")));
        // What was answered before the mistake counts.
        if (why.StartsWith("it answers", StringComparison.Ordinal))
        {
            await UntilAsync(() => publisher.Condition.State == ConnectionState.Lost);
            Assert.Contains(why, publisher.Condition.Reason, StringComparison.Ordinal);
            return;
        }
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains(why, result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_dies_idle_is_said_to_be_lost_at_once()
    {
        await using var publisher = await ConnectAsync(("command", new List<object?> { "sh", "-c", "echo 'credit 5'; cat" }));
        var told = new TaskCompletionSource();
        publisher.ConditionChanged += () => told.TrySetResult();
        Assert.Equal(ConnectionState.Open, publisher.Condition.State);
        Programs.Kill(publisher);
        await told.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(ConnectionState.Lost, publisher.Condition.State);
        await publisher.ConnectAsync(default);
        Assert.Equal(ConnectionState.Open, publisher.Condition.State);
    }

    [Fact]
    public async Task A_program_that_gives_no_credit_is_given_up_in_time()
    {
        var clock = new FakeClock();
        var profile = Profile(("command", new List<object?> { "sh", "-c", "cat" }), ("start_timeout", 3L));
        await using var publisher = new ExecPublisher(new IngressContext("exec/test", profile, null, null, NullLogger.Instance, clock), ExecIngressOptions.Read(profile));
        var connect = publisher.ConnectAsync(default).AsTask();
        await clock.WaitForTimersAsync();
        clock.Advance(TimeSpan.FromSeconds(3));
        var e = await Assert.ThrowsAsync<EvBusException>(() => connect);
        Assert.Contains("has not said credit within 3 s", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_does_not_end_is_killed_with_its_children()
    {
        await using var publisher = await ConnectAsync(("command", new List<object?> { "sh", "-c", "echo 'credit 5'; trap '' HUP TERM; while :; do sleep 1; done" }), ("stop_timeout", 1L));
        var id = publisher.ProcessId!.Value;
        await publisher.DisposeAsync();
        Assert.Throws<ArgumentException>(() => System.Diagnostics.Process.GetProcessById(id).Dispose());
    }

    [Fact]
    public async Task Without_answers_what_the_input_took_is_delivered()
    {
        var publisher = await ConnectAsync(("command", new List<object?> { "sh", "-c", "cat >\"$OUTPUT\"" }), ("answers", "none"), ("format", "body"));
        await using (publisher)
            Assert.Equal(PublishResult.Delivered, await publisher.PublishOneAsync(EventBatch.Of(new BusEvent("1"), new BusEvent("2"))));
        // Its input has ended, so it has.
        Assert.Equal(["1", "2"], File.ReadAllLines(Output));
    }

    [Fact]
    public void All_errors_of_a_profile_come_at_once_without_its_secrets()
    {
        var errors = ExecIngress.Descriptor.Validate!(new Profile("exec", "test", new Dictionary<string, object?>
        {
            ["format"] = "xml", ["answers"] = "maybe", ["start_timeout"] = 0L, ["stop_timeout"] = 1000L, ["shell"] = "s3cret", ["environment"] = "s3cret",
        }));
        Assert.Equal(7, errors.Count);
        Assert.All(errors, error => Assert.DoesNotContain("s3cret", error, StringComparison.Ordinal));
    }

    private static async Task UntilAsync(Func<bool> reached)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!reached())
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, bound.Token);
    }

    private async Task<ExecPublisher> ConnectAsync(params (string, object?)[] values)
    {
        var profile = Profile(values);
        var publisher = new ExecPublisher(new IngressContext("exec/test", profile, null, null, NullLogger.Instance, TimeProvider.System), ExecIngressOptions.Read(profile));
        await publisher.ConnectAsync(default);
        return publisher;
    }

    private Profile Profile(params (string Key, object? Value)[] values) => new("exec", "test", new Dictionary<string, object?>(values.Select(each => KeyValuePair.Create(each.Key, each.Value)))
    {
        ["environment"] = new Dictionary<string, object?> { ["OUTPUT"] = Output },
    });
}

internal static class Publishing
{
    public static async Task<PublishResult> PublishOneAsync(this ExecPublisher publisher, EventBatch batch) =>
        await ((IPublisher)publisher).PublishAsync(batch, TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
}
