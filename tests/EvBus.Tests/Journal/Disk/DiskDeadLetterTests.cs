using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>Dead letters on disk: there before the cursor passes, there after a restart.</summary>
public class DiskDeadLetterTests
{
    private static EventBus Create(FaultStorage storage, ScriptedPublisher publisher, int capacity = 100) =>
        EventBus.Create(bus => bus.UseStorage(storage).Publisher("a", publisher, lane: new LaneOptions { DeadLetters = capacity, BatchEvents = 1 }));

    private static ScriptedPublisher Rejecting() => new() { Otherwise = (batch, _) => new(PublishResult.Rejected($"no {batch[0].GetText()}")) };

    private static async Task<EventBus> WithLettersAsync(FaultStorage storage, int count, int capacity = 100)
    {
        var bus = Create(storage, Rejecting(), capacity);
        await bus.StartAsync();
        for (var i = 0; i < count; i++)
            await bus.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask().Soon();
        return bus;
    }

    [Fact]
    public async Task Dead_letters_are_there_after_a_kill_with_reason_attempts_and_time()
    {
        var storage = new FaultStorage();
        await using var bus = await WithLettersAsync(storage, 3);
        var before = bus.Lanes.GetDeadLetters("a");
        await using var again = Create(storage.AfterCrash(new Random(1)), new ScriptedPublisher());
        await again.StartAsync();
        var after = again.Lanes.GetDeadLetters("a");
        Assert.Equal(before.Select(letter => (letter.Event.Id, letter.Event.GetText(), letter.Reason, letter.Attempts, letter.Time)),
            after.Select(letter => (letter.Event.Id, letter.Event.GetText(), letter.Reason, letter.Attempts, letter.Time)));
        Assert.Equal(["no 0", "no 1", "no 2"], after.Select(letter => letter.Reason));
    }

    [Fact]
    public async Task Replayed_letters_are_delivered_and_gone_also_after_a_restart()
    {
        var storage = new FaultStorage();
        await using (await WithLettersAsync(storage, 3))
        {
        }
        var publisher = new ScriptedPublisher();
        await using (var bus = Create(storage, publisher))
        {
            await bus.StartAsync();
            Assert.Equal(2, bus.Lanes.ReplayDeadLetters("a", letter => letter.Reason != "no 1"));
            await publisher.WaitForEventsAsync(2).Soon();
            var status = await bus.StopAsync().Soon();
            Assert.Equal((3L, 2L, 1L), (status.Lanes.Single().Matched, status.Lanes.Single().Delivered, status.Lanes.Single().Dead));
            status.AssertBalanced();
        }
        await using var again = Create(storage, new ScriptedPublisher());
        await again.StartAsync();
        Assert.Equal(["no 1"], again.Lanes.GetDeadLetters("a").Select(letter => letter.Reason));
        again.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task Too_many_drop_the_oldest_on_disk_as_well()
    {
        var storage = new FaultStorage();
        await using (await WithLettersAsync(storage, 5, capacity: 2))
        {
        }
        await using var again = Create(storage, new ScriptedPublisher(), capacity: 2);
        await again.StartAsync();
        Assert.Equal(["no 3", "no 4"], again.Lanes.GetDeadLetters("a").Select(letter => letter.Reason));
    }

    [Fact]
    public async Task A_dead_letter_that_cannot_be_written_pauses_the_lane_and_keeps_the_event()
    {
        var storage = new FaultStorage();
        var publisher = Rejecting();
        await using var bus = EventBus.Create(builder =>
        {
            builder.UseStorage(storage).Publisher("a", publisher, lane: new LaneOptions { BatchEvents = 1 });
            builder.Options = builder.Options with { Journal = builder.Options.Journal with { ReserveBytes = 0 } };
        });
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(0), Receipt.Delivered()).AsTask().Soon();
        // The room that is left is the log's own; a letter needs new room.
        storage.Capacity = storage.Files.Values.Sum();
        await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon();
        await Until(() => bus.Lane("a").State == LaneState.Paused);
        Assert.Contains("cannot be written", bus.Lane("a").Trouble, StringComparison.Ordinal);
        Assert.Equal(1, bus.Lane("a").Queued);
        storage.Capacity = long.MaxValue;
        bus.Lanes.Resume("a");
        await Until(() => bus.Lane("a").Dead == 2);
        Assert.Equal(["no 0", "no 1"], bus.Lanes.GetDeadLetters("a").Select(letter => letter.Reason));
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_damaged_letter_is_skipped_and_the_others_are_read()
    {
        var storage = new FaultStorage();
        await using (await WithLettersAsync(storage, 3))
        {
        }
        storage.Corrupt("dead/a.dead", content =>
        {
            content[16 + 40] ^= 1;
            return content;
        });
        await using var again = Create(storage, new ScriptedPublisher());
        await again.StartAsync();
        Assert.Equal(["no 1", "no 2"], again.Lanes.GetDeadLetters("a").Select(letter => letter.Reason));
    }

    [Fact]
    public async Task A_letter_after_one_that_is_gone_is_there_at_every_later_start()
    {
        var storage = new FaultStorage();
        await using (var bus = await WithLettersAsync(storage, 2))
        {
            Assert.Equal(1, bus.Lanes.ReplayDeadLetters("a", letter => letter.Reason == "no 1"));
            await Until(() => bus.Lane("a").Dead == 2);
        }
        await using (var bus = Create(storage, Rejecting()))
        {
            await bus.StartAsync();
            Assert.Equal(1, bus.Lanes.ReplayDeadLetters("a", letter => letter.Reason == "no 1"));
            await Until(() => bus.Lane("a").Dead == 2);
        }
        await using var again = Create(storage, new ScriptedPublisher());
        await again.StartAsync();
        Assert.Equal(["no 0", "no 1"], again.Lanes.GetDeadLetters("a").Select(letter => letter.Reason));
    }

    [Fact]
    public async Task A_damaged_header_does_not_take_the_letters_with_it()
    {
        var storage = new FaultStorage();
        await using (await WithLettersAsync(storage, 2))
        {
        }
        storage.Corrupt("dead/a.dead", content =>
        {
            content[2] ^= 1;
            return content;
        });
        await using var again = Create(storage, new ScriptedPublisher());
        await again.StartAsync();
        Assert.Equal(["no 0", "no 1"], again.Lanes.GetDeadLetters("a").Select(letter => letter.Reason));
        Assert.Contains("aside/a.dead", storage.Files.Keys);
    }

    private static async Task Until(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Given.Patience);
        while (!condition())
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
