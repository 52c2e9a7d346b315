using EvBus.Testing;

namespace EvBus.Tests.Lanes.Moves;

/// <summary>What a journal on disk keeps for rewinding, and random moves against a simple truth.</summary>
public class RetentionTests
{
    private static readonly LaneOptions Quick = new() { RetryInitial = TimeSpan.FromMilliseconds(1), RetryMax = TimeSpan.FromMilliseconds(5), BatchEvents = 7, Start = LaneStart.Oldest };

    private readonly FaultStorage _storage = new();
    private readonly FakeClock _clock = new();

    private EventBus Create(JournalRetention? retain, ScriptedPublisher publisher, TimeProvider? time = null) => EventBus.Create(bus =>
    {
        bus.UseStorage(_storage);
        bus.Options = bus.Options with { Time = time ?? TimeProvider.System, Journal = bus.Options.Journal with { Retain = retain } };
        bus.Publisher("a", publisher, lane: time is null ? Quick : Quick with { CallTimeout = TimeSpan.FromDays(1) });
    });

    private int LogFiles => _storage.Files.Keys.Count(name => name.EndsWith(".evj", StringComparison.Ordinal));

    private static async Task PutAsync(EventBus bus, int from, int count, int bytes = 5000)
    {
        for (var i = from; i < from + count; i++)
            await bus.PutAsync(Given.Event($"{i}".PadRight(bytes)), Receipt.Durable).AsTask().Soon();
    }

    [Fact]
    public async Task By_bytes_the_newest_settled_files_stay_and_a_rewind_beyond_them_is_refused_with_the_oldest_time()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(new JournalRetention { Bytes = 300_000 }, publisher);
        await bus.StartAsync();
        var first = (await bus.PutAsync(Given.Event(0), Receipt.Durable).AsTask().Soon()).Position;
        await PutAsync(bus, 1, 200);
        await publisher.WaitForEventsAsync(201).Soon();
        await Given.UntilAsync(() => LogFiles <= 6);
        Assert.InRange(LogFiles, 4, 6);
        var error = await Assert.ThrowsAsync<EvBusException>(() => bus.Lanes.RewindAsync("a", LanePlace.At(first)).AsTask().Soon());
        Assert.Contains("its oldest event was accepted at 20", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<EvBusException>(() => bus.Lanes.RewindAsync("a", LanePlace.At(DateTimeOffset.UnixEpoch)).AsTask().Soon());
        // Refused, it goes on where it was.
        await PutAsync(bus, 201, 1);
        await publisher.WaitForEventsAsync(202).Soon();
        var again = await bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon();
        Assert.InRange(again, 40, 75);
        await publisher.WaitForEventsAsync(202 + (int)again).Soon();
        Assert.Equal([.. Enumerable.Range(0, 202), .. Enumerable.Range(202 - (int)again, (int)again)], publisher.Delivered.Numbers());
        (await bus.StopAsync().Soon()).AssertBalanced();
    }

