using System.Globalization;
using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>Segment files that every lane is through with are written again: what they held must never be an event of the file they become.</summary>
public class ReusedFileTests
{
    private const int InRound = 8;
    private const int Rounds = 5;

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private static string[] LogsOf(FaultStorage storage) => [.. storage.Files.Keys.Where(name => name.EndsWith(".evj", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static string[] SparesOf(FaultStorage storage) => [.. storage.Files.Keys.Where(name => name.EndsWith(".spare", StringComparison.Ordinal))];

    private static bool IsReused(FaultStorage storage, string name) => (storage.Read(name)[10] & 4) != 0;

    private static EventBus Create(FaultStorage storage, ScriptedPublisher publisher, TimeProvider time, JournalKey? key = null, SaidLog? log = null) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage).Publisher("a", publisher, lane: new LaneOptions { Start = LaneStart.Oldest, CallTimeout = TimeSpan.FromDays(1) });
        bus.Options = bus.Options with { Time = time, Journal = bus.Options.Journal with { Key = key, ReserveBytes = 0 } };
        if (log is not null)
            bus.LoggerFactory = log;
    });

    /// <summary>Rounds of 64 KB each, delivered and settled durably before the next: so from the third on there is a file to use again.</summary>
    private static async Task<(HashSet<string> Accepted, HashSet<string> Durable, FaultStorage Killed)> RunAsync(FaultStorage storage, ScriptedPublisher publisher, JournalKey? key = null, int rounds = Rounds)
    {
        var (clock, accepted, durable) = (new FakeClock(), new HashSet<string>(), new HashSet<string>());
        EventBus? started = null;
        try
        {
            started = Create(storage, publisher, clock, key);
            await started.StartAsync();
        }
        catch (Exception e) when (storage.HasCrashed && e is IOException or EvBusException)
        {
            if (started is not null)
                await started.DisposeAsync();
            return (accepted, durable, storage.AfterCrash(null));
        }
        await using var bus = started;
        for (var round = 0; round < rounds && !storage.HasCrashed; round++)
        {
            for (var i = 0; i < InRound; i++)
            {
                var id = $"{(round * InRound) + i}";
                accepted.Add(id);
                if ((await bus.PutAsync(new BusEvent(id.PadRight(8000), new EventAttributes { Id = id }), Receipt.Durable).AsTask().Soon()).Outcome == PutOutcome.Durable)
                    durable.Add(id);
            }
            await Given.UntilAsync(() => storage.HasCrashed || bus.GetStatus().Lanes[0].Queued == 0);
            clock.Advance(s_interval);
            clock.Advance(s_interval);
        }
        var killed = storage.AfterCrash(null);
        await bus.StopAsync(storage.HasCrashed ? TimeSpan.Zero : null).Soon();
        return (accepted, durable, killed);
    }

