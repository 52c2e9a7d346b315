using System.Runtime.InteropServices;

namespace EvBus.Journal;

/// <summary>
/// One lane's cursor in a <see cref="SegmentJournal"/>: where it reads, what is under way, what became of the rest.
/// Invariants: matched = delivered + dead + dropped + (unread and matching) + under way. The read place moves under <c>_reading</c>;
/// counts move under the journal's gate; the gate is taken first.
/// </summary>
internal sealed partial class SegmentLane : IJournalLane
{
    private readonly SegmentJournal _journal;
    private readonly Lock _reading = new();
    private readonly SettledRanges _settled;
    private readonly Stack<Lease> _leases = new();

    private Segment _segment;
    private int _offset;
    private ulong _sequence;
    private long _byte;
    private ulong _floor;

    private ulong _dueAt = ulong.MaxValue;

    public SegmentLane(SegmentJournal journal, JournalLaneDefinition definition, IJournalObserver observer, Segment segment, int offset, ulong sequence, long firstByte)
    {
        _journal = journal;
        Definition = definition;
        Observer = observer;
        _segment = segment;
        _offset = offset;
        _sequence = sequence;
        _floor = sequence;
        _byte = firstByte;
        _place = (sequence, firstByte);
        _settled = new SettledRanges(sequence);
    }

    public JournalLaneDefinition Definition { get; }

    public IJournalObserver Observer { get; }

    public string Id => Definition.Id;

    public LaneFilter Filter => Definition.Filter;

    public LaneOptions Options => Definition.Options;

    public bool HasLimit => Options.LimitEvents is not null || Options.LimitBytes is not null || Options.LimitAge is not null;

    public long Ahead
    {
        get
        {
            lock (_journal.Gate)
                return Math.Max(0, (long)(End(_journal.EndSequence) - _sequence));
        }
    }

    public long UnreadHint => _segment.Next is null && !_segment.IsBlock ? _segment.Readable - _offset : long.MaxValue;

    // With nothing under way it reads at its cursor, not ahead of it: so many gaps, where it was an orphan or detached, must not stop it for ever.
    private bool IsTooFarAhead => _settled.Count >= SettledRanges.Limit && Interlocked.Read(ref _underWayEvents) > 0;

    public bool TryArm(int events)
    {
        lock (_journal.Gate)
        lock (_reading)
        {
            var end = End(_journal.EndSequence);
            if (!IsForgotten && !IsTooFarAhead && end > _sequence && end - _sequence >= (ulong)events)
                return false;
            // While it is detached nothing that comes is for it; with a mark it would count as waiting at the end, and what it has queued that is
            // not committed yet would be passed over.
            _dueAt = IsDetached ? ulong.MaxValue : _sequence + (ulong)events;
            return true;
        }
    }

    /// <summary>Whether the lane waits for what was just appended; then it waits no more. Under the gate.</summary>
    public bool IsDue(ulong end)
    {
        if (end < _dueAt || IsDetached)
            return false;
        _dueAt = ulong.MaxValue;
        return true;
    }

    /// <summary>The first sequence number the lane still has to read. A lane that waits for the next event has none: its place moves to the end. Under the gate.</summary>
    public ulong NeedsFrom(Segment tail, ulong end, long bytes)
    {
        if (IsDetached || _segment.IsBlock)
            return end;
        // A lane opened at the end of what is appended may be ahead of what can be read.
        if (_dueAt == ulong.MaxValue || _dueAt != _sequence + 1 || end <= _sequence)
            return _sequence;
        lock (_reading)
        {
            // Woken for another reason, it may have begun to look.
            if (_dueAt != _sequence + 1)
                return _sequence;
            MoveTo(tail, end, bytes);
            _dueAt = end + 1;
        }
        return end;
    }

    /// <summary>In mode spill: the first sequence number that has to stay in memory for this lane, also for what is under way. Under the gate.</summary>
    public ulong NeedsInMemory(Segment tail, ulong end, long bytes)
    {
        if (!_segment.IsBlock)
            NeedsFrom(tail, end, bytes);
        lock (_reading)
        {
            // With nothing under way it is through with all before its place.
            var from = _settled.Oldest >= _floor ? _sequence : Math.Min(_sequence, _settled.Oldest);
            return from >= End(end) ? end : Math.Max(from, _journal.MemoryOnlyFrom);
        }
    }

