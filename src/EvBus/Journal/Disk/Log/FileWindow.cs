using System.Buffers.Binary;

namespace EvBus.Journal;

/// <summary>
/// A file read through a window, so that neither its size nor what its bytes claim matters to memory: records larger than the window are checked
/// piece by piece. Offsets are those in the file. For one thread.
/// </summary>
internal sealed class FileWindow : IDisposable
{
    private const int Usual = 4 << 20;
    private const int Step = 64 << 10;

    private readonly ReadAt _read;
    private readonly IDisposable? _owned;
    private readonly uint _mark;
    private byte[] _buffer = [];
    private long _at;
    private int _length;

    /// <param name="file">The file; disposed with this.</param>
    /// <param name="mark">Of a segment file: what its checksums are XORed with.</param>
    public FileWindow(IStorageFile file, uint mark = 0)
        : this(file.Read, file.Length, mark) => _owned = file;

    private FileWindow(ReadAt read, long length, uint mark) => (_read, Length, _mark) = (read, length, mark);

    private delegate int ReadAt(long offset, Span<byte> target);

    public long Length { get; }

    /// <summary>Whether an earlier segment file may have left its bytes in this one.</summary>
    public bool IsReused => _mark != 0;

    /// <summary>Over the records that a segment file has by its length now. What the disk does not give throws as <see cref="LogFile.Read"/> does.</summary>
    public static FileWindow Of(LogFile file) =>
        new((offset, target) => file.Read(offset - JournalFormat.FileHeaderLength + file.FirstByte, target), JournalFormat.FileHeaderLength + file.Length, file.Mark);

    /// <summary>Over a file that stays its opener's.</summary>
    public static FileWindow Over(IStorageFile file) => new(file.Read, file.Length, mark: 0);

    /// <summary>The bytes from <paramref name="at"/> on, as many as asked for unless the file ends; valid until the next call.</summary>
    public ReadOnlySpan<byte> Read(long at, int wanted) => Get(at, wanted) is var (offset, length) ? _buffer.AsSpan(offset, length) : default;

    /// <summary>The same as memory.</summary>
    public ReadOnlyMemory<byte> ReadMemory(long at, int wanted) => Get(at, wanted) is var (offset, length) ? _buffer.AsMemory(offset, length) : default;

    /// <summary>The length of the whole, unharmed record at a place, within <paramref name="end"/>; 0 when there is none.</summary>
    public int RecordAt(long at, long end)
    {
        var header = Read(at, (int)Math.Min(EventCodec.HeaderLength, Math.Max(0, end - at)));
        if (JournalFormat.WholeRecord(header, _mark, out var needs) is > 0 and var bare)
            return bare;
        if (needs <= EventCodec.HeaderLength || at + needs > Math.Min(end, Length))
            return 0;
        if (needs <= Step)
            return JournalFormat.WholeRecord(Read(at, (int)needs), _mark, out _);
        return HasChecksum(at, needs, BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) ^ _mark) ? (int)needs : 0;
    }

    /// <summary>Whether so many bytes have this checksum, over all behind the eighth.</summary>
    public bool HasChecksum(long at, long length, uint checksum)
    {
        var running = new Crc32C.Running();
        for (var done = 8L; done < length;)
        {
            var piece = Read(at + done, (int)Math.Min(Usual / 4, length - done));
            if (piece.IsEmpty)
                return false;
            running.Add(piece);
            done += piece.Length;
        }
        return running.Value == checksum;
    }

    /// <summary>The place of the next whole record at or behind <paramref name="at"/>; -1 when there is none before <paramref name="end"/>.</summary>
    public long NextRecord(long at, long end)
    {
        while (at + EventCodec.HeaderLength <= end)
        {
            // The version's byte is the cheapest thing to look for.
            var window = Read(at + 8, (int)Math.Min(Usual / 4, end - at - 8));
            if (window.IsEmpty)
                return -1;
            var found = window.IndexOf(EventCodec.Version);
            if (found < 0)
            {
                at += window.Length;
                continue;
            }
            at += found;
            if (RecordAt(at, end) > 0)
                return at;
            at++;
        }
        return -1;
    }

    /// <summary>Behind the last byte that is not zero, in a range; the range's begin when all of them are. In a file that is used again, behind its last whole record.</summary>
    public long EndOfUse(long from, long to)
    {
        var end = from;
        if (IsReused)
        {
            for (var at = NextRecord(from, to); at >= 0; at = NextRecord(end, to))
                end = at + RecordAt(at, to);
            return end;
        }
        for (var at = from; at < to;)
        {
            var piece = Read(at, (int)Math.Min(Usual / 4, to - at));
            if (piece.IsEmpty)
                break;
            if (piece.LastIndexOfAnyExcept((byte)0) is >= 0 and var last)
                end = at + last + 1;
            at += piece.Length;
        }
        return end;
    }

    /// <summary>Copies a range into another file, piece by piece.</summary>
    public void CopyTo(IStorageFile target, long from, long to, long at)
    {
        while (from < to)
        {
            var piece = Read(from, (int)Math.Min(Usual / 4, to - from));
            if (piece.IsEmpty)
                return;
            target.Write(at, piece);
            (from, at) = (from + piece.Length, at + piece.Length);
        }
    }

    public void Dispose() => _owned?.Dispose();

    private (int Offset, int Length) Get(long at, int wanted)
    {
        if (at < _at || (at + wanted > _at + _length && _at + _length < Length))
        {
            // A little before it as well, for whoever steps back to a record's begin, or goes through the file from its end.
            var from = Math.Max(0, at - Step);
            var needed = (int)(at - from) + wanted;
            if (_buffer.Length < needed)
                _buffer = new byte[Math.Max(needed, (int)Math.Min(Usual, Length))];
            _length = _read(from, _buffer);
            _at = from;
        }
        var offset = (int)Math.Clamp(at - _at, 0, _length);
        return (offset, Math.Min(wanted, _length - offset));
    }
}
