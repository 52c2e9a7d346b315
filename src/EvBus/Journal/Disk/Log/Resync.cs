namespace EvBus.Journal;

/// <summary>
/// Finds the next whole record behind damage, and which one it is: commit records say where they stand and which sequence comes next, so
/// counting back from one gives every record before it its number. Reads through a window: a damaged part may be as large as a file.
/// </summary>
internal sealed class Resync
{
    private readonly FileWindow _window;
    private readonly long _shift;

    private Resync(FileWindow window, LogFile file) => (_window, _shift) = (window, JournalFormat.FileHeaderLength - file.FirstByte);

    /// <summary>The place of the next whole record behind <paramref name="at"/> in this file, with its sequence; null when there is none.</summary>
    /// <param name="file">The file.</param>
    /// <param name="at">Where the damage begins.</param>
    /// <param name="sequence">The sequence of the record that should be there.</param>
    /// <param name="next">The file behind this one, which knows the sequence at this one's end.</param>
    public static (long At, ulong Sequence)? Find(LogFile file, long at, ulong sequence, LogFile? next)
    {
        using var window = FileWindow.Of(file);
        return new Resync(window, file).Find(at, sequence, next is not null && next.FirstByte == file.EndByte ? next.FirstSequence : null);
    }

    /// <summary>Whether a commit record stands somewhere from a place on: what is before it was committed.</summary>
    public static bool HasCommit(FileWindow window, LogFile file, long at)
    {
        var resync = new Resync(window, file);
        for (var place = window.NextRecord(at + resync._shift, window.Length); place >= 0; place = window.NextRecord(place + 1, window.Length))
        {
            if (resync.CountToCommit(place, out var end).Commit is not null)
                return true;
            place = Math.Max(place, end - 1);
        }
        return false;
    }

    private (long At, ulong Sequence)? Find(long at, ulong sequence, ulong? atEnd)
    {
        var place = _window.NextRecord(at + _shift + 1, _window.Length);
        if (place < 0)
            return null;
        var (events, commit) = CountToCommit(place, out var end);
        if (commit is { } known)
            return (place - _shift, known.NextSequence - events);
        // No commit behind it: the end of the file is the next best place whose sequence is known.
        if (atEnd is { } next && end == _window.Length)
            return (place - _shift, next - events);
        // Damaged again before the next commit: by what is left of the lengths, of this part or else of the others.
        if (Estimate(at + _shift, place) is { } lost)
            return (place - _shift, sequence + lost);
        // Where that leads nowhere: at least one was lost here, so this is a number no other has.
        return (place - _shift, NumberByLater(place) ?? sequence + 1);
    }

    /// <summary>How many events stood in a damaged part, where the lengths in it still lead to its end; null where they do not.</summary>
    private ulong? Estimate(long from, long to)
    {
        var events = 0UL;
        while (to - from >= EventCodec.HeaderLength && _window.Read(from, EventCodec.HeaderLength) is { Length: EventCodec.HeaderLength } header)
        {
            var length = (uint)EventCodec.ReadLength(header);
            if (length < EventCodec.HeaderLength || length > to - from)
                return null;
            if (!JournalFormat.IsControl(header))
                events++;
            from += length;
        }
        return from == to ? events : null;
    }

    /// <summary>The sequence of the record at <paramref name="place"/>, counted back from a commit with more damage on the way; null when that damage cannot be counted.</summary>
    private ulong? NumberByLater(long place)
    {
        var events = 0UL;
        while (true)
        {
            var (more, commit) = CountToCommit(place, out var end);
            events += more;
            if (commit is { } known)
                return known.NextSequence - events;
            var next = _window.NextRecord(end + 1, _window.Length);
            if (next < 0 || Estimate(end, next) is not { } lost)
                return null;
            (events, place) = (events + lost, next);
        }
    }

    private (ulong Events, CommitInfo? Commit) CountToCommit(long place, out long end)
    {
        var events = 0UL;
        end = place;
        while (_window.RecordAt(end, _window.Length) is > 0 and var length)
        {
            var head = _window.Read(end, Math.Min(length, JournalFormat.CommitLength));
            end += length;
            if (!JournalFormat.IsControl(head))
                events++;
            else if (JournalFormat.ReadCommit(head) is var commit && commit.EndByte == end - _shift)
                return (events, commit);
        }
        return (events, null);
    }
}
