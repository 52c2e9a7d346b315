namespace EvBus.Journal;

// The chain of segments in memory: what is in it, and what may go. Under the gate.
internal sealed partial class SegmentJournal
{
    /// <summary>Gives back what nobody needs any more.</summary>
    private void Trim()
    {
        if (_spills)
        {
            TrimSpilling();
            return;
        }
        var (tail, end, bytes) = _store is null ? (_tail, _end, _bytes) : (_committed.Segment, _committed.Sequence, _committed.Bytes);
        var needed = end;
        foreach (var lane in _lanes)
            needed = Math.Min(needed, lane.NeedsFrom(tail, end, bytes));
        Segment? before = null;
        for (var segment = _oldest; segment != _tail && segment != tail && segment.EndSequence <= needed;)
        {
            var next = segment.Next!;
            if (segment.IsPinned && _store is null)
                before = segment;
            else
                Unlink(segment, before);
            segment = next;
        }
        Evict();
    }

    private void Unlink(Segment segment, Segment? before)
    {
        if (before is null)
            _oldest = segment.Next!;
        else
            before.Next = segment.Next;
        _residentBytes -= segment.Buffer.Length;
        if (_store is not null)
        {
            // What is on disk may leave memory under a lane's feet; batches under way keep the buffer until they are through.
            foreach (var lane in _lanes)
                lane.LetGoOf(segment);
            segment.IsLoose = true;
            if (segment.IsPinned)
                return;
        }
        _pool.Return(segment.Buffer);
    }

    private void CountHeld(SegmentLane lane)
    {
        foreach (var (record, _) in HeldFrom(OldestWhole()))
        {
            if (lane.Filter.Matches(record))
                lane.AddMatched(1, record.Length);
        }
    }

    /// <summary>Where the part without gaps begins: a batch under way may keep a segment when the ones behind it are gone.</summary>
    private Segment OldestWhole()
    {
        var oldest = _oldest;
        for (var segment = _oldest; segment.Next is { } next; segment = next)
        {
            if (segment.EndSequence != next.FirstSequence)
                oldest = next;
        }
        return oldest;
    }

    private static IEnumerable<(ReadOnlyMemory<byte> Record, ulong Sequence)> HeldFrom(Segment first)
    {
        for (Segment? segment = first; segment is not null; segment = segment.Next)
        {
            var sequence = segment.FirstSequence;
            for (var at = 0; at < segment.Written;)
            {
                var length = EventCodec.ReadLength(segment.Buffer.AsSpan(at));
                if (!JournalFormat.IsControl(segment.Buffer.AsSpan(at)))
                    yield return (segment.Buffer.AsMemory(at, length), sequence++);
                at += length;
            }
        }
    }
}
