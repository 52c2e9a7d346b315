using EvBus.Testing;

namespace EvBus.Tests.Lanes.Moves;

/// <summary>A lane added while the bus runs, from the oldest event: it owes all that is kept and matches, wherever that is at this moment.</summary>
public class AddedLaneTests
{
    private readonly FaultStorage _storage = new();

    private EventBus Create(FaultStorage storage, JournalMode mode, ScriptedPublisher publisher, Action<EvBusBuilder>? more = null) => EventBus.Create(bus =>
    {
        if (mode != JournalMode.Memory)
        {
            bus.UseStorage(storage);
            bus.Options = bus.Options with { Journal = bus.Options.Journal with { Mode = mode, MemoryBytes = 1 << 20 } };
        }
        bus.Publisher("a", publisher);
        more?.Invoke(bus);
    });

    private static ScriptedPublisher Down() => new() { Otherwise = (_, _) => new(PublishResult.Retry("down")) };

    private static LaneDefinition Late(ScriptedPublisher publisher, string? pattern = "mine") =>
        new() { Id = "late", Pattern = pattern, Options = new LaneOptions { Start = LaneStart.Oldest }, CreatePublisher = _ => new(publisher) };

    private static BusEvent Event(int number) => new(number.ToString(System.Globalization.CultureInfo.InvariantCulture).PadRight(3000), new EventAttributes { Profile = number % 2 == 0 ? "mine" : "other" });

    private static int[] Even(int below) => [.. Enumerable.Range(0, below / 2).Select(n => n * 2)];

