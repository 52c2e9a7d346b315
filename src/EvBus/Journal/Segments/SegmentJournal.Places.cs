using System.Globalization;

namespace EvBus.Journal;

// Finding a place in the log, by number or time, on disk or in memory.
internal sealed partial class SegmentJournal
{
    private (ulong Sequence, long Byte) Find(LanePlace to, Place end)
    {
        if (to.IsNow)
            return (end.Sequence, end.Bytes);
        var first = First(end);
        if (to.IsOldest)
            return first;
        if (to.Position is { } position && position.Offset >= end.Sequence)
        {
            return position.Offset == end.Sequence ? (end.Sequence, end.Bytes)
                : throw new EvBusException(string.Create(CultureInfo.InvariantCulture, $"The journal ends before position {position}. Choose one of this journal, or LanePlace.Now, its end."));
        }
        var start = _store is null ? first : FileFor(to, first);
        DateTimeOffset? oldest = null;
        foreach (var (record, sequence, at) in Records(start.Sequence, start.Byte, end.Bytes))
        {
            var accepted = EventCodec.ReadAccepted(record.Span);
            if (sequence == first.Sequence)
                oldest = accepted;
            if (to.Position is { } wanted ? sequence < wanted.Offset : accepted < to.Time)
                continue;
            // Whether there was something between that place and the oldest event cannot be known, unless nothing was ever deleted.
            if (sequence == first.Sequence && first.Sequence > 0 && (to.Position is { } past ? past.Offset < sequence : accepted > to.Time))
                throw Refused(to, oldest);
            return (sequence, at);
        }
        if (to.Position is not null && first.Sequence == end.Sequence)
            throw Refused(to, null);
        return (end.Sequence, end.Bytes);
    }

    private (ulong Sequence, long Byte) First(Place end)
    {
        if (_store is null)
            return OldestWhole() is var oldest ? (oldest.FirstSequence, oldest.FirstByte) : default;
        return _store.Log.Files is [var file, ..] ? (file.FirstSequence, file.FirstByte) : (end.Sequence, end.Bytes);
    }

    /// <summary>The last file that surely begins before the place: so only one or two are read.</summary>
    private (ulong Sequence, long Byte) FileFor(LanePlace to, (ulong Sequence, long Byte) first)
    {
        var files = _store!.Log.Files;
        for (var i = files.Count - 1; i >= 0; i--)
        {
            // Events of a group may be a little older than the file that was made for it.
            if (to.Position is { } position ? files[i].FirstSequence <= position.Offset : files[i].Made is { } made && made <= to.Time && i > 0 && files[i - 1].Made <= to.Time)
                return to.Position is not null || i == 0 ? (files[i].FirstSequence, files[i].FirstByte) : (files[i - 1].FirstSequence, files[i - 1].FirstByte);
        }
        return first;
    }

    private static EvBusException Refused(LanePlace to, DateTimeOffset? oldest) => new(oldest is { } time
        ? string.Create(CultureInfo.InvariantCulture, $"The journal does not keep {to} any more: its oldest event was accepted at {time:O}. LanePlace.Oldest goes there; JournalOptions.Retain keeps more.")
        : $"The journal does not keep {to} any more, nor any event: every lane is through with all of them. JournalOptions.Retain keeps some.");

    /// <summary>The records from a place on, with number and byte. In memory only under the gate.</summary>
    private IEnumerable<(ReadOnlyMemory<byte> Record, ulong Sequence, long Byte)> Records(ulong sequence, long at, long end)
    {
        if (_store is null)
        {
            foreach (var (record, number) in HeldFrom(SegmentFor(sequence)))
            {
                if (number >= sequence)
                    yield return (record, number, 0);
            }
            yield break;
        }
        while (_store.Log.ReadBlock(at, sequence, end) is { } block)
        {
            sequence = block.FirstSequence;
            for (var offset = 0; offset < block.Readable;)
            {
                var length = EventCodec.ReadLength(block.Buffer.AsSpan(offset));
                if (!JournalFormat.IsControl(block.Buffer.AsSpan(offset)))
                    yield return (block.Buffer.AsMemory(offset, length), sequence++, block.FirstByte + offset);
                offset += length;
            }
            at = block.FirstByte + block.Readable;
            ReturnBlock(block);
        }
    }

    private Segment SegmentFor(ulong sequence)
    {
        // Not from the oldest whole one: what waits for another try may be before a gap.
        var segment = _oldest;
        while (segment.Next is { } next && next.FirstSequence <= sequence)
            segment = next;
        return segment;
    }

    /// <summary>Where a lane reads on from a place. Under the gate.</summary>
    private Segment SegmentAt((ulong Sequence, long Byte) place, out int offset)
    {
        offset = 0;
        if (_store is not null)
            return BlockAt(place.Sequence, place.Byte);
        var segment = SegmentFor(place.Sequence);
        for (var sequence = segment.FirstSequence; sequence < place.Sequence && offset < segment.Written; sequence++)
            offset += EventCodec.ReadLength(segment.Buffer.AsSpan(offset));
        return segment;
    }
}
