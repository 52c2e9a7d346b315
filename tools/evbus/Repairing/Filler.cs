using System.Buffers.Binary;
using EvBus.Journal;

namespace EvBus.Tools.Cli.Repairing;

/// <summary>
/// What stands in the log where damaged records stood: as many records, of as many bytes in all, that are for no lane. So every event behind
/// keeps its number and its place, and no cursor has to move.
/// </summary>
internal static class Filler
{
    /// <summary>Whether a record is one of these: put back for one lane, and no lane is named.</summary>
    public static bool Is(ReadOnlySpan<byte> record) =>
        (EventCodec.ReadFlags(record) & EventCodec.RecordFlags.ForLane) != 0 && EventCodec.ReadAttributesLength(record) == 0;

    public static bool Fits(Journal.Gap gap) => gap.Events == 0 ? gap.Length == JournalFormat.CommitLength : gap.Events * EventCodec.HeaderLength <= gap.Length;

    /// <summary>The records, one after the other; with a commit at the end where there is room for one, because numbers are known again there.</summary>
    public static IEnumerable<byte[]> Records(Journal.Gap gap, DateTimeOffset now, uint mark)
    {
        var left = gap.Length;
        var hasCommit = left - JournalFormat.CommitLength >= gap.Events * EventCodec.HeaderLength && (gap.Events > 0 || left == JournalFormat.CommitLength);
        if (hasCommit)
            left -= JournalFormat.CommitLength;
        for (var i = 0L; i < gap.Events; i++)
        {
            // As equal as can be: one giant record would be read in one piece.
            var length = i == gap.Events - 1 ? left : left / (gap.Events - i);
            left -= length;
            yield return Empty((int)length, now, mark);
        }
        if (!hasCommit)
            yield break;
        var commit = new byte[JournalFormat.CommitLength];
        JournalFormat.WriteCommit(commit, gap.Commit, now);
        JournalFormat.Seal(commit, mark);
        yield return commit;
    }

    private static byte[] Empty(int length, DateTimeOffset now, uint mark)
    {
        var record = new byte[length];
        BinaryPrimitives.WriteInt32LittleEndian(record, length);
        record[8] = EventCodec.Version;
        record[9] = (byte)EventCodec.RecordFlags.ForLane;
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(16), now.UtcTicks);
        JournalFormat.Seal(record, mark);
        return record;
    }
}
