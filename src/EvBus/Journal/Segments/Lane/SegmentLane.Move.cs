namespace EvBus.Journal;

// Going to another place. Only when the lane above holds still: nothing is under way, nobody reads.
internal sealed partial class SegmentLane
{
    public long Move(LanePlace to, bool isSkip) => _journal.Move(this, to, isSkip);

    /// <summary>How many delivered events a rewind has made queued again, in this run.</summary>
    private long _rewound;

    public void GiveBack(EventBatch batch)
    {
        lock (_reading)
        {
            _taken -= batch.Count;
            Interlocked.Add(ref _underWayEvents, -batch.Count);
            Interlocked.Add(ref _underWayBytes, -Sum(batch.Slots));
        }
    }

    /// <summary>What it is through with at this moment, and where the rest begins. Under the gate.</summary>
    public LaneStand Stand()
    {
        lock (_reading)
        {
            // At the end, the journal would move its place by itself.
            if (!IsDetached)
                BecomeReady(Readiness.Reading, ulong.MaxValue);
            while (_places.Count > 0 && _places.Peek().Sequence <= _settled.Oldest)
                _place = _places.Dequeue();
            var isThrough = _settled.Oldest >= _floor && _sequence <= _journal.EndSequence;
            var oldest = isThrough ? Math.Max(_sequence, _settled.Oldest) : _settled.Oldest;
            var place = isThrough ? (_sequence, _byte) : _journal.HasCommits ? _place : (_settled.Oldest, 0L);
            return new LaneStand(oldest, _sequence, place, _settled.CopyAll());
        }
    }

    /// <summary>Why it cannot be moved; null when it can. Under the gate.</summary>
    public string? Immovable =>
        IsForgotten ? $"Lane '{Id}' is removed."
        : IsOrphaned ? $"Lane '{Id}' is an orphan, so it cannot be moved. Give it back its profile first."
        : IsDetached ? $"Lane '{Id}' is detached, so it cannot be moved. Resume it first." : null;

    /// <summary>Whether nothing has changed since. Under the gate.</summary>
    public bool IsAt(LaneStand stand)
    {
        lock (_reading)
            return _sequence == stand.Next && stand.Settled.SequenceEqual(_settled.CopyAll()) && (_settled.Oldest == stand.Oldest || stand.Oldest == _sequence);
    }

    /// <summary>Reads on from what is not settled: what was given back comes again. Under the gate.</summary>
    public void TakeUpAgain(Segment segment, int offset, (ulong Sequence, long Byte) place)
    {
        lock (_reading)
            Place(segment, offset, place, _settled.Oldest, keepsAhead: true);
    }

    /// <summary>Goes there, and counts what that moves, which was looked for up to <paramref name="end"/>. Under the gate.</summary>
    public void MoveTo(Segment segment, int offset, (ulong Sequence, long Byte) place, ulong end, in MoveCount count, bool isSkip)
    {
        lock (_reading)
        {
            if (isSkip)
                _settled.Settle(0, place.Sequence);
            else
                Unsettle(place.Sequence, end);
            Place(segment, offset, place, place.Sequence, isSkip);
        }
        if (isSkip)
        {
            CountGivenUp(DropReasons.Skipped, count.Events, count.Bytes);
            _journal.TellDropped(this, count.Events, DropReasons.Skipped, count.Awaited);
            return;
        }
        // What was given up, or was never counted for it, is matched anew.
        var undone = Math.Min(count.Events, _delivered);
        _delivered -= undone;
        _rewound += undone;
        lock (_reading)
            _taken -= undone;
        _matched += count.Events - undone;
        _settledBytes -= count.Bytes;
    }

    /// <summary>Is through with nothing from here on, but for what is beyond the end.</summary>
    private void Unsettle(ulong from, ulong end)
    {
        var beyond = _settled.CopyAll();
        _settled.Reset(from);
        foreach (var range in beyond)
            _settled.Settle(Math.Max(range.From, end), range.To);
    }

    private void Place(Segment segment, int offset, (ulong Sequence, long Byte) place, ulong oldest, bool keepsAhead)
    {
        var ahead = keepsAhead ? _skipped.Where(range => range.From >= _sequence).ToArray() : [];
        Take(segment, offset);
        _byte = segment.IsBlock ? place.Byte : segment.FirstByte + offset;
        _sequence = place.Sequence;
        _floor = oldest;
        _places.Clear();
        _place = (place.Sequence, _byte);
        _skipped.Clear();
        if (oldest > place.Sequence)
            _skipped.Add((0, oldest, 0, 0));
        _skipped.AddRange(_settled.CopyAll().Select(static range => (range.From, range.To, 0L, 0L)));
        _skipped.AddRange(ahead.Where(range => _skipped.Count == 0 || range.From >= _skipped[^1].To));
    }
}

/// <summary>Where a lane stands: what it is through with, up to where it has read, and a place from which nothing is missed.</summary>
internal sealed record LaneStand(ulong Oldest, ulong Next, (ulong Sequence, long Byte) Place, IReadOnlyList<(ulong From, ulong To)> Settled)
{
    public bool IsSettled(ulong sequence) => sequence < Oldest || Settled.Any(range => sequence >= range.From && sequence < range.To);
}
