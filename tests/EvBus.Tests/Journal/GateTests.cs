using EvBus.Journal;
using EvBus.Lanes;
using EvBus.Testing;

namespace EvBus.Tests.Journal;

/// <summary>What is done under the journal's gate, and what never is.</summary>
public class GateTests
{
    private readonly FakeClock _clock = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_lane_too_far_ahead_is_not_taken_for_one_at_the_end(bool isOnDisk)
    {
        var options = new BusOptions { Time = _clock, MaxBytes = 64 << 20, Journal = new JournalOptions { Mode = isOnDisk ? JournalMode.Disk : JournalMode.Memory, SegmentBytes = 64 << 10, MemoryBytes = 1 << 20 } };
        var store = isOnDisk ? DiskStore.Open(new FaultStorage(), options.Journal, _clock, "a test", new SaidLog()) : null;
        var journal = new SegmentJournal(options, new Deaf(), poison: true, store, bounds: new JournalBounds { SettledRanges = 2 });
        var lane = journal.OpenLane(new JournalLaneDefinition("a", new LaneFilter("a", null, null, UnaddressedRule.All), new LaneOptions()), new Deaf());
        journal.Commence();
        var accepted = Append(journal, 6);
        var arrived = new HashSet<int>();
        var underWay = new List<EventBatch>();
        for (var i = 0; i < 6; i++)
        {
            var batch = new EventBatch();
            if (!lane.TryRead(batch, 1, long.MaxValue))
                break;
            arrived.Add(Number(batch));
            // Every second one stays under way.
            if (i % 2 == 0)
                underWay.Add(batch);
            else
                Settle(lane, batch);
        }
        Assert.True(lane.TryArm(1), "it is too far ahead, so it waits");
        // Many segments are filled: each looks what the lanes still need.
        for (var i = 0; i < 3000; i++)
            accepted += Append(journal, 1, size: 1000);
        underWay.ForEach(batch => Settle(lane, batch));
        for (var batch = new EventBatch(); lane.TryRead(batch, 1, long.MaxValue); batch = new EventBatch())
        {
            arrived.Add(Number(batch));
            Settle(lane, batch);
        }
        Assert.Equal(accepted, arrived.Count);
        Assert.Equal(0, lane.Measure().Queued);
    }

