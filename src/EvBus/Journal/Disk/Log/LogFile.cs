namespace EvBus.Journal;

/// <summary>One segment file. Its handles are opened when they are first needed.</summary>
internal sealed class LogFile(IStorage storage, string name, long firstByte, ulong firstSequence, uint? mark = null, OpenFiles? open = null) : IDisposable
{
    private const int SmallestRead = 4096;

    private readonly Lock _lock = new();
    private IStorageFile? _reading;
    private bool _disposed;
    private DateTimeOffset? _made;
    private SegmentCipher? _cipher;
    private uint? _mark = mark;
    private ulong? _epoch;

    public string Name { get; } = name;

    public long FirstByte { get; } = firstByte;

    public ulong FirstSequence { get; } = firstSequence;

    /// <summary>How many bytes of records it has; beyond there is nothing, or nothing that counts.</summary>
    public long Length { get; set; }

    public long EndByte => FirstByte + Length;

    /// <summary>Reads from a byte of the journal on, at most to the end of the file's records.</summary>
    /// <exception cref="LogReadException">The disk does not give them.</exception>
    public int Read(long at, Span<byte> target)
    {
        lock (_lock)
        {
            var left = Math.Min(target.Length, EndByte - at);
            return _disposed || left <= 0 ? 0 : ReadAt(JournalFormat.FileHeaderLength + at - FirstByte, target[..(int)left]);
        }
    }

    /// <summary>The same, but where the disk fails further on, what comes before that place, to some kilobytes.</summary>
    /// <exception cref="LogReadException">It fails right there.</exception>
    public int ReadSome(long at, Span<byte> target)
    {
        for (var length = target.Length; ; length /= 2)
        {
            try
            {
                return Read(at, target[..length]);
            }
            catch (LogReadException) when (length > SmallestRead)
            {
                // With less of it.
            }
        }
    }

    public byte[] ReadHeader()
    {
        lock (_lock)
        {
            var header = new byte[JournalFormat.FileHeaderLength];
            var read = ReadAt(0, header);
            return read == header.Length ? header : header[..read];
        }
    }

    /// <summary>What its checksums are XORed with (<see cref="FileMark"/>).</summary>
    public uint Mark => _mark ??= FileMark.Read(ReadHeader(), ReadRecords);

    /// <summary>Whether its header, or a commit record where that is damaged, says that it is encrypted.</summary>
    public bool IsEncrypted => Salt is not null;

    /// <summary>What its key is derived with; null when it is not encrypted.</summary>
    public SegmentSalt? Salt => JournalFormat.ReadSalt(ReadHeader()) is { Salt: 0 } ? null : SegmentSalt.Of(ReadHeader(), () => Mark, ReadRecords);

    /// <summary>Makes a record plain; false when it is not what was written with this key.</summary>
    public bool TryDecrypt(JournalCipher keys, Span<byte> record, long at)
    {
        // A cipher is for one at a time.
        lock (_lock)
        {
            if (_disposed)
                return false;
            _cipher ??= SegmentSalt.Of(ReadHeader(), () => Mark, ReadRecords) is { } salt ? keys.ForSegment(salt, FirstByte) : null;
            return _cipher?.TryDecrypt(record, at) ?? false;
        }
    }

    /// <summary>Whether its first encrypted record opens with this key; null when it has none.</summary>
    public bool? OpensWith(JournalCipher keys)
    {
        if (!IsEncrypted)
            return null;
        var data = ReadRecords();
        for (var at = 0; JournalFormat.WholeRecord(data.AsSpan(at), Mark, out _) is > 0 and var length; at += length)
        {
            if ((EventCodec.ReadFlags(data.AsSpan(at)) & EventCodec.RecordFlags.Encrypted) != 0)
                return TryDecrypt(keys, data.AsSpan(at, length), FirstByte + at);
        }
        return null;
    }

    private byte[] ReadRecords()
    {
        lock (_lock)
        {
            var data = new byte[Math.Min(JournalFormat.FileHeaderLength + Length, 16L << 20)];
            return data[..ReadAt(JournalFormat.FileHeaderLength, data)];
        }
    }

    /// <summary>When the file was made; null when its header does not say.</summary>
    public DateTimeOffset? Made
    {
        get
        {
            if (_made is null && ReadHeader() is { Length: JournalFormat.FileHeaderLength } header)
                _made = JournalFormat.ReadMade(header);
            return _made;
        }
    }

    /// <summary>In which epoch it was written; null when its header does not say, or cannot be read now.</summary>
    public ulong? Epoch
    {
        get
        {
            if (_epoch is not null)
                return _epoch;
            try
            {
                if (JournalFormat.HeaderTrouble(ReadHeader(), Name, FirstByte, FirstSequence, out var epoch, out _) is null)
                    _epoch = epoch;
            }
            catch (LogReadException)
            {
                // Whoever reads its records meets the same and says it.
            }
            return _epoch;
        }
        init => _epoch = value;
    }

    /// <summary>How many bytes of records the file could have by its size.</summary>
    public long MeasureLength()
    {
        lock (_lock)
        {
            return Math.Max(0, Opened().Length - JournalFormat.FileHeaderLength);
        }
    }

    private int ReadAt(long offset, Span<byte> target)
    {
        try
        {
            return Opened().Read(offset, target);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // Somebody deleted it: to its readers that is damage as large as the file.
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LogReadException(Name, offset, e);
        }
    }

    /// <summary>Closes its handle, which is opened again when it is needed; not while somebody reads.</summary>
    public void TryClose()
    {
        if (!_lock.TryEnter())
            return;
        try
        {
            _reading?.Dispose();
            _reading = null;
        }
        finally
        {
            _lock.Exit();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _cipher?.Dispose();
            _reading?.Dispose();
            _reading = null;
        }
        open?.Forget(this);
    }

    private IStorageFile Opened()
    {
        if (_reading is not null)
            return _reading;
        _reading = storage.OpenRead(Name);
        open?.Opened(this);
        return _reading;
    }
}
