using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>A lane's first moments on disk: where it began is known before any event is for it, so a kill is no damage.</summary>
public class FreshLaneTests
{
    private const int CheckpointLost = 301;
    private const int CursorLost = 303;

    private readonly FaultStorage _storage = new();
    private readonly SaidLog _said = new();

    /// <summary>Time stands, so what is kept now and then is never kept.</summary>
    private readonly FakeClock _clock = new();

    private static ScriptedPublisher Down() => new() { Otherwise = (_, _) => new(PublishResult.Retry("down")) };

    private EventBus Create(FaultStorage storage, params (string Id, ScriptedPublisher Publisher)[] lanes) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage);
        bus.LoggerFactory = _said;
        bus.Options = bus.Options with { Time = _clock };
        foreach (var (id, publisher) in lanes)
            bus.Publisher(id, publisher);
    });

    private static LaneDefinition Lane(string id, ScriptedPublisher publisher, LaneStart start = LaneStart.Now) =>
        new() { Id = id, Options = new LaneOptions { Start = start }, CreatePublisher = _ => new(publisher) };

    [Fact]
    public async Task A_lane_that_is_killed_before_anything_of_it_was_kept_begins_where_it_began_and_nothing_is_called_damaged()
    {
        await using var bus = Create(_storage, ("a", Down()));
        await bus.StartAsync();
        for (var i = 0; i < 3; i++)
            await bus.PutAsync(Given.Event(i), Receipt.Durable).AsTask().Soon();
        var killed = _storage.AfterCrash(null);
        await bus.StopAsync(TimeSpan.Zero).Soon();

        var publisher = new ScriptedPublisher();
        await using var again = Create(killed, ("a", publisher));
        await again.StartAsync();
        await publisher.WaitForEventsAsync(3).Soon();
        Assert.Equal([0, 1, 2], publisher.Delivered.Numbers());
        Assert.Empty(_said.Of(CursorLost));
        Assert.Empty(_said.Of(CheckpointLost));
        again.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_lane_added_at_now_and_killed_at_once_gets_what_came_behind_it_and_nothing_from_before()
    {
        await using var bus = Create(_storage, ("a", Down()));
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon();
        await bus.Lanes.AddAsync(Lane("late", Down()));
        await bus.PutAsync(Given.Event(2), Receipt.Durable).AsTask().Soon();
        var killed = _storage.AfterCrash(null);
        await bus.StopAsync(TimeSpan.Zero).Soon();

        var publisher = new ScriptedPublisher();
        await using var again = Create(killed, ("a", new ScriptedPublisher()), ("late", publisher));
        await again.StartAsync();
        await again.PutAsync(Given.Event(3), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal([2, 3], publisher.Delivered.Numbers());
        Assert.Empty(_said.Of(CursorLost));
        Assert.Equal((2L, 2L), (again.Lane("late").Matched, again.Lane("late").Delivered));
    }

    [Fact]
    public async Task A_lane_that_began_behind_what_was_not_on_disk_yet_misses_nothing_that_gets_these_numbers_after_a_kill()
    {
        using var release = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        await using var bus = Create(_storage, ("a", new ScriptedPublisher()));
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(0), Receipt.Durable).AsTask().Soon();
        _storage.BeforeWrite = name =>
        {
            if (!name.StartsWith("log/", StringComparison.Ordinal))
                return;
            entered.Set();
            release.Wait(Given.Patience);
        };
        for (var i = 1; i < 6; i++)
            Assert.True(bus.TryPut(Given.Event(i)).IsAccepted);
        Assert.True(entered.Wait(Given.Patience));
        await bus.Lanes.AddAsync(Lane("late", new ScriptedPublisher()));
        // Now what is kept now and then is kept.
        var writes = _storage.Writes;
        await Given.UntilAsync(() => _storage.Writes > writes, _clock);
        var killed = _storage.AfterCrash(null);
        release.Set();
        await bus.StopAsync(TimeSpan.Zero).Soon();

        var publisher = new ScriptedPublisher();
        await using var again = Create(killed, ("a", new ScriptedPublisher()), ("late", publisher));
        await again.StartAsync();
        for (var i = 10; i < 20; i++)
            await again.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(Enumerable.Range(10, 10), publisher.Delivered.Numbers());
        again.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_cursor_that_was_just_being_made_when_the_process_was_killed_is_none()
    {
        await using (var bus = Create(_storage, ("a", Down())))
        {
            await bus.StartAsync();
            await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon();
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        _storage.Copy("checkpoint", "lanes/b.cursor.new");
        var publisher = new ScriptedPublisher();
        await using var again = Create(_storage, ("a", Down()), ("b", publisher));
        Assert.DoesNotContain("lanes/b.cursor.new", _storage.Files.Keys);
        await again.StartAsync();
        await again.PutAsync(Given.Event(2)).AsTask().Soon();
        await publisher.WaitForEventsAsync(1).Soon();
        Assert.Equal([2], publisher.Delivered.Numbers());
        Assert.Empty(_said.Of(CursorLost));
        await again.StopAsync(TimeSpan.Zero).Soon();
    }

    [Fact]
    public async Task A_cursor_with_nothing_but_zeros_in_it_is_damaged_and_its_lane_begins_at_the_oldest_event()
    {
        await using (var bus = Create(_storage, ("a", Down())))
        {
            await bus.StartAsync();
            await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon();
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        _storage.Corrupt("lanes/a.cursor", content => new byte[content.Length]);
        var publisher = new ScriptedPublisher();
        await using var again = Create(_storage, ("a", publisher));
        await again.StartAsync();
        await publisher.WaitForEventsAsync(1).Soon();
        Assert.Equal([1], publisher.Delivered.Numbers());
        Assert.Contains("lanes/a.cursor", Assert.Single(_said.Of(CursorLost)), StringComparison.Ordinal);
    }
}
