using EvBus.Journal;

namespace EvBus.Testing;

/// <summary>
/// A disk in memory that can be full, fail, and forget what was not fsynced: for tests of what survives. Give it to a bus with
/// <c>bus.UseStorage(storage)</c>. Every call that changes something is a point; <see cref="CrashAt"/> ends the power at one of them, and
/// <see cref="AfterCrash"/> is the disk as the next start finds it. Thread-safe.
/// </summary>
public sealed class FaultStorage : IStorage
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, FaultFile> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FaultFile> _durable = new(StringComparer.Ordinal);
    private readonly Queue<Exception> _failingSyncs = new();
    private readonly Queue<Exception> _failingWrites = new();
    private bool _isLocked;

    /// <summary>How many calls that change something there have been.</summary>
    public int Points { get; private set; }

    /// <summary>At which of them the power goes: that call and all later ones throw. Default: never.</summary>
    public int CrashAt { get; set; } = int.MaxValue;

    /// <summary>Whether the power has gone.</summary>
    public bool HasCrashed => Points >= CrashAt;

    /// <summary>The most bytes that all files may have together. Default: no bound.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    /// <summary>The names of the files, with their lengths.</summary>
    public IReadOnlyDictionary<string, long> Files
    {
        get
        {
            lock (_lock)
                return _files.ToDictionary(file => file.Key, file => (long)file.Value.Content.Length);
        }
    }

    string IStorage.Path => "fault storage";

    /// <summary>The next fsync throws this.</summary>
    public void FailNextSync(Exception exception)
    {
        lock (_lock)
            _failingSyncs.Enqueue(exception);
    }

    /// <summary>The next write throws this, having written nothing.</summary>
    public void FailNextWrite(Exception exception)
    {
        lock (_lock)
            _failingWrites.Enqueue(exception);
    }

    /// <summary>Changes the bytes of a file behind everybody's back, as a rotten disk does.</summary>
    /// <param name="name">The file.</param>
    /// <param name="corrupt">Gets the content and returns what is to be there.</param>
    public void Corrupt(string name, Func<byte[], byte[]> corrupt)
    {
        ArgumentNullException.ThrowIfNull(corrupt);
        lock (_lock)
            _files[name].Replace(corrupt(_files[name].Content));
    }

    /// <summary>Removes a file behind everybody's back.</summary>
    public void Lose(string name)
    {
        lock (_lock)
            _files.Remove(name);
    }

    /// <summary>A copy of a file under another name.</summary>
    public void Copy(string from, string to)
    {
        lock (_lock)
        {
            var copy = new FaultFile(to);
            copy.Replace((byte[])_files[from].Content.Clone());
            _files[to] = copy;
        }
    }

    /// <summary>The disk as the next process finds it.</summary>
    /// <param name="chance">With a power failure: what was not fsynced survives or not, whole or in part, by this chance. Null: the process was killed and the system lives, so all that was written is there.</param>
    public FaultStorage AfterCrash(Random? chance)
    {
        lock (_lock)
        {
            var next = new FaultStorage();
            // An entry that was not made durable may be there or not.
            foreach (var (name, file) in chance is null ? _files : Entries(chance))
                next._files[name] = next._durable[name] = file.Survive(chance);
            return next;
        }
    }

    IReadOnlyList<string> IStorage.List(string folder)
    {
        lock (_lock)
            return [.. _files.Keys.Where(name => IsIn(folder, name)).Select(name => name[(folder.Length + 1)..])];
    }

    bool IStorage.Exists(string name)
    {
        lock (_lock)
            return _files.ContainsKey(name);
    }

    IStorageFile IStorage.Open(string name, long preallocate)
    {
        lock (_lock)
        {
            if (_files.TryGetValue(name, out var there))
                return new Handle(this, there);
            Point();
            MakeRoom(preallocate);
            var file = new FaultFile(name);
            file.Resize(preallocate);
            _files[name] = file;
            return new Handle(this, file);
        }
    }

    IStorageFile IStorage.OpenRead(string name)
    {
        lock (_lock)
            return new Handle(this, _files.TryGetValue(name, out var file) ? file : throw new FileNotFoundException($"There is no file '{name}'."));
    }

    void IStorage.Delete(string name)
    {
        lock (_lock)
        {
            Point();
            _files.Remove(name);
        }
    }

    void IStorage.Rename(string from, string to)
    {
        lock (_lock)
        {
            Point();
            _files[to] = _files[from];
            _files.Remove(from);
        }
    }

    void IStorage.SyncFolder(string folder)
    {
        lock (_lock)
        {
            Point();
            foreach (var name in _durable.Keys.Where(name => IsIn(folder, name) && !_files.ContainsKey(name)).ToArray())
                _durable.Remove(name);
            foreach (var (name, file) in _files)
            {
                if (IsIn(folder, name))
                    _durable[name] = file;
            }
        }
    }

    IDisposable IStorage.Lock(string owner)
    {
        lock (_lock)
        {
            if (_isLocked)
                throw new EvBusException("The journal in 'fault storage' is in use by another test. Stop that first.");
            _isLocked = true;
            return new Unlock(this);
        }
    }

    private static bool IsIn(string folder, string name) =>
        folder.Length == 0 ? !name.Contains('/', StringComparison.Ordinal) : name.StartsWith(folder + "/", StringComparison.Ordinal);

    private Dictionary<string, FaultFile> Entries(Random chance)
    {
        var entries = new Dictionary<string, FaultFile>(_durable);
        foreach (var (name, file) in _files)
        {
            if (!entries.ContainsKey(name) && chance.Next(2) == 0)
                entries[name] = file;
        }
        foreach (var name in _durable.Keys)
        {
            if (!_files.ContainsKey(name) && chance.Next(2) == 0)
                entries.Remove(name);
        }
        return entries;
    }

    private void Point()
    {
        if (HasCrashed)
            throw new IOException("the power is gone");
        Points++;
        if (HasCrashed)
            throw new IOException("the power goes");
    }

    private void MakeRoom(long more)
    {
        if (_files.Values.Sum(file => (long)file.Content.Length) + more > Capacity)
            throw new StorageFullException("No space left on device");
    }

    private sealed class Unlock(FaultStorage storage) : IDisposable
    {
        public void Dispose()
        {
            lock (storage._lock)
                storage._isLocked = false;
        }
    }

    private sealed class Handle(FaultStorage storage, FaultFile file) : IStorageFile
    {
        public long Length
        {
            get
            {
                lock (storage._lock)
                    return file.Content.Length;
            }
        }

        public int Read(long offset, Span<byte> target)
        {
            lock (storage._lock)
            {
                var count = (int)Math.Clamp(file.Content.Length - offset, 0, target.Length);
                file.Content.AsSpan((int)Math.Min(offset, file.Content.Length), count).CopyTo(target);
                return count;
            }
        }

        public void Write(long offset, ReadOnlySpan<byte> data)
        {
            lock (storage._lock)
            {
                try
                {
                    storage.Point();
                }
                catch (IOException) when (storage.Points == storage.CrashAt)
                {
                    // The power goes in the middle of it: some of it may have got there.
                    file.Write(offset, data);
                    throw;
                }
                if (storage._failingWrites.TryDequeue(out var failure))
                    throw failure;
                storage.MakeRoom(Math.Max(0, offset + data.Length - file.Content.Length));
                file.Write(offset, data);
            }
        }

        public void Sync()
        {
            lock (storage._lock)
            {
                storage.Point();
                if (storage._failingSyncs.TryDequeue(out var failure))
                {
                    // As real systems do: the pages count as clean now, and their content may be lost.
                    file.ForgetUnsynced();
                    throw failure;
                }
                file.Sync();
            }
        }

        public void SetLength(long length)
        {
            lock (storage._lock)
            {
                storage.Point();
                file.Resize(length);
            }
        }

        public void Dispose() { }
    }
}

