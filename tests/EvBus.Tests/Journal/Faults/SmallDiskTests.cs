using EvBus.Testing;

namespace EvBus.Tests.Journal.Faults;

/// <summary>A real file system that is full, or read-only.</summary>
public class SmallDiskTests
{
    private static readonly LaneOptions Patient = new() { RetryInitial = TimeSpan.FromMilliseconds(1), RetryMax = TimeSpan.FromMilliseconds(5), BatchEvents = 1, Start = LaneStart.Oldest };

    private static EventBus Create(SmallDisk disk, ScriptedPublisher publisher, long segmentBytes = 1 << 20) => EventBus.Create(bus =>
    {
        bus.Options = bus.Options with { WhenFull = DoorPolicy.Reject, Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = disk.Journal, SegmentBytes = segmentBytes, MemoryBytes = 1 << 20 } };
        bus.Publisher("a", publisher, lane: Patient);
    });

    private static long ReserveOf(SmallDisk disk) => Directory.GetFiles(Path.Combine(disk.Journal, "reserve")).Sum(file => new FileInfo(file).Length);

    [Fact]
    public async Task A_disk_of_8_MB_that_fills_up_refuses_puts_loses_no_receipt_and_goes_on_when_lanes_have_made_room()
    {
        using var disk = SmallDisk.Mount();
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
        await using var bus = Create(disk, publisher);
        await bus.StartAsync();
        var body = new string('x', 10_000);
        var puts = new List<Task<PutResult>>();
        // A group that waits for room is neither refused nor confirmed; the door is closed for what comes behind it.
        while (bus.PutAsync(Given.Event($"{puts.Count} {body}"), Receipt.Durable).AsTask() is var put && !(put.IsCompleted && !(await put).IsAccepted))
        {
            puts.Add(put);
            Assert.True(puts.Count < 2000);
            await Given.UntilAsync(() => put.IsCompleted || !bus.TryPut(Given.Event("is it full?")).IsAccepted);
        }
        Assert.InRange(puts.Count, 300, 800);
        publisher.Otherwise = (_, _) => new(PublishResult.Delivered);
        Assert.All(await Task.WhenAll(puts).Soon(), put => Assert.Equal(PutOutcome.Durable, put.Outcome));
        await publisher.WaitForEventsAsync(puts.Count).Soon();
        PutResult result;
        do
            result = await bus.PutAsync(Given.Event("last " + body), Receipt.Durable).AsTask().Soon();
        while (!result.IsAccepted);
        var status = await bus.StopAsync().Soon();
        status.AssertBalanced();
        Assert.Equal(0, status.Lanes.Single().Queued);
    }

    [Fact]
    public async Task On_a_disk_smaller_than_a_file_of_the_log_a_smaller_file_does()
    {
        using var disk = SmallDisk.Mount();
        var publisher = new ScriptedPublisher();
        await using var bus = Create(disk, publisher, segmentBytes: 64 << 20);
        await bus.StartAsync();
        for (var i = 0; i < 20; i++)
            Assert.Equal(PutOutcome.Durable, (await bus.PutAsync(Given.Event($"{i} {new string('x', 10_000)}"), Receipt.Durable).AsTask().Soon()).Outcome);
        await publisher.WaitForEventsAsync(20).Soon();
    }

    [Fact]
    public async Task On_a_full_disk_dead_letters_and_cursors_are_written_into_the_reserve_which_is_made_again_when_there_is_room()
    {
        using var disk = SmallDisk.Mount();
        var rejecting = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
        await using (var bus = Create(disk, rejecting))
        {
            await bus.StartAsync();
            for (var i = 0; i < 20; i++)
                Assert.Equal(PutOutcome.Durable, (await bus.PutAsync(Given.Event($"{i} {new string('x', 10_000)}"), Receipt.Durable).AsTask().Soon()).Outcome);
            disk.Fill();
            Assert.Equal(1 << 20, ReserveOf(disk));
            rejecting.Otherwise = (_, _) => new(PublishResult.Rejected("no"));
            await Given.UntilAsync(() => bus.Lane("a").Dead == 20);
            Assert.InRange(ReserveOf(disk), 1, (1 << 20) - 1);
            Assert.Null(bus.Lane("a").Trouble);
            var status = await bus.StopAsync().Soon();
            status.AssertBalanced();
        }
        // Another life on the same full disk: nothing comes twice, all letters are there.
        var second = new ScriptedPublisher();
        await using (var bus = Create(disk, second))
        {
            await bus.StartAsync();
            Assert.Equal((20L, 0L), (bus.Lane("a").Dead, bus.Lane("a").Queued));
            Assert.Equal(20, bus.Lanes.GetDeadLetters("a").Count);
            disk.MakeRoom();
            Assert.Equal(PutOutcome.Durable, (await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon()).Outcome);
            await Given.UntilAsync(() => ReserveOf(disk) == 1 << 20);
            (await bus.StopAsync().Soon()).AssertBalanced();
        }
        Assert.Equal(["1"], second.Delivered.Select(evt => evt.GetText()));
    }

    [Fact]
    public async Task When_the_reserve_is_used_up_too_the_lane_pauses_with_its_event_and_resumes_when_there_is_room()
    {
        using var disk = SmallDisk.Mount();
        var rejecting = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
        await using var bus = Create(disk, rejecting);
        await bus.StartAsync();
        for (var i = 0; i < 5; i++)
            await bus.PutAsync(Given.Event($"{i} {new string('x', 400_000)}"), Receipt.Durable).AsTask().Soon();
        disk.Fill();
        rejecting.Otherwise = (_, _) => new(PublishResult.Rejected("no"));
        await Given.UntilAsync(() => bus.Lane("a").State == LaneState.Paused);
        var lane = bus.Lane("a");
        Assert.Contains("a dead letter cannot be written", lane.Trouble, StringComparison.Ordinal);
        Assert.Equal(5, lane.Dead + lane.Queued);
        disk.MakeRoom();
        bus.Lanes.Resume("a");
        await Given.UntilAsync(() => bus.Lane("a").Dead == 5);
        (await bus.StopAsync().Soon()).AssertBalanced();
    }

    [Fact]
    public async Task A_file_system_remounted_read_only_refuses_puts_with_the_reason_and_loses_nothing_confirmed()
    {
        using var disk = SmallDisk.Mount();
        await using (var bus = Create(disk, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }, segmentBytes: 64 << 10))
        {
            await bus.StartAsync();
            for (var i = 0; i < 5; i++)
                await bus.PutAsync(Given.Event(i), Receipt.Durable).AsTask().Soon();
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        disk.MakeReadOnly();
        var error = Assert.Throws<EvBusException>(() => Create(disk, new ScriptedPublisher()));
        Assert.Contains(disk.Journal, error.Message, StringComparison.Ordinal);
        Assert.Contains("ead-only", error.Message, StringComparison.Ordinal);
        disk.MakeWritable();
        var publisher = new ScriptedPublisher();
        await using var again = Create(disk, publisher);
        await again.StartAsync();
        (await again.StopAsync().Soon()).AssertBalanced();
        Assert.Equal([0, 1, 2, 3, 4], publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_file_deleted_while_the_bus_runs_costs_its_events_and_no_others_and_is_counted()
    {
        using var disk = SmallDisk.Mount();
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
        await using var bus = Create(disk, publisher, segmentBytes: 64 << 10);
        await bus.StartAsync();
        for (var i = 0; i < 300; i++)
            await bus.PutAsync(Given.Event(i.ToString(System.Globalization.CultureInfo.InvariantCulture).PadRight(10_000)), Receipt.Durable).AsTask().Soon();
        // Far from memory's end of the log, and not yet opened by the reader.
        File.Delete(Directory.GetFiles(Path.Combine(disk.Journal, "log")).Order(StringComparer.Ordinal).ElementAt(3));
        publisher.Otherwise = (_, _) => new(PublishResult.Delivered);
        var status = await bus.StopAsync(Given.Patience).Soon();
        status.AssertBalanced();
        var lane = status.Lanes.Single();
        Assert.Equal((0L, 300L), (lane.Queued, lane.Delivered + lane.DroppedByReason[DropReasons.Damaged]));
        Assert.InRange(lane.Delivered, 280, 299);
    }
}
