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

    private Readiness _readiness;
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
        _settled = new SettledRanges(sequence, journal.Bounds.SettledRanges);
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
    private bool IsTooFarAhead => _settled.IsFull && Interlocked.Read(ref _underWayEvents) > 0;

    public bool TryArm(int events)
    {
        lock (_journal.Gate)
        lock (_reading)
        {
            var end = End(_journal.EndSequence);
            var isTooFarAhead = IsTooFarAhead;
            if (!IsForgotten && !isTooFarAhead && end > _sequence && end - _sequence >= (ulong)events)
                return false;
            if (IsDetached)
                return true;
            if (end <= _sequence)
                BecomeReady(events == 1 ? Readiness.AtEnd : Readiness.Gathering, _sequence + (ulong)events);
            else if (isTooFarAhead || IsForgotten)
                BecomeReady(Readiness.Stalled, ulong.MaxValue);
            else
                BecomeReady(Readiness.Gathering, _sequence + (ulong)events);
            return true;
        }
    }

    /// <summary>Whether the lane waits for what was just appended; then it waits no more. Under the gate.</summary>
    public bool IsDue(ulong end)
    {
        if (end < _dueAt)
            return false;
        BecomeReady(Readiness.Reading, ulong.MaxValue);
        return true;
    }

    /// <summary>The first sequence number the lane still has to read. Only a lane at the end has none, and its place moves there. Under the gate.</summary>
    public ulong NeedsFrom(Segment tail, ulong end, long bytes)
    {
        if (IsDetached || _segment.IsBlock)
            return end;
        // A lane opened at the end of what is appended may be ahead of what can be read.
        if (_readiness != Readiness.AtEnd || end <= _sequence)
            return _sequence;
        lock (_reading)
        {
            // Woken for another reason than an event, its reader may have gone on: then it is not where it was said to be.
            if (_dueAt != _sequence + 1)
                return _sequence;
            AssertNothingUnread();
            MoveTo(tail, end, bytes);
            BecomeReady(Readiness.AtEnd, end + 1);
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
            _taken += events;
            Settled(_floor, _sequence);
            _floor = _sequence;
            Thaw(all: false);
        }
        if (events > 0)
        {
            CountDropped(reason, events, bytes);
            _journal.TellDropped(this, events, reason, awaited);
        }
        return events;
    }

    /// <summary>Passes what lies ahead and is not for this lane, so that it does not count as the lane's. Under the gate. Always true.</summary>
    public bool SkipUnwanted()
    {
        OldestInMemory();
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

    /// <summary>Every change of the readiness. Under the gate.</summary>
    private void BecomeReady(Readiness readiness, ulong dueAt) => (_readiness, _dueAt) = (readiness, dueAt);

    private ulong End(ulong end) => IsDetached ? Math.Min(_detachedAt, end) : end;

    /// <summary>What a lane's reader is doing. Only a lane at the end has nothing unread, so only such a lane's place may be moved by others.</summary>
    private enum Readiness : byte
    {
        /// <summary>There may be something to read: its reader looks, or has been woken to.</summary>
        Reading,

        /// <summary>It has read all there is, and waits for the next event.</summary>
        AtEnd,

        /// <summary>It waits for so many events; some of them may be there.</summary>
        Gathering,

        /// <summary>It reads nothing before something is settled, though there may be events; those must stay.</summary>
        Stalled,

        /// <summary>Nothing that comes is for it; what it had unread stays.</summary>
        Detached,
    }

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