/// <summary>A file of a <see cref="FaultStorage"/>: what it holds, and what of it is durable. Under its storage's lock.</summary>
internal sealed class FaultFile(string name)
{
    private readonly List<(long Offset, byte[] Data)> _unsynced = [];
    private byte[] _synced = [];

    public string Name { get; } = name;

    public byte[] Content { get; private set; } = [];

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        _unsynced.Add((offset, data.ToArray()));
        Content = Apply(Content, offset, data);
    }

    public void Resize(long length)
    {
        var content = Content;
        Array.Resize(ref content, (int)length);
        Content = content;
        // Lengths are the file system's own and survive here; what is in them does not.
        Array.Resize(ref _synced, (int)length);
        _unsynced.RemoveAll(write => write.Offset >= length);
    }

    public void Replace(byte[] content)
    {
        Content = content;
        _synced = (byte[])content.Clone();
        _unsynced.Clear();
    }

    public void Sync()
    {
        _synced = (byte[])Content.Clone();
        _unsynced.Clear();
    }

    public void ForgetUnsynced() => _unsynced.Clear();

    /// <summary>What is left of it after the power went: fsynced bytes for certain, others by chance: not at all, in part, in any order.</summary>
    public FaultFile Survive(Random? chance)
    {
        var survivor = new FaultFile(Name);
        if (chance is null)
        {
            survivor.Replace((byte[])Content.Clone());
            return survivor;
        }
        var content = (byte[])_synced.Clone();
        foreach (var (offset, data) in _unsynced)
        {
            switch (chance.Next(3))
            {
                case 0:
                    break;
                case 1:
                    content = Apply(content, offset, data.AsSpan(0, chance.Next(data.Length + 1)));
                    break;
                default:
                    content = Apply(content, offset, data);
                    break;
            }
        }
        survivor.Replace(content);
        return survivor;
    }

    private static byte[] Apply(byte[] content, long offset, ReadOnlySpan<byte> data)
    {
        if (content.Length < offset + data.Length)
            Array.Resize(ref content, (int)offset + data.Length);
        data.CopyTo(content.AsSpan((int)offset));
        return content;
    }
}

/// <summary>How a bus is given a storage of a test's own.</summary>
public static class FaultStorageExtensions
{
    /// <summary>Keeps the journal on this storage, in mode <see cref="JournalMode.Disk"/>.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="storage">The storage.</param>
    /// <param name="segmentBytes">How large a segment file is made, in bytes. Default: 64 KiB, so that files roll often.</param>
    public static EvBusBuilder UseStorage(this EvBusBuilder bus, FaultStorage storage, long segmentBytes = 64 << 10)
    {
        ArgumentNullException.ThrowIfNull(bus);
        bus.Options = bus.Options with { Journal = bus.Options.Journal with { Mode = JournalMode.Disk, Storage = storage, SegmentBytes = segmentBytes } };
        return bus;
    }
}