    [Fact]
    public async Task By_age_what_is_older_goes()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(new JournalRetention { Age = TimeSpan.FromHours(1) }, publisher, _clock);
        await bus.StartAsync();
        await PutAsync(bus, 0, 100);
        _clock.Advance(TimeSpan.FromMinutes(50));
        await PutAsync(bus, 100, 100);
        await publisher.WaitForEventsAsync(200).Soon();
        var before = LogFiles;
        Assert.True(before > 12);
        _clock.Advance(TimeSpan.FromMinutes(20));
        await PutAsync(bus, 200, 1);
        await Given.UntilAsync(() => LogFiles < before - 5, _clock);
        Assert.True(await bus.Lanes.RewindAsync("a", LanePlace.At(_clock.GetUtcNow() - TimeSpan.FromMinutes(25))).AsTask().Soon() >= 101);
        await _clock.DriveAsync(bus.StopAsync());
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task Without_retention_files_go_as_before_and_what_is_kept_gives_way_when_the_disk_is_full()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(new JournalRetention { Bytes = 1L << 30 }, publisher);
        await bus.StartAsync();
        await PutAsync(bus, 0, 100);
        await publisher.WaitForEventsAsync(100).Soon();
        Assert.True(LogFiles > 6);
        _storage.Capacity = _storage.Files.Values.Sum();
        // Would not fit if nothing gave way.
        await PutAsync(bus, 100, 60);
        await publisher.WaitForEventsAsync(160).Soon();
        (await bus.StopAsync().Soon()).AssertBalanced();
    }

    [Fact]
    public async Task A_rewound_lane_is_rewound_also_after_a_kill()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(new JournalRetention { Bytes = 1L << 30 }, publisher);
        await bus.StartAsync();
        await PutAsync(bus, 0, 50);
        await publisher.WaitForEventsAsync(50).Soon();
        bus.Lanes.Pause("a");
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        Assert.Equal(50, await bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon());
        var second = new ScriptedPublisher();
        var disk = _storage.AfterCrash(null);
        await using var again = EventBus.Create(builder => builder.UseStorage(disk).Publisher("a", second, lane: Quick));
        await again.StartAsync();
        await second.WaitForEventsAsync(50).Soon();
        Assert.Equal(Enumerable.Range(0, 50), second.Delivered.Numbers());
        (await again.StopAsync().Soon()).AssertBalanced();
    }

    [Fact]
    public void Retention_without_a_bound_without_a_disk_or_without_room_is_refused_at_once()
    {
        static string Refused(JournalOptions journal) => Assert.Throws<EvBusConfigurationException>(() => EventBus.Create(bus => bus.Options = bus.Options with { Journal = journal })).Message;
        Assert.Contains("neither Bytes nor Age", Refused(new JournalOptions { Mode = JournalMode.Disk, Storage = new FaultStorage(), Retain = new() }), StringComparison.Ordinal);
        Assert.Contains("needs a journal on disk", Refused(new JournalOptions { Retain = new() { Bytes = 1 << 20 } }), StringComparison.Ordinal);
        Assert.Contains("MaxBytes", Refused(new JournalOptions { Mode = JournalMode.Disk, Storage = new FaultStorage(), MaxBytes = 1 << 30, Retain = new() { Age = TimeSpan.FromHours(1) } }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, JournalMode.Memory)]
    [InlineData(2, JournalMode.Memory)]
    [InlineData(3, JournalMode.Disk)]
    [InlineData(4, JournalMode.Disk)]
    [InlineData(5, JournalMode.Disk)]
    [InlineData(6, JournalMode.Spill)]
    [InlineData(7, JournalMode.Spill)]
    public async Task Random_moves_under_load_keep_the_ledger_and_lose_nothing_that_was_not_skipped(int seed, JournalMode mode)
    {
        var random = new Random(seed);
        var publisher = new ScriptedPublisher { Otherwise = (batch, _) => new((batch[0].GetText()[^1] % 5) == 0 ? PublishResult.Delivered : Flip(seed, batch) ? PublishResult.Retry("again") : PublishResult.Delivered) };
        await using var bus = EventBus.Create(builder =>
        {
            builder.Options = builder.Options with { StopTimeout = TimeSpan.Zero };
            if (mode != JournalMode.Memory)
            {
                builder.UseStorage(_storage);
                builder.Options = builder.Options with { Journal = builder.Options.Journal with { Mode = mode, MemoryBytes = 1 << 20, Retain = new() { Bytes = 1L << 30 } } };
            }
            builder.Publisher("a", publisher, lane: Quick).Publisher("b", new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("away")) }, lane: Quick);
        });
        await bus.StartAsync();
        var positions = new List<Position>();
        var skipped = 0L;
        for (var step = 0; step < 150; step++)
        {
            for (var i = random.Next(8); i > 0; i--)
                positions.Add((await bus.PutAsync(Given.Event($"{positions.Count}".PadRight(random.Next(3000)))).AsTask().Soon()).Position);
            if (positions.Count == 0)
                continue;
            var to = LanePlace.At(positions[random.Next(positions.Count)]);
            if (random.Next(4) == 0)
                skipped += await bus.Lanes.SkipAsync("a", to).AsTask().Soon();
            else if (random.Next(3) == 0)
                await bus.Lanes.RewindAsync("a", to).AsTask().Soon();
            var lane = bus.Lane("a");
            Assert.Equal(lane.Matched, lane.Delivered + lane.Dead + lane.Dropped + lane.Queued);
        }
        await bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon();
        await bus.Lanes.DrainAsync("a").AsTask().Soon();
        Assert.Equal(skipped, bus.Lane("a").Dropped);
        Assert.Equal(0, bus.Lane("a").Queued);
        // The last rewind goes to the beginning, so the last pass is everything, in order.
        Assert.Equal(Enumerable.Range(0, positions.Count), publisher.Delivered.Numbers()[^positions.Count..]);
        bus.GetStatus().AssertBalanced();
    }

    private static int s_calls;

    private static bool Flip(int seed, EventBatch batch) => (Interlocked.Increment(ref s_calls) + seed + batch.Count) % 3 == 0;
}
