using System.Buffers.Binary;
using System.Globalization;

namespace EvBus.Journal;

/// <summary>
/// The journal on disk, formats 1 to 3. Little-endian.
/// <code>
///   lock, lock.owner          who has it open
///   key                       of an encrypted journal: by what its key is recognised (KeyFile)
///   checkpoint                three slots (SlotFile): epoch, place, accepted, unmatched
///   lanes/ID.cursor           three slots: cursor and ledger of a lane
///   dead/ID.dead              a lane's dead letters
///   log/BYTE-SEQUENCE.evj     segment files; BYTE and SEQUENCE of the first record, 16 hexadecimal digits each
///   reserve/N                 room kept for cursors and dead letters when the disk is full (ReservedStorage)
///   aside/...                 bytes cut off or left out by a recovery, for a person to look at
///
///   segment file:
///     0    8B   "EVBUSJ\r\n"
///     8    u16  version: 1; 2 where the file is encrypted; 3 where it is used again
///     10   u16  flags: 1 encrypted; 2 what lies between the file before and this one was never meant for the disk;
///               4 used again: every record's checksum is XORed with the file's mark (FileMark)
///     12   u32  CRC32C of the other 60 bytes
///     16   u64  epoch
///     24   u64  byte: how many bytes of records were in the journal before this file
///     32   u64  sequence of its first record
///     40   i64  made: ticks of 100 ns since 0001-01-01 UTC
///     48   u64  accepted before this file
///     56   u64  salt of the file's key, 0 where it is not encrypted (SegmentCipher)
///     64   ..   groups: { event records (EventCodec) ..., one commit record }, then zeros, or what was there before
///
///   commit record: a record with the flag Control and, after the header of 40 bytes
///   (its byte 24: u64 the salt of the file's key again),
///     40   u64  byte at which its group begins
///     48   u64  byte behind this record: it says where it stands, so that it can be found behind damage
///     56   u64  sequence of the next record
///     64   u64  accepted so far
///     72   u64  epoch
/// </code>
/// Invariants:
/// 1. A byte of the log never changes once its group is committed (written and fsynced); what changes is in files with two slots.
/// 2. Events count in sequence; commit records do not. A group never straddles two files.
/// 3. A group with another one behind it was confirmed: damage there is damage. Only the last group is uncertain, as its writes may have reached
///    the disk in any order: whole records are kept, damage before its commit record is skipped, and what is behind is moved to aside/.
/// 4. An opening never writes into a file of an earlier one; it makes a new file, and after an unclean end a new epoch.
/// 5. A whole file goes when every lane is through with it; never a hole.
/// </summary>
internal static class JournalFormat
{
    /// <summary>The newest that is read. A file is written as the oldest that has what it needs.</summary>
    public const ushort Version = 3;
    public const int FileHeaderLength = 64;
    public const int CommitLength = 80;
    public const string LogFolder = "log";
    public const string LaneFolder = "lanes";
    public const string DeadFolder = "dead";
    public const string AsideFolder = "aside";
    public const string ReserveFolder = "reserve";
    public const string CheckpointName = "checkpoint";
    public const string KeyName = "key";

    /// <summary>The trouble of a whole and valid file that does not belong where its name says.</summary>
    public const string OtherFile = "its header is that of another file";

    private const string Extension = ".evj";
    private const ushort EncryptedFlag = 1;
    private const ushort AfterGapFlag = 2;
    private const ushort ReusedFlag = 4;

    private static ReadOnlySpan<byte> Magic => "EVBUSJ\r\n"u8;

    public static string NameOf(long firstByte, ulong firstSequence) =>
        string.Create(CultureInfo.InvariantCulture, $"{LogFolder}/{firstByte:x16}-{firstSequence:x16}{Extension}");

