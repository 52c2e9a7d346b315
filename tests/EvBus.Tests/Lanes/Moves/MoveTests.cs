using EvBus.Testing;

namespace EvBus.Tests.Lanes.Moves;

/// <summary>One lane is sent back or forward while the rest runs, in memory and on disk.</summary>
public class MoveTests
{
    private static readonly LaneOptions Quick = new() { RetryInitial = TimeSpan.FromMilliseconds(1), RetryMax = TimeSpan.FromMilliseconds(5), BatchEvents = 7, Start = LaneStart.Oldest };

    private readonly FaultStorage _storage = new();
    private readonly FakeClock _clock = new();

    private EventBus Create(bool onDisk, JournalRetention? retain, params (string Name, ScriptedPublisher Publisher)[] lanes) => EventBus.Create(bus =>
    {
        bus.Options = bus.Options with { StopTimeout = TimeSpan.Zero };
        if (onDisk)
        {
            bus.UseStorage(_storage);
            bus.Options = bus.Options with { Journal = bus.Options.Journal with { Retain = retain } };
        }
        foreach (var (name, publisher) in lanes)
            bus.Publisher(name, publisher, lane: Quick);
    });

    private static JournalRetention Much => new() { Bytes = 1L << 30 };

    /// <summary>In memory, what a lane that is away has still to read is kept.</summary>
    private static ScriptedPublisher Away() => new() { Otherwise = (_, _) => new(PublishResult.Retry("away")) };

    private static async Task<Position[]> PutAsync(EventBus bus, int from, int count, int bytes = 10)
    {
        var positions = new List<Position>();
        for (var i = from; i < from + count; i++)
            positions.Add((await bus.PutAsync(Given.Event($"{i}".PadRight(bytes))).AsTask().Soon()).Position);
        return [.. positions];
    }

