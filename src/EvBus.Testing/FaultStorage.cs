using EvBus.Journal;

namespace EvBus.Testing;

/// <summary>
/// A disk in memory that can be full, fail, and forget what was not fsynced: for tests of what survives. Give it to a bus with
/// <c>bus.UseStorage(storage)</c>. Every call that changes something is a point; <see cref="CrashAt"/> ends the power at one of them, and
/// <see cref="AfterCrash"/> is the disk as the next start finds it. Thread-safe.
/// </summary>
public sealed partial class FaultStorage : IStorage
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, FaultFile> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FaultFile> _durable = new(StringComparer.Ordinal);
    private readonly Queue<Exception> _failingSyncs = new();
    private readonly Queue<Exception> _failingWrites = new();
    private bool _isLocked;
    private long _writes;
    private long _syncs;

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

    /// <summary>What a file holds at this moment.</summary>
    /// <exception cref="KeyNotFoundException">There is no such file.</exception>
    public byte[] Read(string name)
    {
        lock (_lock)
            return [.. _files[name].Content];
    }

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

    /// <summary>How many writes there have been, those that failed among them.</summary>
    public long Writes => Interlocked.Read(ref _writes);

    /// <summary>How many fsyncs of files there have been, those that failed among them.</summary>
    public long Syncs => Interlocked.Read(ref _syncs);

    /// <summary>Called with the file's name before each write, with no lock held; what it throws, the write throws, having written nothing.</summary>
    public Action<string>? BeforeWrite { get; set; }

    /// <summary>Called with the file's name before each fsync of a file, with no lock held; what it throws, the fsync throws, and what was not durable may be lost. May block: then the disk is slow.</summary>
    public Action<string>? BeforeSync { get; set; }

    /// <summary>Called with the file's name, the offset and the number of bytes before each read, with no lock held; what it throws, the read throws.</summary>
    public Action<string, long, int>? BeforeRead { get; set; }

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
    /// <param name="chance">With a power failure: what was not fsynced survives or not, whole or in part, by this chance. Null: the process was killed and the system lives, so all that was written is there, and a later power failure may still take what was not fsynced.</param>
    public FaultStorage AfterCrash(Random? chance)
    {
        lock (_lock)
        {
            var next = new FaultStorage();
            if (chance is null)
            {
                // The system goes on holding what was not fsynced, so a later power failure may still take it.
                var survivors = _files.Values.Concat(_durable.Values).Distinct().ToDictionary(static file => file, static file => file.Survive(null));
                foreach (var (name, file) in _files)
                    next._files[name] = survivors[file];
                foreach (var (name, file) in _durable)
                    next._durable[name] = survivors[file];
                return next;
            }
            // An entry that was not made durable may be there or not.
            foreach (var (name, file) in Entries(chance))
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
            _files[to].Name = to;
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
}