    /// <summary>Reads a segment file's name; false for a file that is none.</summary>
    public static bool TryParseName(string name, out long firstByte, out ulong firstSequence)
    {
        (firstByte, firstSequence) = (0, 0);
        return name.Length == 33 + Extension.Length && name[16] == '-' && name.EndsWith(Extension, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out firstByte)
            && ulong.TryParse(name.AsSpan(17, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out firstSequence);
    }

    public static byte[] FileHeader(ulong epoch, long firstByte, ulong firstSequence, long accepted, DateTimeOffset made, ulong salt = 0, bool isAfterGap = false, bool isReused = false)
    {
        var header = new byte[FileHeaderLength];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), isReused ? Version : salt == 0 ? (ushort)1 : (ushort)2);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(10), (ushort)((salt == 0 ? 0 : EncryptedFlag) | (isAfterGap ? AfterGapFlag : 0) | (isReused ? ReusedFlag : 0)));
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(56), salt);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(16), epoch);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), firstByte);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(32), firstSequence);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), made.UtcTicks);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), accepted);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), HeaderChecksum(header));
        return header;
    }

    /// <summary>What is wrong with a segment file's header; null when nothing is.</summary>
    /// <exception cref="EvBusException">The file is of a newer version.</exception>
    public static string? HeaderTrouble(ReadOnlySpan<byte> header, string name, long firstByte, ulong firstSequence, out ulong epoch, out long accepted)
    {
        (epoch, accepted) = (0, 0);
        if (header.Length < FileHeaderLength || !header[..8].SequenceEqual(Magic))
            return "it does not begin as a segment file does";
        var version = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);
        if (HeaderChecksum(header) != BinaryPrimitives.ReadUInt32LittleEndian(header[12..]))
            return "its header's checksum is wrong";
        if (version > Version)
            throw new EvBusException($"'{name}' has format {version}; this version of EvBus reads formats up to {Version}. Open it with the version that wrote it, or a newer one.");
        epoch = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
        accepted = BinaryPrimitives.ReadInt64LittleEndian(header[48..]);
        return BinaryPrimitives.ReadInt64LittleEndian(header[24..]) == firstByte && BinaryPrimitives.ReadUInt64LittleEndian(header[32..]) == firstSequence
            ? null
            : OtherFile;
    }

    /// <summary>Whether a valid header says that nothing is missing between the file before and this one.</summary>
    public static bool IsAfterGap(ReadOnlySpan<byte> header) =>
        IsWholeHeader(header) && (BinaryPrimitives.ReadUInt16LittleEndian(header[10..]) & AfterGapFlag) != 0;

    /// <summary>What a file's key is derived with, by its header: salt 0 where it is not encrypted; null when the header is damaged.</summary>
    public static SegmentSalt? ReadSalt(ReadOnlySpan<byte> header)
    {
        if (!IsWholeHeader(header))
            return null;
        return new SegmentSalt(BinaryPrimitives.ReadUInt64LittleEndian(header[56..]), BinaryPrimitives.ReadUInt64LittleEndian(header[16..]));
    }

    /// <summary>What every checksum in a file is XORed with, by its header; null when that is damaged.</summary>
    public static uint? ReadMark(ReadOnlySpan<byte> header)
    {
        if (!IsWholeHeader(header))
            return null;
        return (BinaryPrimitives.ReadUInt16LittleEndian(header[10..]) & ReusedFlag) == 0 ? 0 : FileMark.Of(BinaryPrimitives.ReadUInt64LittleEndian(header[32..]));
    }

    /// <summary>The file's salt, repeated in a commit record; 0 when there is none.</summary>
    public static ulong ReadCommitSalt(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadUInt64LittleEndian(record[24..]);

    public static void WriteCommitSalt(Span<byte> record, ulong salt) => BinaryPrimitives.WriteUInt64LittleEndian(record[24..], salt);

    /// <summary>When a file was made, by its header; null when that is damaged.</summary>
    public static DateTimeOffset? ReadMade(ReadOnlySpan<byte> header)
    {
        var ticks = BinaryPrimitives.ReadInt64LittleEndian(header[40..]);
        return HeaderChecksum(header) == BinaryPrimitives.ReadUInt32LittleEndian(header[12..]) && ticks >= 0 && ticks <= DateTime.MaxValue.Ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;
    }

    private static bool IsWholeHeader(ReadOnlySpan<byte> header) =>
        header.Length >= FileHeaderLength && HeaderChecksum(header) == BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);

    public static uint HeaderChecksum(ReadOnlySpan<byte> header)
    {
        Span<byte> covered = stackalloc byte[FileHeaderLength - 4];
        header[..12].CopyTo(covered);
        header[16..FileHeaderLength].CopyTo(covered[12..]);
        return Crc32C.Compute(covered);
    }

    public static void WriteCommit(Span<byte> target, in CommitInfo commit, DateTimeOffset at)
    {
        target[..CommitLength].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(target, CommitLength);
        target[8] = EventCodec.Version;
        target[9] = (byte)EventCodec.RecordFlags.Control;
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], at.UtcTicks);
        BinaryPrimitives.WriteInt64LittleEndian(target[40..], commit.GroupByte);
        BinaryPrimitives.WriteInt64LittleEndian(target[48..], commit.EndByte);
        BinaryPrimitives.WriteUInt64LittleEndian(target[56..], commit.NextSequence);
        BinaryPrimitives.WriteInt64LittleEndian(target[64..], commit.Accepted);
        BinaryPrimitives.WriteUInt64LittleEndian(target[72..], commit.Epoch);
    }

    public static CommitInfo ReadCommit(ReadOnlySpan<byte> record) => new(
        BinaryPrimitives.ReadInt64LittleEndian(record[40..]), BinaryPrimitives.ReadInt64LittleEndian(record[48..]),
        BinaryPrimitives.ReadUInt64LittleEndian(record[56..]), BinaryPrimitives.ReadInt64LittleEndian(record[64..]),
        BinaryPrimitives.ReadUInt64LittleEndian(record[72..]));

    public static void Seal(Span<byte> record, uint mark = 0) => BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Crc32C.Compute(record[8..]) ^ mark);

    /// <summary>The length of the record that begins here, whole and unharmed; 0 when there is none. <paramref name="needs"/> is more than there is when it may only be cut off.</summary>
    public static int WholeRecord(ReadOnlySpan<byte> data, uint mark, out long needs)
    {
        needs = EventCodec.HeaderLength;
        if (data.Length < EventCodec.HeaderLength)
            return 0;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(data);
        if (!IsPlausible(data))
        {
            needs = 0;
            return 0;
        }
        needs = length;
        if (length > data.Length)
            return 0;
        if ((Crc32C.Compute(data[8..(int)length]) ^ mark) == BinaryPrimitives.ReadUInt32LittleEndian(data[4..]))
            return (int)length;
        needs = 0;
        return 0;
    }

    /// <summary>Whether these bytes, a header's at least, could begin a record.</summary>
    public static bool IsPlausible(ReadOnlySpan<byte> data)
    {
        var length = BinaryPrimitives.ReadUInt32LittleEndian(data);
        if (length < EventCodec.HeaderLength || length > int.MaxValue - 1024 || data[8] != EventCodec.Version || BinaryPrimitives.ReadUInt32LittleEndian(data[12..]) != 0)
            return false;
        return IsControl(data) ? length == CommitLength : EventCodec.HeaderLength + EventCodec.ReadAttributesLength(data) <= length;
    }

    public static bool IsControl(ReadOnlySpan<byte> record) => (record[9] & (byte)EventCodec.RecordFlags.Control) != 0;
}

/// <summary>What a commit record says.</summary>
internal readonly record struct CommitInfo(long GroupByte, long EndByte, ulong NextSequence, long Accepted, ulong Epoch);
