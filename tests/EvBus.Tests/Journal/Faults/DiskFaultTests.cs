using System.Collections.Concurrent;
using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Faults;

/// <summary>What a disk can do to a journal, each by name and at every place where it can happen.</summary>
public class DiskFaultTests
{
    private const int Events = 60;

    private static readonly LaneOptions Patient = new() { RetryInitial = TimeSpan.FromMilliseconds(1), RetryMax = TimeSpan.FromMilliseconds(5), BatchEvents = 7, Start = LaneStart.Oldest };

    private static EventBus Create(FaultStorage storage, ScriptedPublisher publisher) => EventBus.Create(bus => bus.UseStorage(storage).Publisher("a", publisher, lane: Patient));

    /// <summary>Rejects every tenth, so that dead letters are written too.</summary>
    private static ScriptedPublisher Picky() => new()
    {
        Otherwise = (batch, _) => new(batch.Count == 1 && batch[0].GetText().Trim().EndsWith('9') ? PublishResult.Rejected("nine") : batch.Any(evt => evt.GetText().Trim().EndsWith('9')) ? PublishResult.Rejected("some") : PublishResult.Delivered),
    };

    /// <summary>A whole life on a storage, until it ends in order or fails. The ids whose durable receipt came, and all that were put.</summary>
    private static async Task<(ConcurrentBag<string> Durable, HashSet<string> Put)> LiveAsync(FaultStorage storage, ScriptedPublisher publisher)
    {
        var durable = new ConcurrentBag<string>();
        var put = new HashSet<string>();
        EventBus bus;
        try
        {
            bus = Create(storage, publisher);
        }
        catch (EvBusException)
        {
            return (durable, put);
        }
        await using (bus)
        {
            try
            {
                await bus.StartAsync();
            }
            catch (IOException)
            {
                return (durable, put);
            }
            for (var i = 0; i < Events; i += 4)
            {
                await Task.WhenAll(Enumerable.Range(i, 4).Select(async n =>
                {
                    var id = $"id-{n}";
                    put.Add(id);
                    var result = await bus.PutAsync(new BusEvent($"{n}".PadRight(n % 3 * 1500), new EventAttributes { Id = id }), Receipt.Durable);
                    if (result.Outcome == PutOutcome.Durable)
                        durable.Add(id);
                })).Soon();
            }
            // A lane that paused because a dead letter found no place goes on.
            bus.Lanes.Resume("*");
            // What a failed journal never committed is not waited for.
            await bus.StopAsync(durable.Count == Events ? TimeSpan.FromSeconds(5) : TimeSpan.FromDays(1)).Soon();
        }
        return (durable, put);
    }

    private static async Task AssertNothingLostAsync(FaultStorage disk, ScriptedPublisher first, ConcurrentBag<string> durable, HashSet<string> put, string where)
    {
        var second = new ScriptedPublisher();
        await using var bus = Create(disk, second);
        await bus.StartAsync();
        var dead = bus.Lanes.GetDeadLetters("a").Select(letter => letter.Event.Id!).ToHashSet();
        var status = await bus.StopAsync(Given.Patience).Soon();
        var seen = first.Delivered.Concat(second.Delivered).Select(evt => evt.Id!).ToHashSet();
        Assert.All(durable, id => Assert.True(seen.Contains(id) || dead.Contains(id), $"{where}: {id} had its receipt and is missing."));
        Assert.All(seen, id => Assert.True(put.Contains(id), $"{where}: {id} was never put."));
        var lane = status.Lanes.Single();
        Assert.True(lane.Queued == 0 && lane.Matched == lane.Delivered + lane.Dead + lane.Dropped && lane.Matched == status.Accepted, $"{where}: accepted {status.Accepted}, {lane}");
    }

    private static async Task<(long Writes, long Syncs)> CountAsync()
    {
        var storage = new FaultStorage();
        var (durable, _) = await LiveAsync(storage, Picky());
        Assert.Equal(Events, durable.Count);
        return (storage.Writes, storage.Syncs);
    }

