using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Faults;

/// <summary>The end of a bus whose journal has failed: what can still be delivered is, what never comes is not waited for. Time stands.</summary>
public class FailedJournalTests
{
    private const int StoppedWithQueued = 4;
    private const int StoppedUnconfirmed = 5;
    private const int JournalFailed = 304;

    private readonly FaultStorage _storage = new();
    private readonly SaidLog _said = new();
    private readonly FakeClock _clock = new();

    private EventBus Create(ScriptedPublisher publisher) => EventBus.Create(bus =>
    {
        bus.UseStorage(_storage).Publisher("a", publisher);
        bus.LoggerFactory = _said;
        bus.Options = bus.Options with { Time = _clock };
    });

    private void FailSyncOfLog(Action? before = null) => _storage.BeforeSync = name =>
    {
        if (!name.StartsWith("log/", StringComparison.Ordinal))
            return;
        before?.Invoke();
        throw new IOException("Input/output error");
    };

    [Fact]
    public async Task A_stop_after_a_failed_fsync_waits_for_nothing_and_says_what_was_never_confirmed()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(publisher);
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(0), Receipt.Delivered()).AsTask().Soon();
        FailSyncOfLog();
        Assert.True(bus.TryPut(Given.Event(1)).IsAccepted);
        await Given.UntilAsync(() => _said.Of(JournalFailed).Any());
        var status = await bus.StopAsync(TimeSpan.FromHours(1)).Soon();
        Assert.Equal([0], publisher.Delivered.Numbers());
        Assert.Equal((2L, 1L, 1L), (status.Accepted, status.Lanes.Single().Delivered, status.Lanes.Single().Queued));
        status.AssertBalanced();
        var said = Assert.Single(_said.Of(StoppedUnconfirmed));
        Assert.Contains("Input/output error", said, StringComparison.Ordinal);
        Assert.Contains("1 accepted events were never confirmed", said, StringComparison.Ordinal);
        Assert.Empty(_said.Of(StoppedWithQueued));
    }

    [Fact]
    public async Task A_stop_that_waits_for_the_disk_ends_when_the_disk_fails()
    {
        using var release = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        await using var bus = Create(new ScriptedPublisher());
        await bus.StartAsync();
        FailSyncOfLog(() =>
        {
            entered.Set();
            release.Wait(Given.Patience);
        });
        Assert.True(bus.TryPut(Given.Event(0)).IsAccepted);
        var awaited = bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask();
        Assert.True(entered.Wait(Given.Patience));
        var stop = bus.StopAsync(TimeSpan.FromHours(1));
        await Given.UntilAsync(() => bus.GetStatus().State == BusState.Stopping);
        Assert.False(stop.IsCompleted);
        release.Set();
        Assert.Equal(2, (await stop.Soon()).Lanes.Single().Queued);
        Assert.Equal(PutOutcome.Abandoned, (await awaited.Soon()).Outcome);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cursor_that_cannot_be_written_is_the_journals_trouble_and_costs_no_lane(bool isFull)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(publisher);
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(0), Receipt.Delivered()).AsTask().Soon();
        _storage.BeforeWrite = name =>
        {
            if (name.StartsWith("lanes/", StringComparison.Ordinal))
                throw isFull ? new StorageFullException("No space left on device") : new IOException("Input/output error");
        };
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon()).Outcome);
        Assert.Equal((LaneState.Flowing, null, 2L), (bus.Lane("a").State, bus.Lane("a").Trouble, bus.Lane("a").Delivered));
        // On a full disk events may come twice after a kill; any other error is the end of it, said once.
        Assert.Equal(isFull, (await bus.PutAsync(Given.Event(2)).AsTask().Soon()).IsAccepted);
        Assert.Equal(isFull ? 0 : 1, _said.Of(JournalFailed).Count());
        _storage.BeforeWrite = null;
        (await bus.StopAsync().Soon()).AssertBalanced();
    }

    [Fact]
    public async Task What_is_on_disk_and_under_way_is_still_waited_for()
    {
        var answer = new TaskCompletionSource();
        var publisher = new ScriptedPublisher();
        publisher.Then(async (_, cancellationToken) =>
        {
            await answer.Task.WaitAsync(cancellationToken);
            return PublishResult.Delivered;
        });
        await using var bus = Create(publisher);
        await bus.StartAsync();
        for (var i = 0; i < 3; i++)
            await bus.PutAsync(Given.Event(i), Receipt.Durable).AsTask().Soon();
        FailSyncOfLog();
        Assert.Equal(RefusalReason.JournalFailed, (await bus.PutAsync(Given.Event(3), Receipt.Durable).AsTask().Soon()).Refusal);
        var stop = bus.StopAsync(TimeSpan.FromHours(1));
        await Given.UntilAsync(() => bus.GetStatus().State == BusState.Stopping);
        Assert.False(stop.IsCompleted);
        answer.SetResult();
        Assert.Equal((3L, 1L), ((await stop.Soon()).Lanes.Single().Delivered, (await stop).Lanes.Single().Queued));
        Assert.Equal([0, 1, 2], publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task Who_waits_for_a_lane_to_drain_is_told_that_the_rest_never_comes()
    {
        await using var bus = Create(new ScriptedPublisher());
        await bus.StartAsync();
        FailSyncOfLog();
        Assert.True(bus.TryPut(Given.Event(0)).IsAccepted);
        var error = await Assert.ThrowsAsync<EvBusException>(() => bus.Lanes.DrainAsync("a").AsTask().Soon());
        Assert.Contains("cannot write", error.Message, StringComparison.Ordinal);
    }
}