    private static int[] Range(int from, int to) => [.. Enumerable.Range(from, to - from)];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_lane_rewound_to_the_oldest_gets_everything_again_in_order_and_delivered_becomes_queued(bool onDisk)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(onDisk, Much, ("a", publisher), ("away", Away()));
        await bus.StartAsync();
        await PutAsync(bus, 0, 50);
        await publisher.WaitForEventsAsync(50).Soon();
        bus.Lanes.Pause("a");
        await Given.UntilAsync(() => bus.Lane("a").Delivered == 50);
        Assert.Equal(50, await bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon());
        var lane = bus.Lane("a");
        Assert.Equal((LaneState.Paused, 50L, 0L, 50L), (lane.State, lane.Queued, lane.Delivered, lane.Matched));
        bus.Lanes.Resume("a");
        await publisher.WaitForEventsAsync(100).Soon();
        await PutAsync(bus, 50, 5);
        await publisher.WaitForEventsAsync(105).Soon();
        Assert.Equal([.. Range(0, 50), .. Range(0, 55)], publisher.Delivered.Numbers());
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        Assert.Equal((55L, 55L), (bus.Lane("a").Matched, bus.Lane("a").Delivered));
        bus.GetStatus().AssertBalanced();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_lane_rewound_to_a_position_gets_the_event_there_and_those_behind_it(bool onDisk)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(onDisk, Much, ("a", publisher), ("away", Away()));
        await bus.StartAsync();
        var positions = await PutAsync(bus, 0, 300, bytes: 2000);
        await publisher.WaitForEventsAsync(300).Soon();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        Assert.Equal(90, await bus.Lanes.RewindAsync("a", LanePlace.At(positions[210])).AsTask().Soon());
        await publisher.WaitForEventsAsync(390).Soon();
        Assert.Equal([.. Range(0, 300), .. Range(210, 300)], publisher.Delivered.Numbers());
        bus.GetStatus().AssertBalanced();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_lane_rewound_to_a_time_gets_what_was_accepted_from_then_on(bool onDisk)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = EventBus.Create(builder =>
        {
            if (onDisk)
                builder.UseStorage(_storage);
            builder.Options = builder.Options with { Time = _clock, StopTimeout = TimeSpan.Zero, Journal = builder.Options.Journal with { Retain = onDisk ? Much : null } };
            // The clock leaps past any time-out of a call.
            var unhurried = Quick with { CallTimeout = TimeSpan.FromDays(1) };
            builder.Publisher("a", publisher, lane: unhurried).Publisher("away", Away(), lane: unhurried);
        });
        await bus.StartAsync();
        for (var i = 0; i < 40; i++)
        {
            await PutAsync(bus, i, 1, bytes: 5000);
            _clock.Advance(TimeSpan.FromMinutes(1));
        }
        await publisher.WaitForEventsAsync(40).Soon();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        // The clock stands 40 minutes behind the first event.
        Assert.Equal(10, await bus.Lanes.RewindAsync("a", LanePlace.At(_clock.GetUtcNow() - TimeSpan.FromMinutes(10.5))).AsTask().Soon());
        await publisher.WaitForEventsAsync(50).Soon();
        Assert.Equal([.. Range(0, 40), .. Range(30, 40)], publisher.Delivered.Numbers());
        bus.GetStatus().AssertBalanced();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_lane_skips_is_dropped_as_skipped_and_answered_and_no_other_lane_notices(bool onDisk)
    {
        var (away, other) = (Away(), new ScriptedPublisher());
        await using var bus = Create(onDisk, null, ("a", away), ("b", other));
        await bus.StartAsync();
        var positions = await PutAsync(bus, 0, 30);
        var waiting = bus.PutAsync(Given.Event(30), Receipt.Delivered("a")).AsTask();
        await other.WaitForEventsAsync(31).Soon();
        Assert.Equal(10, await bus.Lanes.SkipAsync("a", LanePlace.At(positions[10])).AsTask().Soon());
        Assert.Equal((21L, 10L), (bus.Lane("a").Queued, bus.Lane("a").DroppedByReason[DropReasons.Skipped]));
        Assert.Equal(0, await bus.Lanes.SkipAsync("a", LanePlace.At(positions[5])).AsTask().Soon());
        Assert.Equal(0, await bus.Lanes.RewindAsync("a", LanePlace.At(positions[15])).AsTask().Soon());
        Assert.False(waiting.IsCompleted);
        Assert.Equal(21, await bus.Lanes.SkipAsync("a", LanePlace.Now).AsTask().Soon());
        var answer = await waiting.Soon();
        Assert.Equal((PutOutcome.Dropped, DropReasons.Skipped), (answer.Outcome, answer.Reason));
        away.Otherwise = (_, _) => new(PublishResult.Delivered);
        await PutAsync(bus, 31, 3);
        await away.WaitForEventsAsync(3).Soon();
        await other.WaitForEventsAsync(34).Soon();
        Assert.Equal([31, 32, 33], away.Delivered.Numbers());
        Assert.Equal(Range(0, 34), other.Delivered.Numbers());
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        bus.GetStatus().AssertBalanced();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_waits_for_another_try_is_delivered_after_a_rewind_too_and_none_is_lost(bool onDisk)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(onDisk, Much, ("a", publisher), ("away", Away()));
        await bus.StartAsync();
        await PutAsync(bus, 0, 20);
        await publisher.WaitForEventsAsync(20).Soon();
        publisher.Otherwise = (_, _) => new(PublishResult.Retry("now and then"));
        await PutAsync(bus, 20, 20);
        await Given.UntilAsync(() => bus.Lane("a").Retried > 0);
        Assert.Equal(20, await bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon());
        Assert.Equal(40, bus.Lane("a").Queued);
        publisher.Otherwise = (_, _) => new(PublishResult.Delivered);
        await publisher.WaitForEventsAsync(60).Soon();
        Assert.Equal([.. Range(0, 20), .. Range(0, 40)], publisher.Delivered.Numbers());
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_move_waits_for_what_is_under_way_and_can_be_given_up_meanwhile()
    {
        var release = new TaskCompletionSource();
        var publisher = new ScriptedPublisher();
        publisher.ThenHang(release.Task);
        await using var bus = Create(false, null, ("a", publisher));
        await bus.StartAsync();
        await PutAsync(bus, 0, 1);
        await publisher.WaitForCallsAsync(1).Soon();
        using var impatient = new CancellationTokenSource();
        var given = bus.Lanes.SkipAsync("a", LanePlace.Now, impatient.Token).AsTask();
        var stays = bus.Lanes.SkipAsync("a", LanePlace.Now).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.Soon());
        Assert.False(stays.IsCompleted);
        release.SetResult();
        await stays.Soon();
        await PutAsync(bus, 1, 1);
        await publisher.WaitForEventsAsync(1).Soon();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_detached_lane_an_orphan_and_an_unknown_one_are_refused_with_the_remedy()
    {
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("away")) };
        await using var bus = EventBus.Create(builder => builder.Publisher("a", publisher, lane: Quick with { LimitEvents = 5, OnLimit = LimitPolicy.Detach }));
        await bus.StartAsync();
        await PutAsync(bus, 0, 10);
        await Given.UntilAsync(() => bus.Lane("a").State == LaneState.Detached);
        var error = await Assert.ThrowsAsync<EvBusException>(() => bus.Lanes.SkipAsync("a", LanePlace.Now).AsTask().Soon());
        Assert.Contains("Resume it first", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(async () => await bus.Lanes.RewindAsync("none", LanePlace.Oldest));
        publisher.Otherwise = (_, _) => new(PublishResult.Delivered);
        bus.Lanes.Resume("a");
        await publisher.WaitForEventsAsync(5).Soon();
        Assert.Equal(Range(0, 5), publisher.Delivered.Numbers());
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task Draining_one_lane_waits_for_what_was_accepted_before_and_not_for_other_lanes()
    {
        var (a, b) = (Away(), Away());
        await using var bus = Create(false, null, ("a", a), ("b", b));
        await bus.StartAsync();
        await PutAsync(bus, 0, 20);
        var drained = bus.Lanes.DrainAsync("a").AsTask();
        Assert.False(drained.IsCompleted);
        a.Otherwise = (_, _) => new(PublishResult.Delivered);
        await drained.Soon();
        Assert.Equal((0L, 20L), (bus.Lane("a").Queued, bus.Lane("b").Queued));
        await bus.Lanes.DrainAsync("a").AsTask().Soon();
        var vain = bus.Lanes.DrainAsync("b").AsTask();
        await bus.StopAsync(TimeSpan.Zero).Soon();
        Assert.Contains("ended before", (await Assert.ThrowsAsync<EvBusException>(() => vain.Soon())).Message, StringComparison.Ordinal);
    }
}
