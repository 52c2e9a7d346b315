using System.Globalization;

namespace EvBus.Journal;

/// <summary>
/// A storage that keeps a reserve of room beside the journal's files, in pieces, and gives it up piece by piece when the disk is full:
/// so cursors, checkpoint and dead letters can still be written when the log cannot. The log gets nothing of it, and no new file of the log
/// is made before the reserve is whole again. Thread-safe.
/// </summary>
internal sealed class ReservedStorage : IStorage
{
    /// <summary>More than a cursor's file needs, or most dead letters.</summary>
    public const int PieceBytes = 256 << 10;

    private readonly IStorage _storage;
    private readonly int _pieces;
    private readonly Lock _lock = new();
    private int _held;

    /// <param name="storage">The disk.</param>
    /// <param name="bytes">How large the reserve is; rounded up to whole pieces.</param>
    public ReservedStorage(IStorage storage, long bytes)
    {
        _storage = storage;
        _pieces = (int)((bytes + PieceBytes - 1) / PieceBytes);
    }

    /// <summary>Called when a piece is given up: for which file, and how many bytes are left of the reserve.</summary>
    public Action<string, long>? OnGivenUp { get; init; }

    /// <summary>Asked before any of the reserve is given up: whether something else has gone that made room.</summary>
    public Func<bool>? GiveUpFirst { get; set; }

    public string Path => _storage.Path;

    /// <summary>Whether all of it is there; any thread, no lock.</summary>
    public bool IsWhole => Volatile.Read(ref _held) == _pieces;

    /// <summary>Makes what is missing of the reserve, as far as there is room; true when it is whole.</summary>
    public bool Refill()
    {
        if (IsWhole)
            return true;
        lock (_lock)
        {
            try
            {
                while (_held < _pieces)
                {
                    Make(NameOf(_held));
                    _held++;
                }
                return true;
            }
            catch (Exception e) when (StorageUnavailableException.IsForNow(e))
            {
                // What there is of it has to do until there is room.
                return false;
            }
        }
    }

    public IReadOnlyList<string> List(string folder) => _storage.List(folder);

    public bool Exists(string name) => _storage.Exists(name);

    public IStorageFile Open(string name, long preallocate = 0)
    {
        if (!IsLog(name))
            return new Handle(this, name, WithReserve(name, () => _storage.Open(name, preallocate)));
        // Else the log would take what was just given up for a cursor.
        if (preallocate > 0 && !Refill())
            throw new StorageFullException("There is not even room for the reserve that cursors and dead letters need.");
        return _storage.Open(name, preallocate);
    }

    public IStorageFile OpenRead(string name) => _storage.OpenRead(name);

    public void Delete(string name) => _storage.Delete(name);

    public void Rename(string from, string to) => _storage.Rename(from, to);

    public void SyncFolder(string folder) => _storage.SyncFolder(folder);

    public IDisposable Lock(string owner) => _storage.Lock(owner);

    public void EnsureOwned() => _storage.EnsureOwned();

    public IReadOnlyList<string> Warnings() => _storage.Warnings();

    private static bool IsLog(string name) => name.StartsWith(JournalFormat.LogFolder + "/", StringComparison.Ordinal);

    private static string NameOf(int piece) => string.Create(CultureInfo.InvariantCulture, $"{JournalFormat.ReserveFolder}/{piece}");

    private void Make(string name)
    {
        if (_storage.Exists(name))
        {
            using (var there = _storage.OpenRead(name))
            {
                if (there.Length == PieceBytes)
                    return;
            }
            // Cut off in the middle of being made.
            _storage.Delete(name);
        }
        _storage.Open(name, PieceBytes).Dispose();
    }

    private T WithReserve<T>(string name, Func<T> act)
    {
        while (true)
        {
            try
            {
                return act();
            }
            catch (StorageFullException) when (TryGiveUp(name))
            {
                // Again, with more room.
            }
        }
    }

    private bool TryGiveUp(string name)
    {
        if (GiveUpFirst is { } other && other())
            return true;
        long left;
        lock (_lock)
        {
            if (_held == 0)
                return false;
            _storage.Delete(NameOf(_held - 1));
            left = (long)--_held * PieceBytes;
        }
        OnGivenUp?.Invoke(name, left);
        return true;
    }

    private sealed class Handle(ReservedStorage storage, string name, IStorageFile file) : IStorageFile
    {
        public long Length => file.Length;

        public int Read(long offset, Span<byte> target) => file.Read(offset, target);

        public void Write(long offset, ReadOnlySpan<byte> data)
        {
            while (true)
            {
                try
                {
                    file.Write(offset, data);
                    return;
                }
                catch (StorageFullException) when (storage.TryGiveUp(name))
                {
                    // Again from the beginning: what was written of it is the same.
                }
            }
        }

        public void Sync() => file.Sync();

        public void SetLength(long length) => file.SetLength(length);

        public void Dispose() => file.Dispose();
    }
}
