using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Faults;

/// <summary>Whoever waits for the disk gets an answer, and what is not kept is said: on a disk that stays full, and where a thread of the journal ends by a defect.</summary>
public class StopWithoutRoomTests
{
    private const int JournalFailed = 304, DiskFull = 305, StoppedUnwritten = 324, JournalDefect = 325;

    private readonly FaultStorage _storage = new();
    private readonly SaidLog _said = new();
    private readonly FakeClock _clock = new();

    private EventBus Create(ScriptedPublisher publisher, TimeProvider? time = null) => EventBus.Create(bus =>
    {
        bus.UseStorage(_storage).Publisher("a", publisher);
        bus.LoggerFactory = _said;
        bus.Options = bus.Options with { Time = time ?? _clock };
    });

    private void OnWriteOfLog(Exception exception) => _storage.BeforeWrite = name =>
    {
        if (name.StartsWith("log/", StringComparison.Ordinal))
            throw exception;
    };

    [Fact]
    public async Task A_stop_on_a_full_disk_answers_everybody_who_waits_for_it_and_says_what_is_lost()
    {
        await using var bus = Create(new ScriptedPublisher());
        await bus.StartAsync();
        Assert.True((await bus.PutAsync(Given.Event(0), Receipt.Durable).AsTask().Soon()).IsAccepted);
        OnWriteOfLog(new StorageFullException("No space left on device"));
        var waiting = bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask();
        await Given.UntilAsync(() => _said.Of(DiskFull).Any(), _clock);
        Assert.False(waiting.IsCompleted);
        var status = await bus.StopAsync(TimeSpan.Zero).Soon();
        var answer = await waiting.Soon();
        Assert.False(answer.IsAccepted);
        Assert.Contains("No space left on device", answer.Reason, StringComparison.Ordinal);
        Assert.Equal(1, status.Unwritten);
        Assert.Single(_said.Of(StoppedUnwritten));
    }

    [Fact]
    public async Task A_journal_that_fails_while_a_group_waits_for_room_answers_that_group_at_once()
    {
        await using var bus = Create(new ScriptedPublisher());
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(0), Receipt.Durable).AsTask().Soon();
        OnWriteOfLog(new StorageFullException("No space left on device"));
        var waiting = bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask();
        await Given.UntilAsync(() => _said.Of(DiskFull).Any(), _clock);
        _storage.BeforeSync = name => throw new IOException("Input/output error");
        // The keeper of cursors meets it.
        await Given.UntilAsync(() => _said.Of(JournalFailed).Any(), _clock);
        Assert.False((await waiting.Soon()).IsAccepted);
    }

    [Fact]
    public async Task A_defect_on_the_committer_s_thread_fails_the_journal_and_not_the_process()
    {
        await using var bus = Create(new ScriptedPublisher());
        await bus.StartAsync();
        OnWriteOfLog(new InvalidOperationException("a defect"));
        Assert.False((await bus.PutAsync(Given.Event(0), Receipt.Durable).AsTask().Soon()).IsAccepted);
        Assert.Single(_said.Of(JournalDefect));
        Assert.Equal(1, (await bus.StopAsync(TimeSpan.Zero).Soon()).Unwritten);
    }

    [Fact]
    public async Task A_defect_while_cursors_are_kept_fails_the_journal_and_not_the_process()
    {
        await using var bus = Create(new ScriptedPublisher());
        await bus.StartAsync();
        _storage.BeforeSync = name =>
        {
            if (name.StartsWith("lanes/", StringComparison.Ordinal))
                throw new InvalidOperationException("a defect");
        };
        await bus.PutAsync(Given.Event(0), Receipt.Delivered()).AsTask().Soon();
        await Given.UntilAsync(() => _said.Of(JournalDefect).Any(), _clock);
        Assert.False(bus.TryPut(Given.Event(1)).IsAccepted);
    }

    [Fact]
    public async Task A_lane_settles_while_the_cursors_are_on_their_way_to_the_disk()
    {
        using var began = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        await using var bus = Create(new ScriptedPublisher(), TimeProvider.System);
        await bus.StartAsync();
        _storage.BeforeSync = name =>
        {
            if (!name.StartsWith("lanes/", StringComparison.Ordinal))
                return;
            began.Set();
            goOn.Wait();
        };
        try
        {
            await bus.PutAsync(Given.Event(0), Receipt.Delivered()).AsTask().Soon();
            Assert.True(await Task.Run(() => began.Wait(TimeSpan.FromSeconds(20))));
            await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon();
            await bus.PutAsync(Given.Event(2), Receipt.Delivered()).AsTask().Soon();
            await Given.UntilAsync(() => bus.Lane("a").Delivered == 3);
        }
        finally
        {
            goOn.Set();
        }
    }

    [Fact]
    public void Of_three_slots_neither_the_durable_one_nor_the_one_on_its_way_to_the_disk_is_written_over()
    {
        using var slots = SlotFile.Open(_storage, "state", 64, out _);
        ((IStorage)_storage).SyncFolder("");
        slots.Write([1]);
        slots.Sync();
        slots.Write([2]);
        var killed = new List<byte[]?>();
        _storage.BeforeSync = _ =>
        {
            _storage.BeforeSync = null;
            for (byte state = 3; state < 8; state++)
            {
                slots.Write([state]);
                // Whatever the power takes of what is not durable, one of the two is left.
                for (var seed = 0; seed < 20; seed++)
                    killed.Add(SlotFile.Read(_storage.AfterCrash(new Random(seed)), "state", 64));
            }
        };
        slots.Sync();
        Assert.All(killed, Assert.NotNull);
        Assert.Equal([7], SlotFile.Read(_storage, "state", 64));
    }

    [Fact]
    public void A_file_of_the_log_that_somebody_deleted_is_not_kept_and_is_no_failure()
    {
        var folder = Directory.CreateTempSubdirectory("evbus-spare-").FullName;
        try
        {
            var storage = new DiskStorage(folder);
            Assert.False(new SpareFiles(storage, 1000).TryKeep("log/gone.evj", 1000));
            storage.Delete("log/gone.evj");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_linger_is_waited_for_whole()
    {
        await using var bus = EventBus.Create(bus =>
        {
            bus.UseStorage(_storage).Publisher("a", new ScriptedPublisher());
            bus.Options = bus.Options with { Journal = bus.Options.Journal with { Linger = TimeSpan.FromMilliseconds(500) } };
        });
        await bus.StartAsync();
        var began = TimeProvider.System.GetTimestamp();
        Assert.True((await bus.PutAsync(Given.Event(0), Receipt.Durable).AsTask().Soon()).IsAccepted);
        Assert.True(TimeProvider.System.GetElapsedTime(began) >= TimeSpan.FromMilliseconds(490));
    }
}