    [Fact]
    public async Task No_space_at_any_write_loses_nothing_and_ends_when_there_is_room()
    {
        var (writes, _) = await CountAsync();
        for (var failing = 1; failing <= writes; failing++)
        {
            var storage = new FaultStorage();
            storage.BeforeWrite = _ =>
            {
                if (storage.Writes == failing)
                    throw new StorageFullException("No space left on device");
            };
            var publisher = Picky();
            var (durable, put) = await LiveAsync(storage, publisher);
            await AssertNothingLostAsync(storage.AfterCrash(new Random(failing)), publisher, durable, put, $"No space at write {failing} of {writes}");
            Assert.True(durable.Count is Events or 0, $"No space at write {failing}: only {durable.Count} were confirmed.");
        }
    }

    [Fact]
    public async Task An_IO_error_at_any_write_refuses_what_comes_and_loses_nothing_confirmed()
    {
        var (writes, _) = await CountAsync();
        for (var failing = 1; failing <= writes; failing += 2)
        {
            var storage = new FaultStorage();
            storage.BeforeWrite = _ =>
            {
                if (storage.Writes == failing)
                    throw new IOException("Input/output error");
            };
            var publisher = Picky();
            var (durable, put) = await LiveAsync(storage, publisher);
            await AssertNothingLostAsync(storage.AfterCrash(new Random(failing)), publisher, durable, put, $"EIO at write {failing} of {writes}");
        }
    }

    [Fact]
    public async Task An_IO_error_once_at_any_fsync_is_never_tried_again_and_loses_nothing_confirmed()
    {
        var (_, syncs) = await CountAsync();
        for (var failing = 1; failing <= syncs; failing++)
        {
            var storage = new FaultStorage();
            string? failed = null;
            var later = 0;
            storage.BeforeSync = name =>
            {
                if (failed is not null && name == failed && name.StartsWith("log/", StringComparison.Ordinal))
                    later++;
                if (storage.Syncs != failing)
                    return;
                failed = name;
                throw new IOException("Input/output error");
            };
            var publisher = Picky();
            var (durable, put) = await LiveAsync(storage, publisher);
            Assert.True(later == 0, $"'{failed}' was fsynced again after that had failed.");
            await AssertNothingLostAsync(storage.AfterCrash(new Random(failing)), publisher, durable, put, $"EIO at fsync {failing} of {syncs} ('{failed}')");
        }
    }

