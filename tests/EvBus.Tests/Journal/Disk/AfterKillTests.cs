using System.Globalization;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>What the model of lists found: counts that only a kill in between could make wrong.</summary>
public class AfterKillTests
{
    private const int JournalDamaged = 300;

    private readonly FaultStorage _storage = new();
    private readonly SaidLog _said = new();
    private readonly FakeClock _clock = new();

    private EventBus Create(FaultStorage storage, ScriptedPublisher publisher) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage).Publisher("a", publisher, lane: new LaneOptions { Start = LaneStart.Oldest, CallTimeout = TimeSpan.FromDays(1), MaxAttempts = 1_000_000 });
        bus.LoggerFactory = _said;
        bus.Options = bus.Options with { Time = _clock };
    });

    private static async Task PutAsync(EventBus bus, int count)
    {
        for (var i = 0; i < count; i++)
            await bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture).PadRight(500)), Receipt.Durable).AsTask().Soon();
    }

    /// <summary>Ten events of which no lane has had any, with a bit flipped in some of their bodies.</summary>
    private async Task DamageAsync(params int[] numbers)
    {
        await using (var bus = Create(_storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }))
        {
            await bus.StartAsync();
            await PutAsync(bus, 10);
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        _storage.Corrupt(_storage.Files.Keys.Single(name => name.StartsWith("log/", StringComparison.Ordinal)), content =>
        {
            var number = 0;
            for (var at = EvBus.Journal.JournalFormat.FileHeaderLength; at < content.Length;)
            {
                var length = EventCodec.ReadLength(content.AsSpan(at));
                if (!EvBus.Journal.JournalFormat.IsControl(content.AsSpan(at)) && numbers.Contains(number++))
                    content[at + length - 1] ^= 0x10;
                // Behind the last event its commit as well: then nothing whole is left in the file.
                else if (number == 10 && numbers.Contains(9) && EvBus.Journal.JournalFormat.IsControl(content.AsSpan(at)))
                    content[at + length - 1] ^= 0x10;
                at += length;
            }
            return content;
        });
    }

    [Fact]
    public async Task A_rewind_right_after_it_counts_also_what_was_settled_ahead_of_the_lane_s_place()
    {
        var stuck = new ScriptedPublisher { Otherwise = (batch, _) => new(PublishResult.Mixed([.. batch.Select(evt => evt.GetText().Trim() == "5" ? new EventVerdict(Verdict.Retry, "not now") : new EventVerdict(Verdict.Delivered))])) };
        await using var bus = Create(_storage, stuck);
        // Before the start, so that they are one batch.
        await PutAsync(bus, 10);
        await bus.StartAsync();
        await Given.UntilAsync(() => bus.Lane("a").Delivered == 9, _clock);
        var killed = _storage.AfterCrash(null);
        await bus.StopAsync(TimeSpan.Zero).Soon();

        // Not connected, so it has read nothing.
        var connected = new TaskCompletionSource();
        var publisher = new ScriptedPublisher().OnConnect(async cancellationToken => await connected.Task.WaitAsync(cancellationToken));
        await using var again = Create(killed, publisher);
        await again.StartAsync();
        Assert.Equal((9L, 1L), (again.Lane("a").Delivered, again.Lane("a").Queued));
        Assert.Equal(9, await again.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon());
        connected.TrySetResult();
        await Given.UntilAsync(() => again.Lane("a").Queued == 0, _clock);
        await again.Lanes.DrainAsync("a").AsTask().Soon();
        Assert.Equal(Enumerable.Range(0, 10), publisher.Delivered.Numbers());
        Assert.Equal((10L, 10L, 0L), (again.Lane("a").Matched, again.Lane("a").Delivered, again.Lane("a").Queued));
    }

    [Fact]
    public async Task What_damage_took_is_counted_as_lost_although_the_process_was_killed_behind_it()
    {
        await DamageAsync(4);
        var publisher = new ScriptedPublisher();
        await using var bus = Create(_storage, publisher);
        await bus.StartAsync();
        await publisher.WaitForEventsAsync(9).Soon();
        // Settled behind the damage: the cursor has passed it.
        await PutAsync(bus, 1);
        await publisher.WaitForEventsAsync(10).Soon();
        await bus.PutAsync(Given.Event(11), Receipt.Delivered()).AsTask().Soon();
        var killed = _storage.AfterCrash(null);
        await bus.StopAsync(TimeSpan.Zero).Soon();

        await using var again = Create(killed, new ScriptedPublisher());
        await again.StartAsync();
        var status = await again.StopAsync(TimeSpan.FromHours(1)).Soon();
        var lane = status.Lanes.Single();
        Assert.Equal((12L, 11L, 1L, 0L), (lane.Matched, lane.Delivered, lane.DroppedByReason.GetValueOrDefault(DropReasons.Damaged), lane.Queued));
    }

    [Fact]
    public async Task Damage_up_to_the_end_of_a_file_is_named_like_any_other()
    {
        await DamageAsync(9);
        var publisher = new ScriptedPublisher();
        await using var bus = Create(_storage, publisher);
        await bus.StartAsync();
        await PutAsync(bus, 1);
        await bus.Lanes.DrainAsync("a").AsTask().Soon();
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 0], publisher.Delivered.Numbers());
        Assert.Contains("1 events are lost", Assert.Single(_said.Of(JournalDamaged)), StringComparison.Ordinal);
        Assert.Equal(1, bus.Lane("a").DroppedByReason[DropReasons.Damaged]);
    }
}
