using System.Globalization;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>A journal on disk, used as an application uses it: put, stop, start again.</summary>
public class DiskJournalTests
{
    private static readonly LaneOptions Impatient = new() { RetryInitial = TimeSpan.FromMilliseconds(1), RetryMax = TimeSpan.FromMilliseconds(5) };

    private readonly FaultStorage _storage = new();

    private EventBus Create(FaultStorage storage, ScriptedPublisher publisher, Func<EvBusBuilder, EvBusBuilder>? more = null, string name = "a") => EventBus.Create(bus =>
    {
        bus.UseStorage(storage);
        more?.Invoke(bus);
        bus.Publisher(name, publisher);
    });

    [Fact]
    public async Task A_durable_put_is_delivered_and_says_durable()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(_storage, publisher);
        await bus.StartAsync();
        var result = await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon();
        Assert.Equal(PutOutcome.Durable, result.Outcome);
        await publisher.WaitForEventsAsync(1).Soon();
        var status = await bus.StopAsync().Soon();
        Assert.Equal(1, status.Lanes.Single().Delivered);
        status.AssertBalanced();
    }

    [Fact]
    public async Task What_was_not_delivered_is_delivered_after_a_restart_in_order_and_the_ledger_goes_on()
    {
        var first = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
        await using (var bus = Create(_storage, first))
        {
            await bus.StartAsync();
            for (var i = 0; i < 1000; i++)
                await bus.PutAsync(Given.Event(i)).AsTask().Soon();
            var left = await bus.StopAsync(TimeSpan.Zero).Soon();
            Assert.Equal(1000, left.Lanes.Single().Queued);
        }
        var second = new ScriptedPublisher();
        await using var again = Create(_storage, second);
        await again.StartAsync();
        Assert.Equal(1000, again.GetStatus().Accepted);
        Assert.True((await again.PutAsync(Given.Event(1000))).IsAccepted);
        await second.WaitForEventsAsync(1001).Soon();
        var status = await again.StopAsync().Soon();
        Assert.Equal(Enumerable.Range(0, 1001), second.Delivered.Numbers());
        Assert.Equal((1001L, 1001L, 1001L, 0L), (status.Accepted, status.Lanes.Single().Matched, status.Lanes.Single().Delivered, status.Lanes.Single().Queued));
    }

    [Fact]
    public async Task What_was_delivered_is_not_delivered_again_after_a_kill()
    {
        var first = new ScriptedPublisher();
        await using var bus = Create(_storage, first);
        await bus.StartAsync();
        for (var i = 0; i < 100; i++)
            await bus.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask().Soon();
        var disk = _storage.AfterCrash(null);
        var second = new ScriptedPublisher();
        await using var again = Create(disk, second);
        await again.StartAsync();
        await again.PutAsync(Given.Event(100), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal([100], second.Delivered.Numbers());
        Assert.Equal(101, again.GetStatus().Accepted);
        again.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_lane_far_behind_reads_from_disk_and_files_go_when_it_is_through()
    {
        var open = new TaskCompletionSource();
        var slow = new ScriptedPublisher();
        slow.Then(async (_, cancellationToken) =>
        {
            await open.Task.WaitAsync(cancellationToken);
            return PublishResult.Delivered;
        });
        var fast = new ScriptedPublisher();
        var body = new string('x', 1000);
        await using var bus = Create(_storage, slow, more => more.Publisher("fast", fast));
        bus.GetStatus();
        await bus.StartAsync();
        for (var i = 0; i < 3000; i++)
            await bus.PutAsync(Given.Event(i.ToString(CultureInfo.InvariantCulture) + body)).AsTask().Soon();
        await fast.WaitForEventsAsync(3000).Soon();
        Assert.True(LogBytes() > 3_000_000);
        open.SetResult();
        await slow.WaitForEventsAsync(3000).Soon();
        Assert.Equal(slow.Delivered.Select(evt => evt.Id), fast.Delivered.Select(evt => evt.Id));
        var status = await bus.StopAsync().Soon();
        status.AssertBalanced();
        Assert.InRange(LogBytes(), 0, 3_000_000);
    }

    private long LogBytes() => _storage.Files.Where(file => file.Key.StartsWith("log/", StringComparison.Ordinal)).Sum(file => file.Value);

    [Fact]
    public async Task A_lane_that_appears_later_starts_at_now()
    {
        await using (var bus = Create(_storage, new ScriptedPublisher()))
        {
            await bus.StartAsync();
            await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon();
        }
        var late = new ScriptedPublisher();
        await using var again = Create(_storage, new ScriptedPublisher(), more => more.Publisher("late", late));
        await again.StartAsync();
        await again.PutAsync(Given.Event(2), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal([2], late.Delivered.Numbers());
        again.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task What_was_put_before_the_first_start_is_delivered()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(_storage, publisher);
        await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon();
        await bus.StartAsync();
        Assert.Null(bus.Lane("a").Trouble);
        await publisher.WaitForEventsAsync(1).Soon();
        Assert.Equal(1, (await bus.StopAsync().Soon()).Lanes.Single().Delivered);
    }

    [Fact]
    public async Task A_second_bus_on_the_same_journal_is_refused()
    {
        await using var bus = Create(_storage, new ScriptedPublisher());
        Assert.Contains("in use", Assert.Throws<EvBusException>(() => Create(_storage, new ScriptedPublisher())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_failed_fsync_puts_are_refused_with_the_reason_and_lanes_stop_at_the_last_committed_event()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(_storage, publisher);
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon();
        _storage.FailNextSync(new IOException("Input/output error"));
        var failed = await bus.PutAsync(Given.Event(2), Receipt.Durable).AsTask().Soon();
        Assert.Equal((PutOutcome.Refused, RefusalReason.JournalFailed), (failed.Outcome, failed.Refusal));
        var later = await bus.PutAsync(Given.Event(3)).AsTask().Soon();
        Assert.Equal(RefusalReason.JournalFailed, later.Refusal);
        Assert.Contains("Input/output error", later.Reason, StringComparison.Ordinal);
        await bus.StopAsync(TimeSpan.Zero).Soon();
        Assert.Equal([1], publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_full_disk_makes_puts_wait_and_not_lanes_and_ends_when_there_is_room()
    {
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
        await using var bus = Create(_storage, publisher, more => { more.Options = more.Options with { WhenFull = DoorPolicy.Reject, Lane = Impatient }; return more; });
        await bus.StartAsync();
        _storage.Capacity = _storage.Files.Values.Sum() + (200 << 10);
        var body = new string('x', 10_000);
        var accepted = 0;
        while ((await bus.PutAsync(new BusEvent(body), Receipt.Accepted)).IsAccepted)
            accepted++;
        Assert.True(accepted > 5);
        publisher.Otherwise = (_, _) => new(PublishResult.Delivered);
        _storage.Capacity = long.MaxValue;
        await publisher.WaitForEventsAsync(accepted).Soon();
        PutResult result;
        do
            result = await bus.PutAsync(new BusEvent(body), Receipt.Durable).AsTask().Soon();
        while (!result.IsAccepted);
        Assert.Equal(PutOutcome.Durable, result.Outcome);
    }
}
