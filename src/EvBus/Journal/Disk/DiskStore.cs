using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Journal;

/// <summary>
/// A journal's folder, opened: the log, the cursors, the checkpoint. Knows files and nothing of lanes at work. The log is the committer's;
/// cursors and checkpoint are written under a lock of their own.
/// </summary>
internal sealed partial class DiskStore : IDisposable
{
    private readonly Lock _lock = new();

    // One fsync of the state at a time, outside the lock that settling needs.
    private readonly Lock _syncing = new();
    private readonly IDisposable _ownership;
    private readonly SlotFile _checkpoint;
    private readonly Dictionary<string, SlotFile> _slots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LaneCursor> _cursors = new(StringComparer.Ordinal);
    private readonly HashSet<string> _lost = new(StringComparer.Ordinal);
    private bool _disposed;

    private DiskStore(ReservedStorage storage, IDisposable ownership, LogFiles log, SlotFile checkpoint, Checkpoint? last, RecoveredEnd end)
    {
        Storage = storage;
        _ownership = ownership;
        Log = log;
        _checkpoint = checkpoint;
        Last = last;
        End = end;
        // A journal that no bus has ever started on is still new, whatever was put into it.
        IsNew = last is null;
        Epoch = last is { IsClean: true } ? Math.Max(last.Epoch, end.Epoch) : end.Epoch + 1;
    }

    public ReservedStorage Storage { get; }

    public LogFiles Log { get; }

    /// <summary>What encrypts and decrypts; null when nothing does.</summary>
    public JournalCipher? Cipher { get; private init; }

    /// <summary>What the checkpoint said at opening; null when there was none.</summary>
    public Checkpoint? Last { get; }

    /// <summary>Where the log ended at opening.</summary>
    public RecoveredEnd End { get; private set; }

    /// <summary>Whether more was used of sequences and bytes than is in the files, because it never needed to be.</summary>
    public bool IsAfterGap { get; private set; }

    public ulong Epoch { get; }

    /// <summary>Whether there was nothing before.</summary>
    public bool IsNew { get; }

    /// <summary>All cursors, also of lanes that nobody has opened.</summary>
    public IReadOnlyList<LaneCursor> Cursors
    {
        get
        {
            lock (_lock)
                return [.. _cursors.Values];
        }
    }

    /// <exception cref="EvBusException">Another process has the journal, or it is of a newer format.</exception>
    /// <exception cref="IOException">The folder cannot be read or written.</exception>
    public static DiskStore Open(IStorage disk, JournalOptions options, TimeProvider time, string owner, ILogger logger)
    {
        if (disk is DiskStorage)
            PlainFiles.Require(disk.Path);
        var storage = new ReservedStorage(disk, options.ReserveBytes) { OnGivenUp = (name, left) => Telemetry.Log.ReserveGivenUp(logger, name, left) };
        var ownership = storage.Lock(owner);
        LogFiles? log = null;
        SlotFile? slots = null;
        try
        {
            foreach (var warning in storage.Warnings())
                Telemetry.Log.JournalFolderWarning(logger, warning);
            var cipher = options.Key is { } key ? new JournalCipher(key) : null;
            log = new LogFiles(storage, options.SegmentBytes, time, cipher)
            {
                HasRoom = () => storage.IsWhole,
                OnDamage = damage => Telemetry.Log.JournalDamaged(logger, damage.At, damage.Length, damage.Events, damage.What),
                OnFutureStamp = (name, made, counted) => Telemetry.Log.MadeInTheFuture(logger, name, made, counted),
            };
            storage.GiveUpFirst = log.DropSpares;
            var isFirstKey = KeyFile.Check(storage, cipher, log);
            slots = SlotFile.Open(storage, JournalFormat.CheckpointName, Checkpoint.SlotLength, out var content);
            storage.SyncFolder("");
            var last = content is null ? null : Checkpoint.Decode(content);
            // Before it was written for the first time there is nothing in it, and nothing of the log has gone.
            if (content is null && (log.FirstByte > 0 || (log.Files.Count > 0 && !slots.IsBlank)))
                Telemetry.Log.CheckpointLost(logger, storage.Path);
            var end = Recovery.Recover(log, last, storage);
            foreach (var note in end.Notes)
                Telemetry.Log.JournalRecovered(logger, note);
            storage.Refill();
            var store = new DiskStore(storage, ownership, log, slots, last, end) { Cipher = cipher };
            store.LoadCursors(logger);
            store.PassWhatWasNeverWritten();
            store.End = StoreLosses.PassLost(store, logger);
            if (cipher is not null)
                log.PlainUntil = StoreLosses.PlainUntil(store, cipher, isFirstKey, logger);
            return store;
        }
        catch
        {
            slots?.Dispose();
            log?.Dispose();
            ownership.Dispose();
            throw;
        }
    }

