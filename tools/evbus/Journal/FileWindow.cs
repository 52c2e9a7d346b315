using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

/// <summary>A file read through a window, so that its size does not matter. For one thread.</summary>
/// <param name="file">The file.</param>
/// <param name="mark">Of a segment file: what its checksums are XORed with.</param>
internal sealed class FileWindow(IStorageFile file, uint mark = 0) : IDisposable
{
    private const int Usual = 4 << 20;
    private const int Step = 64 << 10;

    private byte[] _buffer = [];
    private long _at;
    private int _length;

    public long Length { get; } = file.Length;

    /// <summary>Whether an earlier segment file may have left its bytes in this one.</summary>
    public bool IsReused => mark != 0;

    /// <summary>The bytes from <paramref name="at"/> on, as many as asked for unless the file ends; valid until the next call.</summary>
    public ReadOnlySpan<byte> Read(long at, int wanted) => Get(at, wanted) is var (offset, length) ? _buffer.AsSpan(offset, length) : default;

    /// <summary>The same as memory.</summary>
    public ReadOnlyMemory<byte> ReadMemory(long at, int wanted) => Get(at, wanted) is var (offset, length) ? _buffer.AsMemory(offset, length) : default;

    /// <summary>The length of the whole, unharmed record at a place, within <paramref name="end"/>; 0 when there is none.</summary>
    public int RecordAt(long at, long end)
    {
        var header = Read(at, (int)Math.Min(EventCodec.HeaderLength, Math.Max(0, end - at)));
        if (JournalFormat.WholeRecord(header, mark, out var needs) is > 0 and var bare)
            return bare;
        return needs <= EventCodec.HeaderLength || at + needs > end ? 0 : JournalFormat.WholeRecord(Read(at, (int)needs), mark, out _);
    }

    /// <summary>The place of the next whole record at or behind <paramref name="at"/>; -1 when there is none before <paramref name="end"/>.</summary>
    public long NextRecord(long at, long end)
    {
        while (at + EventCodec.HeaderLength <= end)
        {
            // The version's byte is the cheapest thing to look for.
            var window = Read(at + 8, (int)Math.Min(Step, end - at - 8));
            var found = window.IndexOf(EventCodec.Version);
            if (found < 0)
            {
                at += Math.Max(1, window.Length);
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
        if (IsReused)
        {
            var end = from;
            for (var at = NextRecord(from, to); at >= 0; at = NextRecord(end, to))
                end = at + RecordAt(at, to);
            return end;
        }
        while (to > from)
        {
            var length = (int)Math.Min(Step, to - from);
            var last = Read(to - length, length).LastIndexOfAnyExcept((byte)0);
            if (last >= 0)
                return to - length + last + 1;
            to -= length;
        }
        return from;
    }

    public void Dispose() => file.Dispose();

    private (int Offset, int Length) Get(long at, int wanted)
    {
        if (at < _at || (at + wanted > _at + _length && _at + _length < Length))
        {
            // A little before it as well, for whoever steps back to a record's begin, or goes through the file from its end.
            var from = Math.Max(0, at - Step);
            var needed = (int)(at - from) + wanted;
            if (_buffer.Length < needed)
                _buffer = new byte[Math.Max(needed, (int)Math.Min(Usual, Length))];
            _length = file.Read(from, _buffer);
            _at = from;
        }
        var offset = (int)Math.Min(at - _at, _length);
        return (offset, Math.Min(wanted, _length - offset));
    }
}
