using System.Globalization;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>Mode spill: memory first, disk when a lane falls behind, order kept, memory again when it has caught up.</summary>
public class SpillTests
{
    private static EventBus Create(FaultStorage storage, ScriptedPublisher publisher) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage).Publisher("a", publisher, lane: new LaneOptions { Start = LaneStart.Oldest });
        bus.Options = bus.Options with { Journal = bus.Options.Journal with { Mode = JournalMode.Spill, MemoryBytes = 1 << 20 } };
    });

    private static BusEvent Number(int number, int bytes = 1000) => new(number.ToString(CultureInfo.InvariantCulture).PadRight(bytes));

    private static bool HasLog(FaultStorage storage) => storage.Files.Keys.Any(name => name.StartsWith("log/", StringComparison.Ordinal));

    private static async Task<int[]> DrainAsync(FaultStorage storage)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(storage, publisher);
        await bus.StartAsync();
        var status = await bus.StopAsync(Given.Patience).Soon();
        status.AssertBalanced();
        Assert.Equal(0, status.Lanes.Single().Queued);
        return publisher.Delivered.Numbers();
    }

    [Fact]
    public async Task While_lanes_keep_up_nothing_is_written()
    {
        var (storage, publisher) = (new FaultStorage(), new ScriptedPublisher());
        await using var bus = Create(storage, publisher);
        await bus.StartAsync();
        for (var i = 0; i < 5000; i++)
        {
            await bus.PutAsync(Number(i));
            if (i % 100 == 99)
                await Given.UntilAsync(() => publisher.Delivered.Count == i + 1);
            Assert.False(HasLog(storage));
        }
        await bus.StopAsync(Given.Patience).Soon();
        Assert.False(HasLog(storage));
        Assert.Equal(Enumerable.Range(0, 5000), publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_lane_that_falls_behind_is_kept_on_disk_and_when_it_has_caught_up_the_disk_is_left()
    {
        var isDown = true;
        var storage = new FaultStorage();
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(Volatile.Read(ref isDown) ? PublishResult.Disconnected("down") : PublishResult.Delivered) };
        await using var bus = Create(storage, publisher);
        await bus.StartAsync();
        // Eight times what memory may hold.
        for (var i = 0; i < 8000; i++)
            await bus.PutAsync(Number(i)).AsTask().Soon();
        // The committer is a thread of its own, which may not have come to it yet.
        await Given.UntilAsync(() => HasLog(storage));
        Volatile.Write(ref isDown, false);
        await Given.UntilAsync(() => publisher.Delivered.Count == 8000);
        await Given.UntilAsync(() => !HasLog(storage));
        for (var i = 8000; i < 8100; i++)
            await bus.PutAsync(Number(i)).AsTask().Soon();
        await Given.UntilAsync(() => publisher.Delivered.Count == 8100);
        Assert.False(HasLog(storage));
        Assert.Equal(Enumerable.Range(0, 8100), publisher.Delivered.Numbers());
        (await bus.StopAsync(Given.Patience).Soon()).AssertBalanced();
    }

    [Fact]
    public async Task What_is_left_at_the_stop_is_on_disk_and_delivered_by_the_next_run()
    {
        var storage = new FaultStorage();
        await using (var bus = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Disconnected("down")) }))
        {
            await bus.StartAsync();
            for (var i = 0; i < 300; i++)
                await bus.PutAsync(Number(i));
            Assert.False(HasLog(storage));
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        Assert.Equal(Enumerable.Range(0, 300), await DrainAsync(storage));
        Assert.Empty(await DrainAsync(storage));
    }

    [Fact]
    public async Task A_durable_receipt_brings_everything_up_to_its_event_to_disk()
    {
        var storage = new FaultStorage();
        FaultStorage killed;
        await using (var bus = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Disconnected("down")) }))
        {
            await bus.StartAsync();
            for (var i = 0; i < 100; i++)
                await bus.PutAsync(Number(i));
            Assert.Equal(PutOutcome.Durable, (await bus.PutAsync(Number(100), Receipt.Durable).AsTask().Soon()).Outcome);
            for (var i = 101; i < 200; i++)
                await bus.PutAsync(Number(i));
            killed = storage.AfterCrash(new Random(1));
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        Assert.Equal(Enumerable.Range(0, 101), await DrainAsync(killed));
    }

    [Fact]
    public async Task A_durable_receipt_is_given_for_what_has_arrived_everywhere_already()
    {
        var (storage, publisher) = (new FaultStorage(), new ScriptedPublisher());
        await using var bus = Create(storage, publisher);
        await bus.StartAsync();
        var receipts = new List<Task<PutResult>>();
        for (var i = 0; i < 3000; i++)
            receipts.Add(bus.PutAsync(Number(i), Receipt.Durable).AsTask());
        Assert.All(await Task.WhenAll(receipts).Soon(), result => Assert.Equal(PutOutcome.Durable, result.Outcome));
        await bus.StopAsync(Given.Patience).Soon();
        Assert.Equal(Enumerable.Range(0, 3000), publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task After_a_kill_new_events_get_numbers_that_no_lane_has_settled()
    {
        var storage = new FaultStorage();
        FaultStorage killed;
        var publisher = new ScriptedPublisher();
        await using (var bus = Create(storage, publisher))
        {
            await bus.StartAsync();
            // Little enough that none of it goes to disk.
            for (var i = 0; i < 500; i++)
                await bus.PutAsync(Number(i, 100));
            await Given.UntilAsync(() => publisher.Delivered.Count == 500);
            killed = storage.AfterCrash(null);
        }
        var second = new ScriptedPublisher();
        await using (var bus = Create(killed, second))
        {
            await bus.StartAsync();
            for (var i = 500; i < 600; i++)
                await bus.PutAsync(Number(i), Receipt.Durable).AsTask().Soon();
            (await bus.StopAsync(Given.Patience).Soon()).AssertBalanced();
        }
        Assert.Equal(Enumerable.Range(500, 100), second.Delivered.Numbers());
    }
}
