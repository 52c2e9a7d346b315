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
/// A torn entry at the end is cut; one damaged in the middle is skipped and counted. The file is written anew when most of it is gone.
/// For one thread at a time.
/// </summary>
internal sealed partial class DeadLetterFile : IDisposable
{
    private const int FileHeaderLength = 16;
    private const int EntryHeaderLength = 36;
    private const ushort Version = 2;
    private const byte LetterKind = 1, GoneKind = 2, EncryptedKind = 3;

    private readonly IStorage _storage;
    private readonly string _name;
    private readonly string _laneId;
    private readonly JournalCipher? _keys;
    private IStorageFile _file;
    private long _end;
    private ulong _next = 1;
    private int _live;
    private int _gone;

    private DeadLetterFile(IStorage storage, string laneId, JournalCipher? keys, IStorageFile file)
    {
        _storage = storage;
        _name = NameOf(laneId);
        _laneId = laneId;
        _keys = keys;
        _file = file;
    }

    private static ReadOnlySpan<byte> Magic => "EVBUSD\r\n"u8;

    public static string NameOf(string laneId) => $"{JournalFormat.DeadFolder}/{LaneCursor.FileOf(laneId)}.dead";

    /// <summary>Opens or makes the file; <paramref name="letters"/> gets what it holds, oldest first, <paramref name="damaged"/> how many entries cannot be read.</summary>
    /// <exception cref="EvBusException">It is of a newer format, or encrypted and there is no key.</exception>
    public static DeadLetterFile Open(IStorage storage, string laneId, JournalCipher? keys, out List<StoredLetter> letters, out int damaged)
    {
        var file = new DeadLetterFile(storage, laneId, keys, storage.Open(NameOf(laneId)));
        try
        {
            var content = Read(file._file);
            letters = Parse(content, laneId, keys, out file._end, out file._gone, out var highest, out damaged);
            file._live = letters.Count;
            // A number that was ever given stays given: what says that its letter is gone must not speak of a new one.
            file._next = highest + 1;
            if (damaged > 0)
                KeepAside(storage, laneId, content);
            if (content.Length < FileHeaderLength || file._end < content.Length || file._gone > Math.Max(1000, file._live) || damaged > 0
                // What lies there plain, or under a former key, is encrypted with the one that writes now.
                || (keys is { HasFormer: true } && letters.Count > 0)
                || (keys is not null && BinaryPrimitives.ReadUInt16LittleEndian(content.AsSpan(8)) < Version))
                file.Rewrite(letters);
            storage.SyncFolder(JournalFormat.DeadFolder);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What a file holds, without changing it.</summary>
    /// <exception cref="EvBusException">It is of a newer format, or encrypted and there is no key.</exception>
    public static List<StoredLetter> Read(IStorage storage, string laneId, JournalCipher? keys, out int damaged)
    {
        using var file = storage.OpenRead(NameOf(laneId));
        return Parse(Read(file), laneId, keys, out _, out _, out _, out damaged);
    }

    /// <summary>Writes a letter and makes it durable; its number.</summary>
    /// <exception cref="IOException">It is not on disk.</exception>
    public ulong Add(DeadLetter letter)
    {
        var number = _next;
        Append(Encode(letter, number));
        _next++;
        _live++;
        return number;
    }

    /// <summary>Writes letters and makes them durable together; the number of the first.</summary>
    /// <exception cref="IOException">They are not on disk.</exception>
    public ulong Add(IReadOnlyList<DeadLetter> letters)
    {
        if (letters.Count == 1)
            return Add(letters[0]);
        using var entries = new MemoryStream();
        var first = _next;
        for (var i = 0; i < letters.Count; i++)
            entries.Write(Encode(letters[i], first + (ulong)i));
        Append(entries.ToArray());
        _next += (ulong)letters.Count;
        _live += letters.Count;
        return first;
    }

    /// <summary>Marks letters as gone.</summary>
    public void Remove(IEnumerable<ulong> numbers)
    {
        using var entries = new MemoryStream();
        foreach (var number in numbers)
        {
            entries.Write(EncodeGone(number));
            _gone++;
            _live--;
        }
        if (entries.Length > 0)
            Append(entries.ToArray());
    }

    public void Dispose() => _file.Dispose();

    private static void KeepAside(IStorage storage, string laneId, byte[] content)
    {
        using (var aside = storage.Open($"{JournalFormat.AsideFolder}/{LaneCursor.FileOf(laneId)}.dead"))
        {
            aside.SetLength(0);
            aside.Write(0, content);
            aside.Sync();
        }
        storage.SyncFolder(JournalFormat.AsideFolder);
    }

    private static byte[] Read(IStorageFile file)
    {
        var content = new byte[file.Length];
        var read = file.Read(0, content);
        return read == content.Length ? content : content[..read];
    }

    private static List<StoredLetter> Parse(byte[] content, string laneId, JournalCipher? keys, out long end, out int gone, out ulong highest, out int damaged)
    {
        var letters = new List<StoredLetter>();
        (end, gone, highest, damaged) = (FileHeaderLength, 0, 0, 0);
        if (content.AsSpan().IndexOfAnyExcept((byte)0) < 0)
        {
            end = 0;
            return letters;
        }
        // A header that is damaged does not take the letters with it.
        if (content.Length < FileHeaderLength || !content.AsSpan(0, 8).SequenceEqual(Magic))
            damaged++;
        else if (BinaryPrimitives.ReadUInt16LittleEndian(content.AsSpan(8)) > Version)
            throw new EvBusException($"'{NameOf(laneId)}' is of a newer format than this version of EvBus reads. Open it with the version that wrote it, or a newer one.");
        var removed = new HashSet<ulong>();
        var at = FileHeaderLength;
        while (at < content.Length)
        {
            var length = EntryLength(content.AsSpan(at));
            if (length == 0)
            {
                // What begins no entry is skipped up to one that does; when none does, it is the torn end.
                var next = at + 1;
                while (next < content.Length && EntryLength(content.AsSpan(next)) == 0)
                    next++;
                if (next >= content.Length)
                    break;
                damaged++;
                at = next;
                continue;
            }
            var entry = content.AsSpan(at, length);
            var number = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
            highest = Math.Max(highest, number);
            if (entry[8] == GoneKind)
                removed.Add(number);
            else if (Plain(entry, laneId, keys) is { } plain)
                letters.Add(new StoredLetter(number, Decode(plain, laneId)));
            else
                damaged++;
            at += length;
            end = at;
        }
        gone = removed.Count;
        letters.RemoveAll(letter => removed.Contains(letter.Number));
        return letters;
    }

    private static int EntryLength(ReadOnlySpan<byte> data)
    {
        if (data.Length < EntryHeaderLength)
            return 0;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(data);
        return length >= EntryHeaderLength && length <= data.Length && data[8] is LetterKind or GoneKind or EncryptedKind
            && Crc32C.Compute(data[8..(int)length]) == BinaryPrimitives.ReadUInt32LittleEndian(data[4..]) ? (int)length : 0;
    }

    private void Append(byte[] entries)
    {
        _file.Write(_end, entries);
        _file.Sync();
        _end += entries.Length;
    }

    /// <summary>A file of its own with what is left, then in place of the old one.</summary>
    private void Rewrite(List<StoredLetter> letters)
    {
        var header = new byte[FileHeaderLength];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), _keys is null ? (ushort)1 : Version);
        using var content = new MemoryStream();
        content.Write(header);
        foreach (var (number, letter) in letters)
            content.Write(Encode(letter, number));
        var made = _storage.Open(_name + ".new");
        made.SetLength(0);
        made.Write(0, content.ToArray());
        made.Sync();
        _file.Dispose();
        _storage.Rename(_name + ".new", _name);
        (_file, _end, _gone) = (made, content.Length, 0);
    }
}

/// <summary>A dead letter with its number in the file.</summary>
internal readonly record struct StoredLetter(ulong Number, DeadLetter Letter);
