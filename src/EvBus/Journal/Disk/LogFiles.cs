using System.Diagnostics.CodeAnalysis;

namespace EvBus.Journal;

/// <summary>
/// The segment files of a journal, in order. Written by the committer alone; read by any thread, at any place that is committed.
/// </summary>
internal sealed class LogFiles : IDisposable
{
    private const int BlockBytes = 1 << 20;

    private readonly IStorage _storage;
    private readonly long _fileBytes;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly List<LogFile> _files = [];
    private readonly HashSet<long> _damage = [];
    private readonly SegmentPool _pool = new(BlockBytes, keep: 16, poison: false);
    private LogFile? _current;
    private IStorageFile? _writing;
    private long _room;

    public LogFiles(IStorage storage, long fileBytes, TimeProvider time)
    {
        _storage = storage;
        _fileBytes = fileBytes;
        _time = time;
        var found = new List<(string Name, long Byte, ulong Sequence)>();
        foreach (var name in storage.List(JournalFormat.LogFolder))
        {
            if (JournalFormat.TryParseName(name, out var firstByte, out var firstSequence))
                found.Add(($"{JournalFormat.LogFolder}/{name}", firstByte, firstSequence));
        }
        foreach (var (name, firstByte, firstSequence) in found.OrderBy(file => file.Byte).ThenBy(file => file.Sequence))
            _files.Add(new LogFile(storage, name, firstByte, firstSequence));
        MeasureFiles();
    }

    /// <summary>Called when damage is met, once for each place.</summary>
    public Action<Damage>? OnDamage { get; set; }

    public IReadOnlyList<LogFile> Files
    {
        get
        {
            lock (_lock)
                return [.. _files];
        }
    }

    /// <summary>The first byte there is; 0 when there is no file.</summary>
    public long FirstByte
    {
        get
        {
            lock (_lock)
                return _files.Count == 0 ? 0 : _files[0].FirstByte;
        }
    }

    public long Bytes
    {
        get
        {
            lock (_lock)
                return _files.Sum(file => file.Length);
        }
    }

    /// <summary>Writes a group behind everything else; into a new file when the last has no room for all of it.</summary>
    /// <exception cref="StorageFullException">There is no room; nothing was written that counts.</exception>
    public void Write(CommitGroup group)
    {
        var total = 0L;
        foreach (var part in group.Parts)
            total += part.Count;
        if (_writing is null || _room < total)
            Roll(group, total);
        var at = JournalFormat.FileHeaderLength + group.FirstByte - _current!.FirstByte;
        foreach (var part in group.Parts)
        {
            _writing!.Write(at, part);
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
            file.Dispose();
            _storage.Delete(file.Name);
        }
        return gone.Count;
    }

    /// <summary>
    /// The records from a place on, as many as make a block, all of them whole and unharmed; null at the end. Where there is damage or a gap the
    /// block begins behind it: its first byte and sequence say where.
    /// </summary>
    public Segment? ReadBlock(long at, ulong sequence, long end)
    {
        while (at < end)
        {
            if (!TryFind(at, out var file))
                return null;
            if (at < file.FirstByte)
            {
                Report(new Damage(at, file.FirstByte - at, (long)(file.FirstSequence - sequence), "no file has this part of the log"));
                (at, sequence) = (file.FirstByte, file.FirstSequence);
            }
            if (ReadBlock(file, at, sequence, Math.Min(end, file.EndByte)) is { } block)
                return block;
            // Damaged from here on: go on behind it.
            if (Resync.Find(file, at, sequence, NextAfter(file)) is not { } found)
                (at, sequence) = (file.EndByte, NextAfter(file)?.FirstSequence ?? sequence);
            else
                (at, sequence) = ReportSkip(at, sequence, found);
        }
        return null;
    }

    public void Return(Segment block)
    {
        lock (_lock)
            _pool.Return(block.Buffer);
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
        foreach (var file in Files)
            file.Dispose();
    }

    private (long, ulong) ReportSkip(long at, ulong sequence, (long At, ulong Sequence) found)
    {
        Report(new Damage(at, found.At - at, (long)(found.Sequence - sequence), "records are damaged"));
        return found;
    }

    private Segment? ReadBlock(LogFile file, long at, ulong sequence, long end)
    {
        var wanted = (int)Math.Min(BlockBytes, end - at);
        while (true)
        {
            byte[] buffer;
            lock (_lock)
                buffer = _pool.Rent(wanted);
            var read = file.Read(at, buffer.AsSpan(0, wanted));
            var data = buffer.AsSpan(0, read);
            var whole = 0;
            var needs = 0L;
            while (whole < data.Length && JournalFormat.WholeRecord(data[whole..], out needs) is > 0 and var length)
                whole += length;
            if (whole > 0)
                return new Segment(buffer, sequence, at, whole);
            lock (_lock)
                _pool.Return(buffer);
            // One record larger than a block: read again with room for it.
            if (needs <= wanted || at + needs > end)
                return null;
            wanted = (int)needs;
        }
    }

    private bool TryFind(long at, [NotNullWhen(true)] out LogFile? found)
    {
        lock (_lock)
        {
            found = _files.Find(file => at < file.EndByte);
            return found is not null;
        }
    }

    private LogFile? NextAfter(LogFile file)
    {
        lock (_lock)
            return _files.Find(each => each.FirstByte >= file.EndByte && each != file);
    }

    private void Report(Damage damage)
    {
        lock (_lock)
        {
            if (!_damage.Add(damage.At))
                return;
        }
        OnDamage?.Invoke(damage);
    }

    private void Roll(CommitGroup group, long total)
    {
        CloseCurrent();
        var name = JournalFormat.NameOf(group.FirstByte, group.FirstSequence);
        var length = Math.Max(_fileBytes, JournalFormat.FileHeaderLength + total);
        var writing = _storage.Open(name, preallocate: length);
        try
        {
            writing.Write(0, JournalFormat.FileHeader(group.Epoch, group.FirstByte, group.FirstSequence, group.AcceptedBefore, _time.GetUtcNow()));
            writing.Sync();
            _storage.SyncFolder(JournalFormat.LogFolder);
        }
        catch
        {
            writing.Dispose();
            throw;
        }
        _writing = writing;
        _room = length - JournalFormat.FileHeaderLength;
        _current = new LogFile(_storage, name, group.FirstByte, group.FirstSequence);
        lock (_lock)
            _files.Add(_current);
    }
}

/// <summary>A part of the log that cannot be read.</summary>
/// <param name="At">The byte of the log at which it begins.</param>
/// <param name="Length">How many bytes.</param>
/// <param name="Events">How many events are lost with it.</param>
/// <param name="What">What is wrong, in words.</param>
internal readonly record struct Damage(long At, long Length, long Events, string What);