    [Fact]
    public async Task A_short_write_that_ends_in_an_error_leaves_a_torn_group_that_is_cut()
    {
        var storage = new FaultStorage();
        await LiveAsync(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) });
        var log = storage.Files.Keys.Where(name => name.StartsWith("log/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Last();
        storage.Corrupt(log, content => content[..^30]);
        await AssertNothingLostAsync(storage, new ScriptedPublisher(), [.. Enumerable.Range(0, Events - 4).Select(n => $"id-{n}")], [.. Enumerable.Range(0, Events).Select(n => $"id-{n}")], "Short write");
        Assert.Contains(storage.Files.Keys, name => name.StartsWith("aside/tail-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_bit_flip_in_a_cursor_costs_its_newest_state_and_no_event()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var storage = new FaultStorage();
            var publisher = new ScriptedPublisher();
            var (durable, put) = await LiveAsync(storage, publisher);
            var random = new Random(seed);
            storage.Corrupt("lanes/a.cursor", content =>
            {
                var slot = random.Next(3) * LaneCursor.SlotLength;
                content[slot + random.Next(200)] ^= (byte)(1 << random.Next(8));
                return content;
            });
            await AssertNothingLostAsync(storage, publisher, durable, put, $"Bit flip {seed}");
        }
    }

    [Fact]
    public async Task A_stale_cursor_delivers_again_and_loses_nothing()
    {
        var storage = new FaultStorage();
        await LiveAsync(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) });
        storage.Copy("lanes/a.cursor", "lanes/kept");
        var publisher = new ScriptedPublisher();
        await using (var bus = Create(storage, publisher))
        {
            await bus.StartAsync();
            await publisher.WaitForEventsAsync(20).Soon();
        }
        storage.Copy("lanes/kept", "lanes/a.cursor");
        storage.Lose("lanes/kept");
        await AssertNothingLostAsync(storage, publisher, [.. Enumerable.Range(0, Events).Select(n => $"id-{n}")], [.. Enumerable.Range(0, Events).Select(n => $"id-{n}")], "Stale cursor");
    }

    [Fact]
    public async Task A_cursor_damaged_in_all_its_slots_begins_again_at_the_oldest_event()
    {
        var storage = new FaultStorage();
        var (durable, put) = await LiveAsync(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) });
        storage.Corrupt("lanes/a.cursor", content =>
        {
            for (var slot = 0; slot < 3; slot++)
                content[(slot * LaneCursor.SlotLength) + 30] ^= 0x40;
            return content;
        });
        await AssertNothingLostAsync(storage, new ScriptedPublisher(), durable, put, "Doubly damaged cursor");
    }

    [Fact]
    public async Task A_slow_fsync_holds_up_nobody_who_does_not_wait_for_it_and_all_who_came_meanwhile_share_the_next()
    {
        var storage = new FaultStorage();
        var publisher = new ScriptedPublisher();
        await using var bus = Create(storage, publisher);
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(0), Receipt.Durable).AsTask().Soon();
        using var release = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        storage.BeforeSync = name =>
        {
            if (!name.StartsWith("log/", StringComparison.Ordinal))
                return;
            entered.Set();
            release.Wait(Given.Patience);
        };
        var first = bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask();
        Assert.True(entered.Wait(Given.Patience));
        var before = storage.Syncs;
        var others = Enumerable.Range(2, 500).Select(n => bus.PutAsync(Given.Event(n), Receipt.Durable).AsTask()).ToArray();
        for (var i = 502; i < 600; i++)
            Assert.True(bus.TryPut(Given.Event(i)).IsAccepted);
        Assert.DoesNotContain(others, put => put.IsCompleted);
        Assert.False(first.IsCompleted);
        var groups = 0;
        storage.BeforeSync = name => groups += name.StartsWith("log/", StringComparison.Ordinal) ? 1 : 0;
        release.Set();
        Assert.All(await Task.WhenAll(others.Append(first)).Soon(), put => Assert.Equal(PutOutcome.Durable, put.Outcome));
        await publisher.WaitForEventsAsync(600).Soon();
        Assert.InRange(groups, 1, 8);
        Assert.Equal(Enumerable.Range(0, 600), publisher.Delivered.Numbers());
        Assert.True(storage.Syncs > before);
    }

    [Fact]
    public async Task A_lost_rename_of_the_dead_letters_leaves_the_old_file_with_all_of_them()
    {
        var storage = new FaultStorage();
        var (durable, put) = await LiveAsync(storage, Picky());
        storage.Copy("dead/a.dead", "dead/a.dead.new");
        // The file written anew is there under its first name, cut off, and the old one under its own.
        storage.Corrupt("dead/a.dead.new", content => content[..(content.Length / 2)]);
        var publisher = new ScriptedPublisher();
        await using var bus = Create(storage, publisher);
        await bus.StartAsync();
        Assert.Equal(Events / 10, bus.Lanes.GetDeadLetters("a").Count);
        Assert.Equal(Events, durable.Count);
        Assert.Equal(Events, put.Count);
    }

    [Fact]
    public async Task A_folder_entry_that_was_not_durable_is_the_last_file_or_nothing_that_counts()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var storage = new FaultStorage();
            var publisher = new ScriptedPublisher();
            var (durable, put) = await LiveAsync(storage, publisher);
            // What had no fsync of its folder may be there or not; chance decides for each.
            await AssertNothingLostAsync(storage.AfterCrash(new Random(seed)), publisher, durable, put, $"Entries {seed}");
        }
    }
}