    public long HeldEvents(ulong end)
    {
        // With the reader held: between its place and what is under way, a batch would be counted in neither.
        lock (_reading)
            return _underWayEvents + (long)(End(end) - _sequence) - SkippedAhead(_sequence, 0).Events;
    }

    public long HeldBytes(long bytes)
    {
        lock (_reading)
            return _underWayBytes + (IsDetached ? _detachedByte : bytes) - _byte - SkippedAhead(_sequence, _byte).Bytes;
    }

    /// <summary>Gives back what was kept for it while it was detached. Under the gate.</summary>
    public void Release()
    {
        lock (_reading)
            Thaw(all: true);
    }

    /// <summary>Drops from the oldest unread event on, at most so many events and bytes. Under the gate. Returns how many.</summary>
    public long DropUnread(long maxEvents, long? maxBytes, string reason)
    {
        var (events, bytes) = (0L, 0L);
        List<Position>? awaited = null;
        lock (_reading)
        {
            var end = IsDetached ? _detachedAt : ulong.MaxValue;
            while (events < maxEvents && (maxBytes is null || bytes < maxBytes) && TryNextReadable(end, out var at, out var length))
            {
                if (!IsSkipped(_sequence) && Wants(_segment, at, length))
                {
                    events++;
                    bytes += length;
                    if ((EventCodec.ReadFlags(_segment.Buffer.AsSpan(at)) & EventCodec.RecordFlags.Awaited) != 0)
                        (awaited ??= []).Add(new Position(_journal.Epoch, _sequence));
                }
                Pass(at, length);
            }
            Settled(_floor, _sequence);
            _floor = _sequence;
            Thaw(all: false);
        }
        if (events > 0)
        {
            CountDropped(reason, events, bytes);
            Observer.OnDropped(events, reason, CollectionsMarshal.AsSpan(awaited));
        }
        return events;
    }

    /// <summary>Hands the oldest unread events to the lane as dead letters. Under the gate. Returns how many.</summary>
    public long DeadLetterUnread(int maxEvents, string reason)
    {
        var batch = new EventBatch();
        try
        {
            if (!TryRead(batch, maxEvents, long.MaxValue))
                return 0;
        }
        catch (LogReadException)
        {
            // The lane's reader meets it as well and says it; until then there is nothing to take.
            return 0;
        }
        var count = batch.Count;
        // A limit is a limit: what cannot be kept as a dead letter is dropped, and said.
        var isKept = Observer.OnDeadLettered(batch, reason);
        CountSettled(batch, 0, count, isKept ? LaneOutcome.Dead : LaneOutcome.Dropped, reason);
        batch.Abandon();
        foreach (var segment in ((Lease)batch.Lease!).TakeSegments())
            segment.Unpin();
        return count;
    }

    /// <summary>Whether the oldest unread event of this lane was accepted before <paramref name="cutoff"/>. Under the gate.</summary>
    public bool OldestUnread(DateTimeOffset cutoff) => OldestUnreadTime() is { } oldest && oldest < cutoff;

    /// <summary>Passes what lies ahead and is not for this lane, so that it does not count as the lane's. Under the gate. Always true.</summary>
    public bool SkipUnwanted()
    {
        OldestUnreadTime();
        return true;
    }

    private void MoveTo(Segment tail, ulong end, long bytes)
    {
        Settled(_floor, end);
        _segment = tail;
        _offset = tail.Readable;
        _sequence = _floor = end;
        _byte = bytes;
    }

    private ulong End(ulong end) => IsDetached ? Math.Min(_detachedAt, end) : end;

    /// <summary>The segments behind one read. Given back in one go, when the last batch made from it is closed.</summary>
    private sealed class Lease(SegmentLane lane) : BatchLease
    {
        private readonly List<Segment> _segments = [];

        public void Pin(Segment segment)
        {
            if (_segments.Count > 0 && _segments[^1] == segment)
                return;
            segment.Pin();
            _segments.Add(segment);
        }

        public List<Segment> TakeSegments() => _segments;

        protected override void OnReleased()
        {
            lane._journal.Release(CollectionsMarshal.AsSpan(_segments));
            _segments.Clear();
            lock (lane._reading)
                lane._leases.Push(this);
        }
    }
}
