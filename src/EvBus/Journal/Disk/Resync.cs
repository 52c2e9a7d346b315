namespace EvBus.Journal;

/// <summary>
/// Finds the next whole record behind damage, and which one it is: commit records say where they stand and which sequence comes next, so
/// counting back from one gives every record before it its number.
/// </summary>
internal static class Resync
{
    /// <summary>The place of the next whole record behind <paramref name="at"/> in this file, with its sequence; null when there is none.</summary>
    /// <param name="file">The file.</param>
    /// <param name="at">Where the damage begins.</param>
    /// <param name="sequence">The sequence of the record that should be there.</param>
    /// <param name="next">The file behind this one, which knows the sequence at this one's end.</param>
    public static (long At, ulong Sequence)? Find(LogFile file, long at, ulong sequence, LogFile? next)
    {
        var data = new byte[file.EndByte - at];
        var length = file.Read(at, data);
        var place = FindRecord(data.AsSpan(0, length), 1);
        if (place < 0)
            return null;
        var (events, commit) = CountToCommit(data.AsSpan(place, length - place), at + place, out var end);
        if (commit is { } known)
            return (at + place, known.NextSequence - events);
        // No commit behind it: the end of the file is the next best place whose sequence is known.
        if (next is not null && at + place + end == file.EndByte && next.FirstByte == file.EndByte)
            return (at + place, next.FirstSequence - events);
        // Damaged again before the next commit: at least one was lost here, so this is a number no other has.
        return (at + place, sequence + 1);
    }

    /// <summary>Whether a commit record stands somewhere in the data: what is before it was committed.</summary>
    public static bool HasCommit(ReadOnlySpan<byte> data, long firstByte)
    {
        for (var place = FindRecord(data, 0); place >= 0; place = FindRecord(data, place + 1))
        {
            if (CountToCommit(data[place..], firstByte + place, out var end).Commit is not null)
                return true;
            place += Math.Max(0, end - 1);
        }
        return false;
    }

    private static int FindRecord(ReadOnlySpan<byte> data, int from)
    {
        while (from + EventCodec.HeaderLength <= data.Length)
        {
            // The version's byte is the cheapest thing to look for; most of what is skipped is zeros.
            var version = data[(from + 8)..].IndexOf(EventCodec.Version);
            if (version < 0)
                return -1;
            from += version;
            if (from + EventCodec.HeaderLength > data.Length)
                return -1;
            if (JournalFormat.WholeRecord(data[from..], out _) > 0)
                return from;
            from++;
        }
        return -1;
    }

    private static (ulong Events, CommitInfo? Commit) CountToCommit(ReadOnlySpan<byte> data, long firstByte, out int end)
    {
        var events = 0UL;
        end = 0;
        while (end < data.Length && JournalFormat.WholeRecord(data[end..], out _) is > 0 and var length)
        {
            var record = data.Slice(end, length);
            end += length;
            if (!JournalFormat.IsControl(record))
                events++;
            else if (JournalFormat.ReadCommit(record) is var commit && commit.EndByte == firstByte + end)
                return (events, commit);
        }
        return (events, null);
    }
}
