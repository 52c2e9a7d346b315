using System.Diagnostics;

namespace EvBus.Journal;

// The lane's part of the ledger. All under the journal's gate, so that every answer is of one instant.
internal sealed partial class SegmentLane
{
    private readonly Dictionary<string, long> _dropped = new(StringComparer.Ordinal);
    private readonly List<(ulong From, ulong To, long FromByte, long ToByte)> _skipped = [];
    private readonly List<Segment> _frozen = [];
    /// <summary>How many matching events were read or given up unread; what is matched beyond them is unread. Under the read lock.</summary>
    private long _taken;
    private long _underWayEvents;
    private long _underWayBytes;
    private long _matched;
    private long _matchedBytes;
    private long _delivered;
    private long _dead;
    private long _replayed;
    private long _settledBytes;
    private ulong _detachedAt;
    private long _detachedByte;
    private long _matchedWhenDetached;
    private long _matchedBytesWhenDetached;

    public bool IsFlowing { get; set; } = true;

    public bool IsForgotten { get; set; }

    public bool IsDetached => _readiness == Readiness.Detached;

    /// <summary>Detached because nothing is for it any more: it is on no route, so nothing counts as missed either.</summary>
    public bool IsOrphaned { get; set; }

    /// <summary>An orphan about to be adopted; its cursor says already that it is in use, and that what is for it has to be counted again.</summary>
    public bool IsReturning { get; set; }

    public void AddMatched(long events, long bytes)
    {
        _matched += events;
        _matchedBytes += bytes;
    }

    /// <summary>A dead letter is queued again: the same event, so nothing is matched anew.</summary>
    public void CountReplayed(int bytes)
    {
        _dead--;
        _replayed++;
        _matchedBytes += bytes;
        lock (_reading)
            _taken--;
    }

    public void CountSettled(EventBatch batch, int from, int count, LaneOutcome outcome, string? reason)
    {
        var slots = batch.Slots.Slice(from, count);
        var bytes = 0L;
        if (batch.IsContiguous)
        {
            Settled(slots[0].Floor, slots[^1].Sequence + 1);
            bytes = count == batch.Count ? batch.Bytes : Sum(slots);
        }
        else
        {
            foreach (ref readonly var slot in slots)
                Settled(slot.Floor, slot.Sequence + 1);
            bytes = Sum(slots);
        }
        Interlocked.Add(ref _underWayEvents, -count);
        Interlocked.Add(ref _underWayBytes, -bytes);
        switch (outcome)
        {
            case LaneOutcome.Delivered:
                _delivered += count;
                _settledBytes += bytes;
                break;
            case LaneOutcome.Dead:
                _dead += count;
                _settledBytes += bytes;
                break;
            default:
                CountDropped(reason!, count, bytes);
                break;
        }
    }

    public (long Events, long Bytes) Queued(long routedEvents, long routedBytes)
    {
        if (IsDetached)
            (routedEvents, routedBytes) = (_matchedWhenDetached - _matched, _matchedBytesWhenDetached - _matchedBytes);
        lock (_reading)
        {
            AssertBalanced();
            return (_matched + routedEvents - _taken + _underWayEvents, _matchedBytes + routedBytes - _settledBytes);
        }
    }

    /// <summary>What was taken is under way or has come to its end.</summary>
    [Conditional("DEBUG")]
    private void AssertBalanced() => Debug.Assert(
        _taken == _underWayEvents + _delivered + _dead + _dropped.Values.Sum(),
        $"lane {Id}: taken {_taken}, under way {_underWayEvents}, delivered {_delivered}, dead {_dead}, dropped {_dropped.Values.Sum()}");

    /// <summary>A lane at the end has nothing unread; what damage took is known later.</summary>
    [Conditional("DEBUG")]
    private void AssertNothingUnread() => Debug.Assert(
        _sawDamage || _matched + _journal.CommittedFor(this).Events == _taken,
        $"lane {Id} is said to be at the end, but has {_matched + _journal.CommittedFor(this).Events - _taken} events unread");

    /// <summary>What is queued, once what damage took is known to be gone.</summary>
    public (long Events, long Bytes) QueuedStill(long routedEvents, long routedBytes)
    {
        if (_sawDamage)
            DropDamaged(routedEvents, routedBytes);
        return Queued(routedEvents, routedBytes);
    }