    private static async Task<(ScriptedPublisher Publisher, BusStatus Status)> DrainAsync(FaultStorage storage, JournalKey? key = null, SaidLog? log = null)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(storage, publisher, TimeProvider.System, key, log: log);
        await bus.StartAsync();
        var status = await bus.StopAsync(Given.Patience).Soon();
        return (publisher, status);
    }

    [Fact]
    public async Task A_file_that_all_are_through_with_is_written_again_and_not_deleted()
    {
        var storage = new FaultStorage();
        var (_, durable, killed) = await RunAsync(storage, new ScriptedPublisher());
        Assert.Equal(Rounds * InRound, durable.Count);
        Assert.True(IsReused(killed, LogsOf(killed)[^1]));
        Assert.Equal(3, BitConverter.ToUInt16(killed.Read(LogsOf(killed)[^1]), 8));
        // Stopped in order, nothing is kept that nobody needs.
        Assert.Empty(SparesOf(storage));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_an_earlier_file_left_is_no_event_after_a_kill_and_no_torn_tail(bool encrypted)
    {
        var key = encrypted ? JournalKey.Generate() : null;
        var (accepted, _, killed) = await RunAsync(new FaultStorage(), new ScriptedPublisher(), key);
        Assert.True(IsReused(killed, LogsOf(killed)[^1]));
        var log = new SaidLog();
        var (publisher, status) = await DrainAsync(killed, key, log);
        Assert.Equal(accepted.Count, status.Accepted);
        Assert.Empty(publisher.Delivered.Select(evt => evt.Id!).Except(accepted));
        Assert.DoesNotContain(killed.Files.Keys, name => name.StartsWith("aside/", StringComparison.Ordinal));
        Assert.DoesNotContain(log.All, said => said.Contains("tail_uncertain", StringComparison.Ordinal));
        status.AssertBalanced();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task At_every_point_of_using_files_again_a_crash_loses_no_durable_receipt_and_invents_nothing(bool power, bool encrypted)
    {
        var key = encrypted ? JournalKey.Generate() : null;
        var whole = new FaultStorage();
        await RunAsync(whole, new ScriptedPublisher(), key);
        for (var point = 1; point <= whole.Points; point++)
        {
            var storage = new FaultStorage { CrashAt = point };
            var first = new ScriptedPublisher();
            var (accepted, durable, _) = await RunAsync(storage, first, key);
            var (second, status) = await DrainAsync(storage.AfterCrash(power ? new Random(point) : null), key);
            var after = second.Delivered.Select(evt => evt.Id!).ToArray();
            var where = string.Create(CultureInfo.InvariantCulture, $"Crash at point {point} of {whole.Points}: ");
            Assert.True(durable.IsSubsetOf(first.Delivered.Select(evt => evt.Id!).Concat(after)), $"{where}a durable receipt is missing.");
            Assert.True(accepted.IsSupersetOf(after), $"{where}something was never put.");
            Assert.True(after.SequenceEqual(after.Distinct().OrderBy(int.Parse)), $"{where}out of order: {string.Join(' ', after)}");
            Assert.True(status.Lanes[0] is { Queued: 0 } lane && lane.Matched == status.Accepted, $"{where}accepted {status.Accepted}, {status.Lanes[0]}");
        }
    }

    [Fact]
    public async Task With_a_damaged_header_its_records_say_which_file_it_is()
    {
        var down = new ScriptedPublisher();
        // The last round stays queued.
        down.Otherwise = (_, _) => new(down.Delivered.Count >= 32 ? PublishResult.Retry("down") : PublishResult.Delivered);
        var (storage, clock) = (new FaultStorage(), new FakeClock());
        FaultStorage killed;
        await using (var bus = Create(storage, down, clock))
        {
            await bus.StartAsync();
            for (var i = 0; i < 36; i++)
            {
                await bus.PutAsync(new BusEvent($"{i}".PadRight(8000), new EventAttributes { Id = $"{i}" }), Receipt.Durable).AsTask().Soon();
                if (i >= 32 || i % 8 != 7)
                    continue;
                await Given.UntilAsync(() => bus.GetStatus().Lanes[0].Queued == 0);
                clock.Advance(s_interval);
                clock.Advance(s_interval);
            }
            killed = storage.AfterCrash(null);
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        var last = LogsOf(killed)[^1];
        Assert.True(IsReused(killed, last));
        killed.Corrupt(last, static content =>
        {
            content.AsSpan(8, 56).Clear();
            return content;
        });
        var (publisher, status) = await DrainAsync(killed);
        Assert.Equal(["32", "33", "34", "35"], publisher.Delivered.Select(evt => evt.Id!).Where(id => int.Parse(id, CultureInfo.InvariantCulture) >= 32));
        Assert.Equal(36, status.Accepted);
    }

    [Fact]
    public async Task What_a_killed_process_kept_goes_at_the_next_opening()
    {
        var (_, _, killed) = await RunAsync(new FaultStorage(), new ScriptedPublisher(), rounds: 2);
        Assert.NotEmpty(SparesOf(killed));
        await DrainAsync(killed);
        Assert.Empty(SparesOf(killed));
    }

    [Fact]
    public async Task A_plain_file_does_not_become_an_encrypted_one()
    {
        var (storage, key) = (new FaultStorage(), JournalKey.Generate());
        var clock = new FakeClock();
        await using (var plain = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }, clock))
        {
            await plain.StartAsync();
            for (var i = 0; i < 24; i++)
                await plain.PutAsync(new BusEvent("plain".PadRight(8000)), Receipt.Durable).AsTask().Soon();
            await plain.StopAsync(TimeSpan.Zero).Soon();
        }
        await using var encrypted = Create(storage, new ScriptedPublisher(), clock, key);
        await encrypted.StartAsync();
        await encrypted.PutAsync(new BusEvent("x"), Receipt.Delivered()).AsTask().Soon();
        await Given.UntilAsync(() => encrypted.GetStatus().Lanes[0].Queued == 0);
        clock.Advance(s_interval);
        clock.Advance(s_interval);
        Assert.Empty(SparesOf(storage));
        Assert.Single(LogsOf(storage));
    }

    [Fact]
    public void On_a_full_disk_what_is_kept_for_later_goes_before_the_reserve()
    {
        var storage = new FaultStorage();
        var spares = new SpareFiles(storage, 1000);
        var reserved = new ReservedStorage(storage, ReservedStorage.PieceBytes) { GiveUpFirst = spares.Drop };
        Assert.True(reserved.Refill());
        ((IStorage)storage).Open("log/a.evj", 1000).Dispose();
        Assert.True(spares.TryKeep("log/a.evj", 936));
        storage.Capacity = storage.Files.Values.Sum();
        using (var cursor = reserved.Open("lanes/a.cursor"))
        {
            cursor.Write(0, new byte[1000]);
            Assert.Empty(SparesOf(storage));
            Assert.True(reserved.IsWhole);
            cursor.Write(1000, new byte[1000]);
            Assert.False(reserved.IsWhole);
        }
    }
}
