namespace EvBus.Journal;

/// <summary>
/// The segment files of a journal, in order. Written by the committer alone; read by any thread, at any place that is committed.
/// </summary>
internal sealed partial class LogFiles : IDisposable
{
    private const int BlockBytes = 1 << 20;

    private readonly IStorage _storage;
    private readonly long _fileBytes;
    private readonly TimeProvider _time;
    private readonly JournalCipher? _keys;
    private readonly Lock _lock = new();
    private readonly List<LogFile> _files = [];
    private readonly HashSet<long> _damage = [];
    private readonly SegmentPool _pool = new(BlockBytes, keep: 16, poison: false);
    private readonly OpenFiles _open = new(OpenFiles.Usual);
    private readonly SpareFiles _spares;
    private LogFile? _current;
    private IStorageFile? _writing;
    private long _room;

    public LogFiles(IStorage storage, long fileBytes, TimeProvider time, JournalCipher? keys = null)
    {
        _keys = keys;
        _storage = storage;
        _fileBytes = fileBytes;
        _time = time;
        _spares = new SpareFiles(storage, fileBytes);
        _spares.Clear();
        var found = new List<(string Name, long Byte, ulong Sequence)>();
        foreach (var name in storage.List(JournalFormat.LogFolder))
        {
            if (JournalFormat.TryParseName(name, out var firstByte, out var firstSequence))
                found.Add(($"{JournalFormat.LogFolder}/{name}", firstByte, firstSequence));
        }
        foreach (var (name, firstByte, firstSequence) in found.OrderBy(file => file.Byte).ThenBy(file => file.Sequence))
            _files.Add(new LogFile(storage, name, firstByte, firstSequence, open: _open));
        MeasureFiles();
    }

    /// <summary>Whether the disk has room: else what nobody needs goes instead of being kept to be used again.</summary>
    public Func<bool> HasRoom { get; init; } = static () => true;

    /// <summary>Called when damage is met, once for each place.</summary>
    public Action<Damage>? OnDamage { get; set; }

    /// <summary>Called for a file whose header says that it was made later than now, once each: with that time, and the one it counts as.</summary>
    public Action<string, DateTimeOffset, DateTimeOffset>? OnFutureStamp { get; set; }

    public IReadOnlyList<LogFile> Files
    {
        get
        {
            lock (_lock)
                return [.. _files];
        }
    }

    /// <summary>The first byte there is; 0 when there is no file.</summary>
    public long FirstByte => FirstByteOr(0);

    public long Bytes
    {
        get
        {
            lock (_lock)
                return _files.Sum(file => file.Length);
        }
    }

    /// <summary>The first byte there is; <paramref name="none"/> when there is no file.</summary>
    public long FirstByteOr(long none)
    {
        lock (_lock)
            return _files.Count == 0 ? none : _files[0].FirstByte;
    }

    /// <summary>Writes a group behind everything else; into a new file when the last has no room for all of it.</summary>
    /// <exception cref="StorageFullException">There is no room; nothing was written that counts.</exception>
    public void Write(CommitGroup group)
    {
        var total = 0L;
        foreach (var part in group.Parts)
            total += part.Count;
        if (_writing is null || _room < total || group.IsAfterGap)
            Roll(group, total);
        var at = JournalFormat.FileHeaderLength + group.FirstByte - _current!.FirstByte;
        foreach (var part in group.Parts)
        {
            _writing!.Write(at, OnDisk(part.AsSpan(), at - JournalFormat.FileHeaderLength + _current.FirstByte));
            at += part.Count;
        }
        _room -= total;
    }

    public void Sync() => _writing!.Sync();

    /// <summary>What was written is committed up to here, and may be read.</summary>
    public void Commit(long endByte)
    {
        lock (_lock)
            _current!.Length = endByte - _current.FirstByte;
    }

    /// <summary>Ends the file that is written to: the next group makes a new one.</summary>
    public void CloseCurrent()
    {
        if (_writing is null)
            return;
        var (file, writing) = (_current!, _writing);
        (_current, _writing) = (null, null);
        writing.SetLength(JournalFormat.FileHeaderLength + file.Length);
        writing.Sync();
        writing.Dispose();
        if (file.Length > 0)
            return;
        lock (_lock)
            _files.Remove(file);
        file.Dispose();
        _storage.Delete(file.Name);
    }

    /// <summary>Gives up what is kept to be used again; false when there was nothing.</summary>
    public bool DropSpares() => _spares.Drop();

    /// <summary>Deletes the files that lie wholly before a byte, but never the one that is written to. How many went.</summary>
    public int DeleteBefore(long needed)
    {
        List<LogFile>? gone = null;
        lock (_lock)
        {
            while (_files.Count > 0 && _files[0] != _current && _files[0].EndByte <= needed && (_files.Count > 1 || _current is null))
            {
                (gone ??= []).Add(_files[0]);
                _files.RemoveAt(0);
            }
        }
        if (gone is null)
            return 0;
        foreach (var file in gone)
        {
            var mayKeep = MayKeep(file);
            file.Dispose();
            if (!mayKeep || !_spares.TryKeep(file.Name, file.Length))
                _storage.Delete(file.Name);
        }
        return gone.Count;
    }

    /// <summary>Deletes a file that holds nothing.</summary>
    public void Remove(LogFile file)
    {
        Detach(file);
        _storage.Delete(file.Name);
    }

    /// <summary>Leaves a file out from now on.</summary>
    public void Detach(LogFile file)
    {
        lock (_lock)
            _files.Remove(file);
        file.Dispose();
    }

    /// <summary>Works out from the files' sizes how much each holds; only before anything is written.</summary>
    public void MeasureFiles()
    {
        for (var i = 0; i < _files.Count; i++)
        {
            var file = _files[i];
            file.Length = file.MeasureLength();
            // What was reserved and never written lies beyond the place where the next file begins.
            if (i + 1 < _files.Count)
                file.Length = Math.Min(file.Length, _files[i + 1].FirstByte - file.FirstByte);
        }
    }

    public void Dispose()
    {
        _writing?.Dispose();
        _sealing?.Dispose();
        _spares.Drop();
        foreach (var file in Files)
            file.Dispose();
    }
}
