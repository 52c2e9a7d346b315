using System.Diagnostics;
using System.Globalization;
using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>A journal can always be opened again: whatever its size, whatever is missing, and never silently with less than it had.</summary>
public sealed class OpenAgainTests : IDisposable
{
    private const int DeadLettersLost = 330, LogMissing = 331;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evbus-open-");
    private readonly SaidLog _said = new();

    public void Dispose() => _folder.Delete(recursive: true);

    private static EventBus OnDisk(string path, ScriptedPublisher publisher, long segmentBytes = 64 << 20) => EventBus.Create(bus =>
    {
        bus.Publisher("a", publisher, lane: new LaneOptions { Start = LaneStart.Oldest });
        bus.Options = bus.Options with { Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = path, SegmentBytes = segmentBytes, MemoryBytes = 1 << 20 } };
    });

    private EventBus Create(FaultStorage storage, ScriptedPublisher publisher, LaneOptions? lane = null) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage).Publisher("a", publisher, lane: lane ?? new LaneOptions { Start = LaneStart.Oldest });
        bus.LoggerFactory = _said;
    });

    private static ScriptedPublisher Down() => new() { Otherwise = (_, _) => new(PublishResult.Retry("down")) };

    private static ScriptedPublisher Rejecting() => new() { Otherwise = (batch, _) => new(PublishResult.Mixed([.. batch.Select(_ => new EventVerdict(Verdict.Rejected, "no"))])) };

    private static async Task PutAsync(EventBus bus, int count, int bodyBytes = 1000)
    {
        for (var i = 0; i < count; i += 10)
            await Task.WhenAll(Enumerable.Range(i, Math.Min(10, count - i)).Select(n => bus.PutAsync(new BusEvent(n.ToString(CultureInfo.InvariantCulture).PadRight(bodyBytes)), Receipt.Durable).AsTask())).Soon();
    }

    [Fact]
    public async Task Opening_many_segments_holds_few_descriptors()
    {
        var path = Path.Combine(_folder.FullName, "j");
        await using (var bus = OnDisk(path, Down(), 64 << 10))
        {
            await bus.StartAsync();
            await PutAsync(bus, 1200, bodyBytes: 50_000);
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        Assert.True(Directory.GetFiles(Path.Combine(path, "log")).Length > 100, $"only {Directory.GetFiles(Path.Combine(path, "log")).Length} files");
        var publisher = new ScriptedPublisher();
        await using var again = OnDisk(path, publisher, 64 << 10);
        if (OperatingSystem.IsLinux())
            Assert.InRange(Directory.GetFiles("/proc/self/fd").Count(fd => new FileInfo(fd).LinkTarget?.StartsWith(path, StringComparison.Ordinal) == true), 1, 80);
        await again.StartAsync();
        await publisher.WaitForEventsAsync(1200).Soon();
    }

    [Fact]
    public async Task Something_else_in_the_place_of_a_journal_s_file_is_refused_and_never_waited_for()
    {
        foreach (var (name, kind) in new[] { ("checkpoint", "mkfifo"), ("lock.owner", "mkfifo"), ("log/0000000000000000-0000000000000000.evj", "mkfifo"), ("lanes/a.cursor", "mkdir"), ("dead/a.dead", "mkdir"), ("lanes", "touch") })
        {
            var path = Path.Combine(_folder.FullName, kind + name.Replace("/", "_", StringComparison.Ordinal));
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(path, name))!);
            using (var made = Process.Start(kind, [Path.Combine(path, name)]))
                await made.WaitForExitAsync();
            var refused = await Assert.ThrowsAsync<EvBusException>(async () =>
            {
                await using var bus = OnDisk(path, new ScriptedPublisher());
                await bus.StartAsync();
            }).Soon();
            Assert.Contains(Path.Combine(path, name), refused.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_log_that_is_gone_or_empty_is_said_aloud_balances_and_gives_no_number_twice(bool isEmpty)
    {
        var storage = new FaultStorage();
        await using (var bus = Create(storage, Down()))
        {
            await bus.StartAsync();
            await PutAsync(bus, 200);
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        foreach (var name in storage.Files.Keys.Where(name => name.StartsWith("log/", StringComparison.Ordinal)))
        {
            if (isEmpty)
                storage.Corrupt(name, static _ => []);
            else
                storage.Lose(name);
        }
        var publisher = new ScriptedPublisher();
        await using var again = Create(storage, publisher);
        await again.StartAsync();
        Assert.Contains("up to 200 events from number 0 on", Assert.Single(_said.Of(LogMissing)), StringComparison.Ordinal);
        var put = await again.PutAsync(new BusEvent("new"), Receipt.Delivered()).AsTask().Soon();
        Assert.True(put.Position.Offset >= 200);
        var status = await again.StopAsync(Given.Patience).Soon();
        status.AssertBalanced();
        Assert.Equal((0L, 200L), (status.Lanes.Single().Queued, status.Lanes.Single().DroppedByReason[DropReasons.Damaged]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_of_dead_letters_that_is_gone_or_empty_is_said_aloud(bool isEmpty)
    {
        var storage = new FaultStorage();
        await using (var bus = Create(storage, Rejecting()))
        {
            await bus.StartAsync();
            await PutAsync(bus, 3);
            await Given.UntilAsync(() => bus.GetStatus().Lanes.Single().Dead == 3);
            await bus.StopAsync().Soon();
        }
        if (isEmpty)
            storage.Corrupt("dead/a.dead", static _ => []);
        else
            storage.Lose("dead/a.dead");
        await using var again = Create(storage, new ScriptedPublisher());
        await again.StartAsync();
        Assert.Contains("3 events became dead letters", Assert.Single(_said.Of(DeadLettersLost)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dead_letters_are_bounded_by_bytes_and_their_file_shrinks_while_the_bus_runs()
    {
        var storage = new FaultStorage();
        await using var bus = Create(storage, Rejecting(), new LaneOptions { Start = LaneStart.Oldest, DeadLetterBytes = 1 << 20 });
        await bus.StartAsync();
        await PutAsync(bus, 200, bodyBytes: 100_000);
        await Given.UntilAsync(() => bus.GetStatus().Lanes.Single().Dead == 200);
        var letters = bus.Lanes.GetDeadLetters("a");
        Assert.InRange(letters.Count, 5, 10);
        Assert.Equal("199", letters[^1].Event.GetText().Trim());
        Assert.InRange(storage.Files["dead/a.dead"], 1, 4 << 20);
        await bus.StopAsync().Soon();
        // As they were also after the end, when the file is closed.
        Assert.Equal(letters.Select(letter => letter.Event.Id), bus.Lanes.GetDeadLetters("a").Select(letter => letter.Event.Id));
    }

    [Fact]
    public void A_clock_that_was_ahead_does_not_keep_what_is_retained_by_age()
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var storage = new FaultStorage();
        var said = new List<string>();
        var at = 0L;
        // Files made one after the other; the second while the clock stood ten years ahead.
        for (var number = 0UL; number < 4; number++)
        {
            using var file = ((IStorage)storage).Open(JournalFormat.NameOf(at, number));
            file.Write(0, JournalFormat.FileHeader(1, at, number, 0, number == 1 ? now.AddYears(10) : now.AddSeconds(number)));
            file.SetLength(JournalFormat.FileHeaderLength + 1000);
            at += 1000;
        }
        using var log = new LogFiles(storage, 64 << 10, TimeProvider.System) { OnFutureStamp = (name, _, _) => said.Add(name) };
        Assert.Equal(3000, log.RetainedFrom(3000, new JournalRetention { Age = TimeSpan.FromMinutes(1) }, now.AddDays(30)));
        Assert.Equal(JournalFormat.NameOf(1000, 1), Assert.Single(said));
    }
}