    public LaneCursor? FindCursor(string laneId)
    {
        lock (_lock)
            return _cursors.GetValueOrDefault(laneId);
    }

    /// <summary>Whether the lane had a cursor that could not be read.</summary>
    public bool IsCursorLost(string laneId) => _lost.Contains(LaneCursor.CursorName(laneId));

    /// <summary>
    /// Makes sure that a lane's cursor can be written later, also on a full disk. A lane that has none yet gets its <paramref name="beginning"/>,
    /// durable before any event is for it: so a killed process leaves no lane of which nobody knows where it began.
    /// </summary>
    public void PrepareCursor(LaneCursor beginning)
    {
        lock (_lock)
        {
            var (id, name) = (beginning.LaneId, LaneCursor.CursorName(beginning.LaneId));
            if (_slots.ContainsKey(id))
                return;
            if (!Storage.Exists(name))
            {
                SlotFile.Make(Storage, name, LaneCursor.SlotLength, beginning.Encode());
                _cursors[id] = beginning;
            }
            _slots[id] = SlotFile.Open(Storage, name, LaneCursor.SlotLength, out _);
            Storage.SyncFolder(JournalFormat.LaneFolder);
        }
    }

    /// <summary>Writes a cursor; durable after <see cref="Sync"/>.</summary>
    public void WriteCursor(LaneCursor cursor)
    {
        lock (_lock)
        {
            if (_disposed || !_slots.TryGetValue(cursor.LaneId, out var slots))
                return;
            // Two threads may have settled at once: what is behind what is known already is not written.
            if (_cursors.TryGetValue(cursor.LaneId, out var known) && known.Version > cursor.Version)
                return;
            slots.Write(cursor.Encode());
            _cursors[cursor.LaneId] = cursor;
        }
    }

    public void WriteCheckpoint(Checkpoint checkpoint)
    {
        // Names come from events, and a checkpoint is not encrypted.
        if (Cipher is not null && checkpoint.Names.Count > 0)
            checkpoint = checkpoint with { Names = new Dictionary<string, long> { ["other"] = checkpoint.Names.Values.Sum() } };
        lock (_lock)
        {
            if (!_disposed)
                _checkpoint.Write(checkpoint.Encode(_checkpoint.Capacity));
        }
    }

    /// <summary>Makes all cursors and the checkpoint durable. Meanwhile lanes write their cursors.</summary>
    public void Sync()
    {
        lock (_syncing)
        {
            SlotFile[] all;
            lock (_lock)
            {
                if (_disposed)
                    return;
                all = [.. _slots.Values, _checkpoint];
            }
            Storage.EnsureOwned();
            foreach (var slots in all)
                slots.Sync();
            Storage.Refill();
        }
    }

    /// <summary>The first byte that a lane may have to read again; <paramref name="otherwise"/> when there is no lane.</summary>
    public long OldestPlace(long otherwise)
    {
        lock (_lock)
            return _cursors.Values.Select(static cursor => cursor.PlaceByte).DefaultIfEmpty(otherwise).Min();
    }

    public void Forget(string laneId)
    {
        lock (_lock)
        {
            if (_slots.Remove(laneId, out var slots))
                slots.Dispose();
            _cursors.Remove(laneId);
            _lost.Remove(LaneCursor.CursorName(laneId));
            if (Storage.Exists(LaneCursor.CursorName(laneId)))
                Storage.Delete(LaneCursor.CursorName(laneId));
        }
    }

    public void Dispose()
    {
        lock (_syncing)
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            foreach (var slots in _slots.Values)
                slots.Dispose();
            _checkpoint.Dispose();
        }
        Log.Dispose();
        _ownership.Dispose();
    }
}