    [Theory]
    [InlineData(JournalMode.Memory)]
    [InlineData(JournalMode.Spill)]
    [InlineData(JournalMode.Disk)]
    public async Task It_owes_all_that_is_kept_and_matches_and_its_ledger_says_so_at_once(JournalMode mode)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(_storage, mode, Down());
        await bus.StartAsync();
        for (var i = 0; i < 1000; i++)
            await bus.PutAsync(Event(i)).AsTask().Soon();
        await bus.Lanes.AddAsync(Late(publisher));
        Assert.Equal(500, bus.Lane("late").Matched);
        for (var i = 1000; i < 1100; i++)
            await bus.PutAsync(Event(i)).AsTask().Soon();
        Assert.Equal(550, bus.Lane("late").Matched);
        await bus.Lanes.DrainAsync("late").AsTask().Soon();
        Assert.Equal(Even(1100), publisher.Delivered.Numbers());
        Assert.Equal((550L, 550L, 0L), (bus.Lane("late").Matched, bus.Lane("late").Delivered, bus.Lane("late").Queued));
        await bus.StopAsync(TimeSpan.Zero).Soon();
        bus.GetStatus().AssertBalanced();
    }

    [Theory]
    [InlineData(JournalMode.Memory)]
    [InlineData(JournalMode.Spill)]
    [InlineData(JournalMode.Disk)]
    public async Task Added_in_the_midst_of_a_stream_it_counts_and_gets_each_event_once(JournalMode mode)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(_storage, mode, Down());
        await bus.StartAsync();
        var half = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var putting = Task.Run(async () =>
        {
            for (var i = 0; i < 3000; i++)
            {
                Assert.True((await bus.PutAsync(Event(i))).IsAccepted);
                if (i == 1000)
                    half.SetResult();
            }
        });
        await half.Task.Soon();
        await bus.Lanes.AddAsync(Late(publisher));
        await putting.Soon();
        await bus.Lanes.DrainAsync("late").AsTask().Soon();
        Assert.Equal(Even(3000), publisher.Delivered.Numbers());
        Assert.Equal((1500L, 1500L, 0L), (bus.Lane("late").Matched, bus.Lane("late").Delivered, bus.Lane("late").Queued));
        await bus.StopAsync(TimeSpan.Zero).Soon();
    }

    [Fact]
    public async Task It_counts_what_an_earlier_run_left_what_this_one_put_and_what_is_on_its_way_to_disk_and_a_kill_changes_none_of_it()
    {
        await using (var bus = Create(_storage, JournalMode.Disk, Down()))
        {
            await bus.StartAsync();
            for (var i = 0; i < 100; i++)
                await bus.PutAsync(Event(i), Receipt.Durable).AsTask().Soon();
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        using var release = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        var publisher = new ScriptedPublisher();
        await using var again = Create(_storage, JournalMode.Disk, Down(), more => more.Options = more.Options with { Time = new FakeClock() });
        await again.StartAsync();
        for (var i = 100; i < 200; i++)
            await again.PutAsync(Event(i), Receipt.Durable).AsTask().Soon();
        _storage.BeforeSync = name =>
        {
            if (!name.StartsWith("log/", StringComparison.Ordinal))
                return;
            entered.Set();
            release.Wait(Given.Patience);
        };
        Assert.True(again.TryPut(Event(200)).IsAccepted);
        Assert.True(entered.Wait(Given.Patience));
        for (var i = 201; i < 210; i++)
            Assert.True(again.TryPut(Event(i)).IsAccepted);
        await again.Lanes.AddAsync(Late(publisher));
        Assert.Equal(105, again.Lane("late").Matched);
        release.Set();
        await again.PutAsync(Event(210), Receipt.Durable).AsTask().Soon();
        await again.Lanes.DrainAsync("late").AsTask().Soon();
        Assert.Equal(Even(212), publisher.Delivered.Numbers());
        Assert.Equal((106L, 106L), (again.Lane("late").Matched, again.Lane("late").Delivered));
        var killed = _storage.AfterCrash(null);
        await again.StopAsync(TimeSpan.Zero).Soon();

        await using var third = Create(killed, JournalMode.Disk, Down(), more => more.Publisher("late", new ScriptedPublisher(), "mine"));
        await third.StartAsync();
        Assert.Equal((106L, 106L, 0L), (third.Lane("late").Matched, third.Lane("late").Delivered, third.Lane("late").Queued));
        await third.StopAsync(TimeSpan.Zero).Soon();
    }

    [Fact]
    public async Task It_has_no_part_in_receipts_of_what_was_accepted_before_it()
    {
        var (publisher, open) = (new ScriptedPublisher(), new TaskCompletionSource());
        publisher.Then(async (_, cancellationToken) =>
        {
            await open.Task.WaitAsync(cancellationToken);
            return PublishResult.Delivered;
        });
        await using var bus = Create(_storage, JournalMode.Memory, publisher);
        await bus.StartAsync();
        var put = bus.PutAsync(Event(0), Receipt.Delivered()).AsTask();
        var late = new ScriptedPublisher();
        await bus.Lanes.AddAsync(Late(late));
        await bus.Lanes.DrainAsync("late").AsTask().Soon();
        Assert.Equal([0], late.Delivered.Numbers());
        Assert.False(put.IsCompleted);
        open.SetResult();
        Assert.Equal(PutOutcome.Delivered, (await put.Soon()).Outcome);
        Assert.Equal(0, bus.Awaited);
    }

    [Theory]
    [InlineData(JournalMode.Memory)]
    [InlineData(JournalMode.Disk)]
    public async Task One_that_is_removed_and_added_again_gets_what_was_replayed_for_the_first_one_too(JournalMode mode)
    {
        await using var bus = Create(_storage, mode, Down());
        await bus.StartAsync();
        await bus.Lanes.AddAsync(Late(new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Rejected("no")) }));
        await bus.PutAsync(Event(0)).AsTask().Soon();
        await Given.UntilAsync(() => bus.Lane("late").Dead == 1);
        bus.Lanes.Pause("late");
        Assert.Equal(1, bus.Lanes.ReplayDeadLetters("late"));
        await bus.Lanes.RemoveAsync("late");
        var publisher = new ScriptedPublisher();
        await bus.Lanes.AddAsync(Late(publisher));
        await bus.Lanes.DrainAsync("late").AsTask().Soon();
        Assert.Equal([0, 0], publisher.Delivered.Numbers());
        Assert.Equal((2L, 2L, 0L), (bus.Lane("late").Matched, bus.Lane("late").Delivered, bus.Lane("late").Queued));
        await bus.StopAsync(TimeSpan.Zero).Soon();
    }
}
