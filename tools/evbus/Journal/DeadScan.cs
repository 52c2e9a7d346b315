using System.Buffers.Binary;
using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

/// <summary>
/// The damaged parts of a lane's dead letters (see DeadLetterFile), by byte. An opening leaves damaged entries out, and with a damaged header all
/// of them, so a repair comes first.
/// </summary>
/// <param name="IsEmpty">Whether it holds nothing, not even a header.</param>
internal sealed record DeadScan(string Name, bool IsEmpty, bool HasHeader, int Letters, IReadOnlyList<(long At, long Length)> Damaged, (long At, long Length)? Tail)
{
    private const int FileHeaderLength = 16;
    private const int EntryHeaderLength = 36;

    private static ReadOnlySpan<byte> Header => "EVBUSD\r\n\x01\0\0\0\0\0\0\0"u8;

    public static DeadScan Of(IStorage storage, string name)
    {
        using var window = new FileWindow(storage.OpenRead(name));
        var header = window.Read(0, FileHeaderLength);
        if (header.Length == FileHeaderLength && header[..8].SequenceEqual(Header[..8]) && BinaryPrimitives.ReadUInt16LittleEndian(header[8..]) > 2)
            throw new EvBusException($"'{name}' is of a newer format than this version of EvBus reads. Open it with the version that wrote it, or a newer one.");
        var isEmpty = !header.ContainsAnyExcept((byte)0);
        var hasHeader = IsHeader(header) || isEmpty;
        var (damaged, letters, begin) = (new List<(long, long)>(), 0, -1L);
        var at = (long)FileHeaderLength;
        while (at < window.Length)
        {
            if (EntryAt(window, at, out var isLetter) is > 0 and var length)
            {
                if (begin >= 0)
                    damaged.Add((begin, at - begin));
                begin = -1;
                letters += isLetter ? 1 : 0;
                at += length;
                continue;
            }
            begin = begin < 0 ? at : begin;
            at++;
        }
        return new DeadScan(name, isEmpty, hasHeader, letters, damaged, begin < 0 ? null : (begin, window.Length - begin));
    }

    // The second version is that of encrypted letters, and differs in nothing else.
    private static bool IsHeader(ReadOnlySpan<byte> header) =>
        header.Length == FileHeaderLength && header[..8].SequenceEqual(Header[..8]) && header[8] is 1 or 2 && header[9..].SequenceEqual(Header[9..]);

    public static void WriteHeader(IStorage storage, string name)
    {
        using var file = storage.Open(name);
        byte[] header = [.. Header];
        header[8] = KeyFile.IsEncrypted(storage) ? (byte)2 : (byte)1;
        file.Write(0, header);
        file.Sync();
    }

    private static long EntryAt(FileWindow window, long at, out bool isLetter)
    {
        isLetter = false;
        var header = window.Read(at, EntryHeaderLength);
        if (header.Length < EntryHeaderLength || BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) is not (1 or 2 or 3))
            return 0;
        isLetter = header[8] != 2;
        var (length, checksum) = (BinaryPrimitives.ReadUInt32LittleEndian(header), BinaryPrimitives.ReadUInt32LittleEndian(header[4..]));
        return length >= EntryHeaderLength && length <= int.MaxValue && at + length <= window.Length && window.HasChecksum(at, length, checksum) ? length : 0;
    }
}
