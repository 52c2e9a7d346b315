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
        var place = FindRecord(data.AsSpan(0, length), 1, file.Mark);
        if (place < 0)
            return null;
        var (events, commit) = CountToCommit(data.AsSpan(place, length - place), at + place, file.Mark, out var end);
        if (commit is { } known)
            return (at + place, known.NextSequence - events);
        // No commit behind it: the end of the file is the next best place whose sequence is known.
        if (next is not null && at + place + end == file.EndByte && next.FirstByte == file.EndByte)
            return (at + place, next.FirstSequence - events);
        // Damaged again before the next commit: by what is left of the lengths, of this part or else of the others.
        if (Estimate(data.AsSpan(0, place)) is { } lost)
            return (at + place, sequence + lost);
        // Where that leads nowhere: at least one was lost here, so this is a number no other has.
        return (at + place, NumberByLater(data.AsSpan(0, length), place, at, file.Mark) ?? sequence + 1);
    }

    /// <summary>How many events stood in a damaged part, where the lengths in it still lead to its end; null where they do not.</summary>
    private static ulong? Estimate(ReadOnlySpan<byte> gap)
    {
        var events = 0UL;
        while (gap.Length >= EventCodec.HeaderLength)
        {
            var length = (uint)EventCodec.ReadLength(gap);
            if (length < EventCodec.HeaderLength || length > gap.Length)
                return null;
            if (!JournalFormat.IsControl(gap))
                events++;
            gap = gap[(int)length..];
        }
        return gap.Length == 0 ? events : null;
    }

    /// <summary>The sequence of the record at <paramref name="place"/>, counted back from a commit with more damage on the way; null when that damage cannot be counted.</summary>
    private static ulong? NumberByLater(ReadOnlySpan<byte> data, int place, long firstByte, uint mark)
    {
        var (events, from) = (0UL, place);
        while (true)
        {
            var (more, commit) = CountToCommit(data[from..], firstByte + from, mark, out var end);
            events += more;
            if (commit is { } known)
                return known.NextSequence - events;
            var next = FindRecord(data, from + end + 1, mark);
            if (next < 0 || Estimate(data[(from + end)..next]) is not { } lost)
                return null;
            (events, from) = (events + lost, next);
        }
    }

    /// <summary>Whether a commit record stands somewhere in the data: what is before it was committed.</summary>
    public static bool HasCommit(ReadOnlySpan<byte> data, long firstByte, uint mark)
    {
        for (var place = FindRecord(data, 0, mark); place >= 0; place = FindRecord(data, place + 1, mark))
        {
            if (CountToCommit(data[place..], firstByte + place, mark, out var end).Commit is not null)
                return true;
            place += Math.Max(0, end - 1);
        }
        return false;
    }

    /// <summary>Behind the last whole record; 0 when there is none.</summary>
    public static int EndOfRecords(ReadOnlySpan<byte> data, uint mark)
    {
        var end = 0;
        for (var place = FindRecord(data, 0, mark); place >= 0; place = FindRecord(data, end, mark))
            end = place + JournalFormat.WholeRecord(data[place..], mark, out _);
        return end;
    }

    private static int FindRecord(ReadOnlySpan<byte> data, int from, uint mark)
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
            if (JournalFormat.WholeRecord(data[from..], mark, out _) > 0)
                return from;
            from++;
        }
        return -1;
    }

    private static (ulong Events, CommitInfo? Commit) CountToCommit(ReadOnlySpan<byte> data, long firstByte, uint mark, out int end)
    {
        var events = 0UL;
        end = 0;
        while (end < data.Length && JournalFormat.WholeRecord(data[end..], mark, out _) is > 0 and var length)
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