    [Fact]
    public async Task A_replay_at_the_limit_hands_out_what_has_room_and_ends()
    {
        var release = new TaskCompletionSource();
        var slow = new ScriptedPublisher().ThenHang(release.Task);
        await using var bus = await StartAsync(slow, new LaneOptions { LimitEvents = 5, OnLimit = LimitPolicy.DeadLetter, BatchEvents = 1, DeadLetters = 10 });
        bus.TryPut(Given.Event(0));
        await slow.WaitForCallsAsync(1).Soon();
        for (var i = 1; i < 20; i++)
            bus.TryPut(Given.Event(i));
        var before = bus.Lanes.GetDeadLetters("a").Count;
        Assert.Equal(0, await Task.Run(() => bus.Lanes.ReplayDeadLetters("a")).Soon());
        Assert.Equal(before, bus.Lanes.GetDeadLetters("a").Count);
        release.SetResult();
        await slow.WaitForEventsAsync(5).Soon();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        Assert.InRange(await Task.Run(() => bus.Lanes.ReplayDeadLetters("a")).Soon(), 1, 10);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_replay_whose_choice_puts_events_does_not_stand_in_the_way_of_the_door()
    {
        var publisher = new ScriptedPublisher().ThenHang(new TaskCompletionSource().Task);
        await using var bus = await StartAsync(publisher, new LaneOptions { LimitEvents = 2, OnLimit = LimitPolicy.DeadLetter, BatchEvents = 1 });
        bus.TryPut(Given.Event(0));
        await publisher.WaitForCallsAsync(1).Soon();
        for (var i = 1; i < 6; i++)
            bus.TryPut(Given.Event(i));
        // While a letter is looked at, another thread puts: at the lane's limit that makes a letter.
        var replay = Task.Run(() => bus.Lanes.ReplayDeadLetters("a", _ => Task.Run(() => bus.TryPut(Given.Event(9)).IsAccepted).Soon().GetAwaiter().GetResult()));
        await replay.Soon();
        await Task.Run(bus.GetStatus).Soon();
    }

    [Fact]
    public async Task Dead_letters_beyond_a_limit_are_written_without_holding_the_door()
    {
        var storage = new FaultStorage();
        await using var bus = await StartAsync(
            new ScriptedPublisher().ThenHang(new TaskCompletionSource().Task), new LaneOptions { LimitEvents = 5, OnLimit = LimitPolicy.DeadLetter, BatchEvents = 1 },
            new BusOptions { Time = _clock, Journal = new JournalOptions { Mode = JournalMode.Disk, Storage = storage, ReserveBytes = 0 } });
        for (var i = 0; i < 200; i++)
            Assert.True((await bus.PutAsync(Given.Event(i), Receipt.Durable).AsTask().Soon()).IsAccepted);
        await Given.UntilAsync(() => bus.Lane("a").Queued == 5);
        Assert.Equal(195, bus.Lane("a").Dead);
        Assert.Equal(195, bus.Lanes.GetDeadLetters("a").Count);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_filter_that_throws_costs_its_own_lane_only()
    {
        var (bad, good) = (new ScriptedPublisher(), new ScriptedPublisher());
        await using var bus = await StartAsync(good, new LaneOptions());
        await bus.Lanes.AddAsync(new LaneDefinition { Id = "bad", CreatePublisher = _ => new(bad), Filter = static evt => evt.Body.Span[0] == '2' ? throw new FormatException("not mine") : true });
        for (var i = 0; i < 5; i++)
            Assert.True(bus.TryPut(Given.Event(i)).IsAccepted);
        await good.WaitForEventsAsync(5).Soon();
        // What its filter throws for is the lane's.
        await bad.WaitForEventsAsync(5).Soon();
        await Given.UntilAsync(() => bus.GetStatus().Lanes.All(lane => lane.Queued == 0));
        Assert.Equal(5, bus.GetStatus().Accepted);
        bus.GetStatus().AssertBalanced();
    }

    [Theory]
    [InlineData(64 << 10, 64 << 10, 1000, 500)]
    [InlineData(64 << 10, 100 << 10, 60_000, 20)]
    [InlineData(64 << 10, 64 << 10, 300_000, 3)]
    public async Task A_log_of_one_file_that_every_lane_is_through_with_makes_room(int segment, int most, int size, int count)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await StartAsync(publisher, new LaneOptions(), new BusOptions
        {
            Journal = new JournalOptions { Mode = JournalMode.Disk, Storage = new FaultStorage(), ReserveBytes = 0, SegmentBytes = segment, MaxBytes = most },
        });
        var body = new byte[size];
        for (var i = 0; i < count; i++)
            Assert.True((await bus.PutAsync(new BusEvent(body), Receipt.Durable).AsTask().Soon()).IsAccepted);
        await publisher.WaitForEventsAsync(count).Soon();
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task What_lies_before_a_lane_s_limit_on_age_costs_the_door_no_look_at_each_put()
    {
        var release = new TaskCompletionSource();
        var slow = new ScriptedPublisher().ThenHang(release.Task);
        await using var bus = await StartAsync(slow, new LaneOptions { LimitAge = TimeSpan.FromMinutes(1), OnLimit = LimitPolicy.DropOldest, BatchEvents = 1 });
        bus.TryPut(Given.Event(0));
        await slow.WaitForCallsAsync(1).Soon();
        bus.TryPut(Given.Event(1));
        _clock.Advance(TimeSpan.FromSeconds(59));
        bus.TryPut(Given.Event(2));
        Assert.Equal(0, bus.Lane("a").Dropped);
        _clock.Advance(TimeSpan.FromSeconds(2));
        bus.TryPut(Given.Event(3));
        Assert.Equal((1, 3), (bus.Lane("a").DroppedByReason[DropReasons.Expired], bus.Lane("a").Queued));
    }

    private async Task<EventBus> StartAsync(ScriptedPublisher publisher, LaneOptions lane, BusOptions? options = null) =>
        await EventBus.StartAsync(o =>
        {
            o.Options = (options ?? new BusOptions { Time = _clock }) with { StopTimeout = TimeSpan.Zero };
            o.Publisher("a", publisher, lane: lane with { CallTimeout = TimeSpan.FromDays(1) });
        });

    private static int Append(SegmentJournal journal, int count, int size = 10)
    {
        for (var i = 0; i < count; i++)
        {
            var body = new byte[size];
            BitConverter.TryWriteBytes(body, (int)journal.Count().Accepted);
            var record = new byte[EventCodec.HeaderLength + size];
            var length = EventCodec.Write(record, default, body, Guid.Empty, DateTimeOffset.UnixEpoch, awaited: false);
            Assert.Equal(AppendStatus.Appended, journal.TryAppend(record.AsSpan(0, length), 1, mayWaitInLine: false).Status);
            if (i % 100 == 99 || i == count - 1)
                ((SegmentJournal)journal).Flush();
        }
        return count;
    }

    private static int Number(EventBatch batch) => BitConverter.ToInt32(batch.Single().Body.Span);

    private static void Settle(IJournalLane lane, EventBatch batch)
    {
        lane.Settle(batch, 0, batch.Count, LaneOutcome.Delivered, null);
        batch.Close();
    }

    private sealed class Deaf : IJournalObserver, IJournalListener
    {
        public void Wake() { }

        public void OnDropped(long events, string reason, ReadOnlySpan<Position> awaited) { }

        public bool TryKeepDead(EventBatch batch, string reason) => true;

        public void OnGivenUp(EventBatch batch, LaneOutcome outcome, string reason) { }

        public void OnLost(ulong end, string reason) { }

        public void OnLimitReached(LimitPolicy policy, string what) { }

        public void OnRouted(Position position, string[] lanes) { }

        public void OnUnmatched(string? profile) { }
    }
}
