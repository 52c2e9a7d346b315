using System.Buffers.Binary;

namespace EvBus.Journal;

/// <summary>
/// What tells the records of a segment file from those that another one left in it: in a file that is used again every checksum is XORed with a
/// number of that file, so nothing an earlier file wrote is a record of this one. 0 in a file that began as zeros.
/// </summary>
internal static class FileMark
{
    // Odd, so that no two of 2^32 events in a row give the same.
    private const uint Spread = 0x9E3779B1;

    /// <summary>The mark of a file that is used again, by the sequence of its first event; 0 where that gives none.</summary>
    public static uint Of(ulong firstSequence) => unchecked((uint)firstSequence * Spread);

    /// <summary>The mark of a file.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="rest">What follows the header, read only when the header is damaged.</param>
    public static uint Read(ReadOnlySpan<byte> header, Func<byte[]> rest) => JournalFormat.ReadMark(header) ?? OfRecords(rest());

    /// <summary>By two records in a row whose checksums are off by the same. What an earlier file left stands behind those of this one.</summary>
    private static uint OfRecords(ReadOnlySpan<byte> data)
    {
        for (var at = 0; at + EventCodec.HeaderLength <= data.Length; at++)
        {
            // The version's byte is the cheapest thing to look for.
            var version = data[(at + 8)..].IndexOf(EventCodec.Version);
            if (version < 0)
                break;
            at += version;
            if (Difference(data[at..], out var length) is not { } mark)
                continue;
            if (mark == 0 || Difference(data[(at + length)..], out _) == mark)
                return mark;
        }
        return 0;
    }

    private static uint? Difference(ReadOnlySpan<byte> data, out int length)
    {
        length = 0;
        if (data.Length < EventCodec.HeaderLength || !JournalFormat.IsPlausible(data) || EventCodec.ReadLength(data) is var all && all > data.Length)
            return null;
        length = all;
        return Crc32C.Compute(data[8..length]) ^ BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
    }
}
