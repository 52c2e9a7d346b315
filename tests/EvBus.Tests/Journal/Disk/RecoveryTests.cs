using System.Globalization;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>What a journal does with files that are torn, rotten, missing or there twice.</summary>
public class RecoveryTests
{
    private const int Events = 200;

    /// <summary>A journal with a backlog, as a killed process leaves it.</summary>
    private static async Task<FaultStorage> BacklogAsync(int events = Events, int bodyBytes = 1000, bool isClean = false)
    {
        var storage = new FaultStorage();
        await using var bus = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) });
        await bus.StartAsync();
        for (var i = 0; i < events; i += 10)
            await Task.WhenAll(Enumerable.Range(i, 10).Select(n => bus.PutAsync(Number(n, bodyBytes), Receipt.Durable).AsTask())).Soon();
        var killed = storage.AfterCrash(null);
        await bus.StopAsync(TimeSpan.Zero).Soon();
        return isClean ? storage : killed;
    }

    /// <summary>400 events in one group that no checkpoint has counted; null when it became several.</summary>
    private static async Task<FaultStorage?> OneGroupAsync()
    {
        var storage = new FaultStorage();
        await using var bus = EventBus.Create(bus =>
        {
            // Time stands, so no checkpoint is written.
            bus.UseStorage(storage).Publisher("a", new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }, lane: new LaneOptions { Start = LaneStart.Oldest });
            bus.Options = bus.Options with { Time = new FakeClock() };
        });
        await bus.PutManyAsync([.. Enumerable.Range(0, 400).Select(n => Number(n, 8000))]);
        await bus.StartAsync();
        await Given.UntilAsync(() => bus.GroupsWritten.Events == 400);
        var disk = bus.GroupsWritten.Groups == 1 ? storage.AfterCrash(null) : null;
        await bus.StopAsync(TimeSpan.Zero).Soon();
        return disk;
    }

    private static EventBus Create(FaultStorage storage, ScriptedPublisher publisher) =>
        EventBus.Create(bus => bus.UseStorage(storage).Publisher("a", publisher, lane: new LaneOptions { Start = LaneStart.Oldest }));

    private static BusEvent Number(int number, int bodyBytes) => new(number.ToString(CultureInfo.InvariantCulture).PadRight(bodyBytes));

    private static async Task<(int[] Delivered, BusStatus Status)> DrainAsync(FaultStorage storage)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(storage, publisher);
        await bus.StartAsync();
        var status = await bus.StopAsync(Given.Patience).Soon();
        status.AssertBalanced();
        Assert.Equal(0, status.Lanes.Single().Queued);
        return (publisher.Delivered.Numbers(), status);
    }

    private static string[] LogsOf(FaultStorage storage) => [.. storage.Files.Keys.Where(name => name.StartsWith("log/", StringComparison.Ordinal)).Order()];

    private static byte[] Flip(byte[] content, int at)
    {
        content[at] ^= 0x10;
        return content;
    }

    [Fact]
    public async Task An_unharmed_backlog_is_delivered_whole()
    {
        var (delivered, status) = await DrainAsync(await BacklogAsync());
        Assert.Equal(Enumerable.Range(0, Events), delivered);
        Assert.Equal(Events, status.Accepted);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(500)]
    [InlineData(2000)]
    public async Task A_torn_tail_is_cut_and_kept_aside_and_everything_before_it_is_delivered(int bytes)
    {
        var storage = await BacklogAsync();
        storage.Corrupt(LogsOf(storage)[^1], content => content[..^bytes]);
        var (delivered, _) = await DrainAsync(storage);
        Assert.Equal(Enumerable.Range(0, delivered.Length), delivered);
        Assert.InRange(delivered.Length, Events - 12, Events);
    }

    /// <summary>The writes of one group may reach the disk in any order: its commit record may be there and what is before it not.</summary>
    [Fact]
    public async Task What_a_power_failure_tore_out_of_the_last_group_was_never_accepted()
    {
        FaultStorage? disk;
        while ((disk = await OneGroupAsync()) is null)
        {
            // The committer was quicker than the events came.
        }
        disk.Corrupt(LogsOf(disk)[^1], content =>
        {
            content.AsSpan(500_000, 100_000).Clear();
            return content;
        });
        var (delivered, status) = await DrainAsync(disk);
        Assert.Equal((0, 399), (delivered[0], delivered[^1]));
        Assert.InRange(delivered.Length, 385, 388);
        Assert.Equal((delivered.Length, 0), (status.Accepted, status.Lanes.Single().Dropped));
    }

    [Fact]
    public async Task A_zero_filled_tail_is_cut()
    {
        var storage = await BacklogAsync();
        storage.Corrupt(LogsOf(storage)[^1], content => [.. content, .. new byte[5000]]);
        Assert.Equal(Enumerable.Range(0, Events), (await DrainAsync(storage)).Delivered);
    }

    [Fact]
    public async Task Garbage_behind_the_tail_is_kept_aside()
    {
        var storage = await BacklogAsync();
        storage.Corrupt(LogsOf(storage)[^1], content => [.. content.AsSpan(0, content.AsSpan().LastIndexOfAnyExcept((byte)0) + 1), 1, 2, 3]);
        Assert.Equal(Enumerable.Range(0, Events), (await DrainAsync(storage)).Delivered);
        Assert.Contains(storage.Files.Keys, name => name.StartsWith("aside/tail-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_bit_that_flips_anywhere_in_the_log_loses_one_event_at_most_and_says_so()
    {
        var random = new Random(7);
        for (var round = 0; round < 60; round++)
        {
            var storage = await BacklogAsync(60, 300);
            var logs = LogsOf(storage);
            var file = logs[random.Next(logs.Length)];
            var used = 0;
            storage.Corrupt(file, content =>
            {
                used = content.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
                return content;
            });
            var at = random.Next(used);
            storage.Corrupt(file, content => Flip(content, at));
            var (delivered, status) = await DrainAsync(storage);
            Assert.True(delivered.Length >= 59 && delivered.SequenceEqual(delivered.Order().Distinct()), $"Round {round}, byte {at} of {file}: {delivered.Length} delivered.");
            Assert.True(status.Lanes.Single().Dropped <= 60 - delivered.Length, $"Round {round}, byte {at} of {file}: {status.Lanes.Single()}");
        }
    }

    [Fact]
    public async Task A_missing_file_in_the_middle_loses_its_events_and_no_others()
    {
        var storage = await BacklogAsync(isClean: true);
        var logs = LogsOf(storage);
        Assert.True(logs.Length > 2);
        storage.Lose(logs[1]);
        var (delivered, status) = await DrainAsync(storage);
        Assert.Equal(0, delivered[0]);
        Assert.Equal(Events - 1, delivered[^1]);
        Assert.Equal(Events - delivered.Length, status.Lanes.Single().Dropped);
        Assert.Equal(Events - delivered.Length, status.Lanes.Single().DroppedByReason[DropReasons.Damaged]);
    }

    [Fact]
    public async Task A_file_that_is_there_twice_is_read_once()
    {
        var storage = await BacklogAsync();
        var first = LogsOf(storage)[0];
        storage.Copy(first, first.Replace("-0000000000000000", "-0000000000000001", StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(0, Events), (await DrainAsync(storage)).Delivered);
    }

    [Fact]
    public async Task A_lost_checkpoint_costs_only_the_time_to_count_again()
    {
        var storage = await BacklogAsync();
        storage.Corrupt("checkpoint", content => new byte[content.Length]);
        var (delivered, status) = await DrainAsync(storage);
        Assert.Equal(Enumerable.Range(0, Events), delivered);
        Assert.Equal((long)Events, status.Accepted);
    }

    [Fact]
    public async Task A_lost_cursor_begins_again_at_the_oldest_event()
    {
        var storage = await BacklogAsync();
        storage.Corrupt("lanes/a.cursor", content => new byte[content.Length]);
        Assert.Equal(Enumerable.Range(0, Events), (await DrainAsync(storage)).Delivered);
    }

    [Fact]
    public async Task A_damaged_file_header_does_not_cost_the_events_behind_it()
    {
        var storage = await BacklogAsync();
        storage.Corrupt(LogsOf(storage)[^1], content => Flip(content, 20));
        Assert.Equal(Enumerable.Range(0, Events), (await DrainAsync(storage)).Delivered);
    }

    [Fact]
    public async Task A_journal_of_a_newer_format_is_refused_with_words()
    {
        var storage = await BacklogAsync();
        storage.Corrupt(LogsOf(storage)[^1], content =>
        {
            content[8] = 9;
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(12), EvBus.Journal.JournalFormat.HeaderChecksum(content));
            return content;
        });
        var error = Assert.Throws<EvBusException>(() => Create(storage, new ScriptedPublisher()));
        Assert.Contains("format 9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_are_none_of_the_journals_are_left_alone()
    {
        var storage = await BacklogAsync();
        storage.Copy("checkpoint", "log/notes.txt");
        storage.Copy("checkpoint", "lanes/old.cursor.bak");
        Assert.Equal(Enumerable.Range(0, Events), (await DrainAsync(storage)).Delivered);
        Assert.Contains("log/notes.txt", storage.Files.Keys);
    }

    [Fact]
    public async Task A_copy_under_the_name_of_another_place_is_set_aside()
    {
        var storage = await BacklogAsync(isClean: true);
        var first = LogsOf(storage)[0];
        storage.Copy(first, first.Replace("/0000000000000000-0000000000000000", "/00000000000003e8-0000000000000001", StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(0, Events), (await DrainAsync(storage)).Delivered);
        Assert.Contains(storage.Files.Keys, name => name.StartsWith("aside/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_damaged_version_is_damage_and_no_newer_format()
    {
        var storage = await BacklogAsync();
        storage.Corrupt(LogsOf(storage)[^1], content => Flip(content, 9));
        Assert.Equal(Enumerable.Range(0, Events), (await DrainAsync(storage)).Delivered);
    }

    [Fact]
    public async Task Behind_a_damaged_commit_and_a_damaged_event_the_others_keep_their_numbers()
    {
        var storage = await BacklogAsync(60, 300, isClean: true);
        var file = LogsOf(storage)[0];
        storage.Corrupt(file, content =>
        {
            var commits = new List<int>();
            var events = new List<int>();
            for (var at = 64; at + 40 < content.Length && EventCodec.ReadLength(content.AsSpan(at)) is > 0 and var length; at += length)
                (EvBus.Journal.JournalFormat.IsControl(content.AsSpan(at)) ? commits : events).Add(at);
            var after = events.Where(at => at > commits[0]).Skip(2).First();
            return Flip(Flip(content, commits[0] + 50), after + 60);
        });
        var (delivered, status) = await DrainAsync(storage);
        Assert.Equal(59, delivered.Length);
        Assert.Equal(1, status.Lanes.Single().DroppedByReason[DropReasons.Damaged]);
    }
}
