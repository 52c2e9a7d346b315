using System.Buffers.Binary;

namespace EvBus.Journal;

/// <summary>
/// A lane's dead letters on disk: an append-only file; each letter is fsynced before the cursor may pass its event.
/// <code>
///   0   8B   "EVBUSD\r\n"
///   8   u16  version: 1, or 2 where letters are encrypted; then 6 zeros
///   16  ..   entries: { u32 length, u32 CRC32C of 8 .. length, u8 kind, 3 zeros, u32 attempts, u64 number, i64 time (ticks UTC),
///            u32 length of the reason, reason (UTF-8), record (EventCodec) }
///   kind: 1 a letter · 2 the letter of that number is gone (replayed, purged, or too many) · 3 a letter, encrypted (DeadLetterCipher)
/// </code>
/// A torn entry at the end is cut; one damaged in the middle is skipped and counted. Only where letters lie is in memory; what they say is read when
/// somebody asks. The file is written anew when more than half of it is gone, also while the bus runs. For one thread at a time.
/// </summary>
internal sealed partial class DeadLetterFile : IDisposable
{
    private const int FileHeaderLength = 16;
    private const int EntryHeaderLength = 36;
    private const ushort Version = 2;
    private const byte LetterKind = 1, GoneKind = 2, EncryptedKind = 3;

    /// <summary>What is gone is not worth a new file below this.</summary>
    private const long SmallestWaste = 1 << 20;

    private readonly IStorage _storage;
    private readonly string _name;
    private readonly string _laneId;
    private readonly JournalCipher? _keys;
    private readonly bool _mayWrite;
    private readonly Dictionary<ulong, (long At, int Length)> _live = [];
    private IStorageFile? _file;
    private bool _disposed;
    private long _end;
    private long _liveBytes;
    private long _rewriteAt = SmallestWaste;
    private ulong _next = 1;

    private DeadLetterFile(IStorage storage, string laneId, JournalCipher? keys, bool mayWrite)
    {
        _storage = storage;
        _name = NameOf(laneId);
        _laneId = laneId;
        _keys = keys;
        _mayWrite = mayWrite;
    }

    /// <summary>How many entries cannot be read.</summary>
    public int Damaged { get; private set; }

    /// <summary>Whether the file was not there, or held nothing, not even a header.</summary>
    public bool WasEmpty { get; private set; }

    /// <summary>The letters it holds, oldest first, and how many bytes of the file each takes.</summary>
    public IEnumerable<(ulong Number, long Bytes)> Letters => _live.OrderBy(static letter => letter.Key).Select(static letter => (letter.Key, (long)letter.Value.Length));

    private static ReadOnlySpan<byte> Magic => "EVBUSD\r\n"u8;

    private IStorageFile File => _file ??= _mayWrite && !_disposed ? _storage.Open(_name) : _storage.OpenRead(_name);

    public static string NameOf(string laneId) => $"{JournalFormat.DeadFolder}/{LaneCursor.FileOf(laneId)}.dead";

