using System.Globalization;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Faults;

/// <summary>A disk that does not give what was written on it, where a lane reads.</summary>
public class ReadFaultTests
{
    private const int Events = 300;
    private const int LogUnreadable = 133;

    private readonly SaidLog _said = new();
    private readonly FakeClock _clock = new();
    private readonly LaneOptions _lane = new() { CallTimeout = TimeSpan.FromDays(1), BatchEvents = 20, Start = LaneStart.Oldest };

    private EventBus Create(FaultStorage storage, ScriptedPublisher publisher, Action<EvBusBuilder>? more = null) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage).Publisher("a", publisher, lane: _lane);
        bus.LoggerFactory = _said;
        bus.Options = bus.Options with { Time = _clock };
        more?.Invoke(bus);
    });

    /// <summary>Several files of which lane <c>a</c> has had nothing, with a sector in the third one that cannot be read until it is mended.</summary>
    private async Task<(FaultStorage Storage, string Name, Action Mend)> BadSectorAsync()
    {
        var storage = new FaultStorage();
        await using (var bus = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }))
        {
            await bus.StartAsync();
            for (var i = 0; i < Events; i += 10)
                await Task.WhenAll(Enumerable.Range(i, 10).Select(n => bus.PutAsync(Number(n), Receipt.Durable).AsTask())).Soon();
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        var name = storage.Files.Keys.Where(each => each.StartsWith("log/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ElementAt(2);
        storage.BeforeRead = (file, offset, count) =>
        {
            if (file == name && offset < 30_000 && offset + count > 25_000)
                throw new IOException("Input/output error");
        };
        return (storage, name, () => storage.BeforeRead = null);
    }

    private static BusEvent Number(int number) => new(number.ToString(CultureInfo.InvariantCulture).PadRight(1000));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_IO_error_where_a_lane_reads_is_its_own_trouble_named_with_file_and_byte_and_over_when_the_disk_is_mended(bool readsAhead)
    {
        var (storage, name, mend) = await BadSectorAsync();
        var (publisher, neighbour) = (readsAhead ? new ScriptedPreparingPublisher() : new ScriptedPublisher(), new ScriptedPublisher());
        publisher.Otherwise = async (_, _) =>
        {
            await Task.Yield();
            return PublishResult.Delivered;
        };
        await using var bus = Create(storage, publisher, more => more.Publisher("b", neighbour, lane: _lane with { Start = LaneStart.Now }));
        await bus.StartAsync();
        await Given.UntilAsync(() => bus.Lane("a").Trouble is not null);

        var lane = bus.Lane("a");
        Assert.Equal(LaneState.Retrying, lane.State);
        Assert.Matches($"^the journal's file '{name}' cannot be read at byte \\d+: Input/output error$", lane.Trouble);
        Assert.InRange(int.Parse(lane.Trouble!.Split("byte ")[1].Split(':')[0], CultureInfo.InvariantCulture), 20_000, 30_000);
        // All that comes before the place is delivered, and nothing from behind it.
        Assert.Equal(Enumerable.Range(0, publisher.Delivered.Count), publisher.Delivered.Numbers());
        Assert.InRange(publisher.Delivered.Count, 2, Events - 60);
        Assert.Equal((Events, 0L), ((int)(lane.Delivered + lane.Queued), lane.Dropped));

        await bus.PutAsync(Number(Events), Receipt.Durable).AsTask().Soon();
        await neighbour.WaitForEventsAsync(1).Soon();
        var before = publisher.Delivered.Count;
        for (var i = 0; i < 10; i++)
        {
            await _clock.WaitForTimersAsync();
            _clock.Advance(TimeSpan.FromMinutes(1));
        }
        Assert.Equal(before, publisher.Delivered.Count);
        Assert.Contains(name, Assert.Single(_said.Of(LogUnreadable)), StringComparison.Ordinal);

        mend();
        await Given.UntilAsync(() => publisher.Delivered.Count == Events + 1, _clock);
        Assert.Equal(Enumerable.Range(0, Events + 1), publisher.Delivered.Numbers());
        await Given.UntilAsync(() => bus.Lane("a").State == LaneState.Flowing, _clock);
        Assert.Null(bus.Lane("a").Trouble);
        var status = await bus.StopAsync().Soon();
        Assert.Equal((Events + 1L, 0L), (status.Lanes[0].Delivered, status.Lanes[0].Dropped));
        status.AssertBalanced();
    }

    [Fact]
    public async Task A_lane_that_stands_before_a_part_that_cannot_be_read_can_be_limited_measured_and_removed()
    {
        var (storage, _, _) = await BadSectorAsync();
        var publisher = new ScriptedPublisher();
        await using var bus = Create(storage, publisher, more => more.Options = more.Options with { WhenFull = DoorPolicy.Reject });
        await bus.StartAsync();
        await Given.UntilAsync(() => bus.Lane("a").Trouble is not null);
        Assert.True(bus.TryPut(Number(Events)).IsAccepted);
        bus.GetStatus().AssertBalanced();
        Assert.True(await bus.Lanes.RemoveAsync("a"));
        Assert.True((await bus.PutAsync(Number(Events + 1), Receipt.Durable).AsTask().Soon()).IsAccepted);
    }

    [Fact]
    public async Task A_lane_s_limit_holds_where_its_oldest_events_cannot_be_read()
    {
        var (storage, _, mend) = await BadSectorAsync();
        var publisher = new ScriptedPublisher();
        var limited = _lane with { LimitEvents = Events, LimitAge = TimeSpan.FromDays(1), OnLimit = LimitPolicy.DropOldest };
        await using var bus = EventBus.Create(bus =>
        {
            bus.UseStorage(storage).Publisher("a", publisher, lane: limited);
            bus.Options = bus.Options with { Time = _clock, WhenFull = DoorPolicy.Reject };
        });
        await bus.StartAsync();
        await Given.UntilAsync(() => bus.Lane("a").Trouble is not null);
        var room = Events - (int)bus.Lane("a").Queued;
        for (var i = 0; i < room; i++)
            Assert.True(bus.TryPut(Number(Events + i)).IsAccepted);
        // Which are the oldest nobody can say, so none is dropped and none taken.
        Assert.Equal(RefusalReason.Full, bus.TryPut(Number(0)).Refusal);
        mend();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0, _clock);
        Assert.Equal(Enumerable.Range(0, Events + room), publisher.Delivered.Numbers());
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_rewind_over_a_part_that_cannot_be_read_is_refused_with_the_file_and_the_lane_goes_on()
    {
        var (storage, name, mend) = await BadSectorAsync();
        mend();
        var publisher = new ScriptedPublisher();
        await using var bus = Create(storage, publisher, more => more.Options = more.Options with { Journal = more.Options.Journal with { Retain = new JournalRetention { Bytes = 1L << 30 } } });
        await bus.StartAsync();
        await publisher.WaitForEventsAsync(Events).Soon();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        storage.BeforeRead = (file, _, _) =>
        {
            if (file == name)
                throw new IOException("Input/output error");
        };
        var refused = await Assert.ThrowsAsync<EvBusException>(() => bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon());
        Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        await bus.PutAsync(Number(Events), Receipt.Delivered()).AsTask().Soon();
        storage.BeforeRead = null;
        Assert.Equal(Events + 1, await bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon());
        await publisher.WaitForEventsAsync((2 * Events) + 2).Soon();
    }
}