    public LaneMeasure Measure(long routedEvents, long routedBytes)
    {
        var (events, bytes) = QueuedStill(routedEvents, routedBytes);
        var dropped = new Dictionary<string, long>(_dropped);
        if (IsDetached && _matched + routedEvents - _matchedWhenDetached is > 0 and var missed)
            dropped[DropReasons.Detached] = dropped.GetValueOrDefault(DropReasons.Detached) + missed;
        return new LaneMeasure(_matched + routedEvents, _delivered, _dead, dropped, events, bytes, null, new Position(_journal.Epoch, _settled.Oldest), _rewound, _replayed);
    }

    public void MarkDetached(Segment tail, ulong end, long bytes, long routedEvents, long routedBytes)
    {
        lock (_reading)
        {
            BecomeReady(Readiness.Detached, ulong.MaxValue);
            _detachedAt = end;
            _detachedByte = bytes;
            for (var segment = _segment; segment is not null; segment = segment.Next)
            {
                segment.Pin();
                _frozen.Add(segment);
            }
        }
        _matchedWhenDetached = _matched + routedEvents;
        _matchedBytesWhenDetached = _matchedBytes + routedBytes;
    }

    public void MarkAttached(Segment tail, ulong end, long bytes, long routedEvents, long routedBytes)
    {
        if (_matched + routedEvents - _matchedWhenDetached is > 0 and var missed)
            CountGivenUp(DropReasons.Detached, missed, _matchedBytes + routedBytes - _matchedBytesWhenDetached);
        lock (_reading)
        {
            BecomeReady(Readiness.Reading, ulong.MaxValue);
            _skipped.RemoveAll(range => range.To <= _sequence);
            if (_detachedAt < end)
            {
                _skipped.Add((_detachedAt, end, _detachedByte, bytes));
                // So that the cursor knows it too.
                _settled.Settle(_detachedAt, end);
            }
            Thaw(all: true);
        }
    }

    /// <summary>Lets go of the segments kept for a detached lane that it has read past, or of all. Under the read lock.</summary>
    private void Thaw(bool all)
    {
        while (_frozen.Count > 0 && (all || _frozen[0] != _segment))
        {
            _frozen[0].Unpin();
            _frozen.RemoveAt(0);
        }
    }

    /// <summary>What lies ahead of a place and was never for this lane, because it was detached meanwhile.</summary>
    private (long Events, long Bytes) SkippedAhead(ulong sequence, long at)
    {
        var (events, bytes) = (0L, 0L);
        foreach (var (from, to, fromByte, toByte) in _skipped)
        {
            if (to > sequence)
                (events, bytes) = (events + (long)(to - Math.Max(from, sequence)), bytes + toByte - Math.Max(fromByte, Math.Min(at, toByte)));
        }
        return (events, bytes);
    }

    private void ForgetSkipped()
    {
        var passed = 0;
        while (passed < _skipped.Count && _skipped[passed].To <= _sequence)
            passed++;
        if (passed > 0)
            _skipped.RemoveRange(0, passed);
    }

    /// <summary>Whether the lane is through with it, or it never was for it.</summary>
    public bool IsSkipped(ulong sequence)
    {
        // In order, and those that are passed go: mostly the first one decides.
        foreach (var (from, to, _, _) in _skipped)
        {
            if (sequence < from)
                return false;
            if (sequence < to)
                return true;
        }
        return false;
    }

    /// <summary>The same for events that nobody has read.</summary>
    private void CountGivenUp(string reason, long events, long bytes)
    {
        lock (_reading)
            _taken += events;
        CountDropped(reason, events, bytes);
    }

    private void CountDropped(string reason, long events, long bytes)
    {
        _dropped[reason] = _dropped.GetValueOrDefault(reason) + events;
        _settledBytes += bytes;
    }

    // Readers look at the number of ranges under their own lock.
    private void Settled(ulong from, ulong to)
    {
        lock (_reading)
            _settled.Settle(from, to);
    }

    private static long Sum(ReadOnlySpan<RecordSlot> slots)
    {
        var bytes = 0L;
        foreach (ref readonly var slot in slots)
            bytes += slot.Length;
        return bytes;
    }
}