    /// <summary>Opens or makes the file for reading and writing; what is damaged is kept in aside/ and left out.</summary>
    /// <exception cref="EvBusException">It is of a newer format, or encrypted and there is no key.</exception>
    public static DeadLetterFile Open(IStorage storage, string laneId, JournalCipher? keys)
    {
        var file = new DeadLetterFile(storage, laneId, keys, mayWrite: true);
        try
        {
            var isOld = file.Load();
            var length = file.File.Length;
            if (file.Damaged > 0)
                file.KeepAside();
            if (isOld || file._end < length || file.Damaged > 0 || file.Waste > Math.Max(SmallestWaste, file._liveBytes)
                // What lies there plain, or under a former key, is encrypted with the one that writes now.
                || (keys is { HasFormer: true } && file._live.Count > 0))
                file.Rewrite(encode: keys is not null);
            storage.SyncFolder(JournalFormat.DeadFolder);
            // Most lanes never have a dead letter: a handle only when one comes.
            file.Close();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a file that is there for reading, and changes nothing.</summary>
    /// <exception cref="EvBusException">It is of a newer format, or encrypted and there is no key.</exception>
    public static DeadLetterFile OpenRead(IStorage storage, string laneId, JournalCipher? keys)
    {
        var file = new DeadLetterFile(storage, laneId, keys, mayWrite: false);
        try
        {
            file.Load();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What a letter says; null when it is gone, or cannot be read any more.</summary>
    /// <exception cref="IOException">The disk does not give it.</exception>
    public DeadLetter? Read(ulong number)
    {
        if (!_live.TryGetValue(number, out var place))
            return null;
        try
        {
            return ReadAt(place.At, place.Length, number);
        }
        finally
        {
            // After the end nothing is kept open.
            if (_disposed)
                Close();
        }
    }

    /// <summary>Writes letters and makes them durable together; the number of each, and how many bytes of the file it takes.</summary>
    /// <exception cref="IOException">They are not on disk.</exception>
    public (ulong Number, long Bytes)[] Add(IReadOnlyList<DeadLetter> letters)
    {
        using var entries = new MemoryStream();
        var places = new (ulong Number, long Bytes)[letters.Count];
        for (var i = 0; i < letters.Count; i++)
        {
            var number = _next + (ulong)i;
            var entry = Encode(letters[i], number);
            entries.Write(entry);
            places[i] = (number, entry.Length);
        }
        var at = _end;
        Append(entries.GetBuffer().AsSpan(0, (int)entries.Length));
        foreach (var (number, bytes) in places)
        {
            _live.Add(number, (at, (int)bytes));
            at += bytes;
        }
        _liveBytes += entries.Length;
        _next += (ulong)letters.Count;
        return places;
    }

    /// <summary>Marks letters as gone.</summary>
    public void Remove(IEnumerable<ulong> numbers)
    {
        using var entries = new MemoryStream();
        foreach (var number in numbers)
        {
            if (!_live.Remove(number, out var place))
                continue;
            _liveBytes -= place.Length;
            entries.Write(EncodeGone(number));
        }
        if (entries.Length == 0)
            return;
        Append(entries.ToArray());
        if (Waste > Math.Max(_rewriteAt, _liveBytes))
            TryRewrite();
    }

    public void Dispose()
    {
        _disposed = true;
        Close();
    }

    private long Waste => _end - FileHeaderLength - _liveBytes;

    private void Close()
    {
        _file?.Dispose();
        _file = null;
    }

    private void Append(ReadOnlySpan<byte> entries)
    {
        File.Write(_end, entries);
        File.Sync();
        _end += entries.Length;
    }

    private void TryRewrite()
    {
        try
        {
            Rewrite(encode: false);
            _rewriteAt = SmallestWaste;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing is lost: the file is as large as before. Tried again when twice as much is gone.
            _rewriteAt = Waste * 2;
        }
    }

    /// <summary>A file of its own with what is left, then in place of the old one: at any moment one of the two has all of it.</summary>
    private void Rewrite(bool encode)
    {
        var header = new byte[FileHeaderLength];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), _keys is null ? (ushort)1 : Version);
        var places = new Dictionary<ulong, (long, int)>();
        var end = (long)FileHeaderLength;
        using (var made = _storage.Open(_name + ".new"))
        {
            made.SetLength(0);
            made.Write(0, header);
            using var window = Window();
            foreach (var (number, (at, length)) in _live.OrderBy(static letter => letter.Key))
            {
                var entry = encode && ReadAt(at, length, number) is { } letter ? Encode(letter, number) : null;
                if (entry is null)
                    window.CopyTo(made, at, at + length, end);
                else
                    made.Write(end, entry);
                places.Add(number, (end, entry?.Length ?? length));
                end += entry?.Length ?? length;
            }
            made.Sync();
        }
        // Under its own name from here on, also in what the system says of it.
        Close();
        _storage.Rename(_name + ".new", _name);
        _storage.SyncFolder(JournalFormat.DeadFolder);
        _live.Clear();
        foreach (var (number, place) in places)
            _live.Add(number, place);
        (_end, _liveBytes) = (end, end - FileHeaderLength);
    }
}

/// <summary>A dead letter with its number in the file.</summary>
internal readonly record struct StoredLetter(ulong Number, DeadLetter Letter);
