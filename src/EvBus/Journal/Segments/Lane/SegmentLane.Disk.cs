namespace EvBus.Journal;

// With a disk: a lane reads from memory what is there, else blocks from disk; and its cursor outlives the process.
internal sealed partial class SegmentLane
{
    private readonly Queue<(ulong Sequence, long Byte)> _places = new();
    private (ulong Sequence, long Byte) _place;
    private bool _sawDamage;
    private long _captured;

    /// <summary>Up to where the events of the log are counted; only until the journal commences.</summary>
    public ulong CountedSequence { get; set; }

    public long CountedByte { get; set; }

    /// <summary>The byte of the log at which it reads on.</summary>
    public long NextByte => Interlocked.Read(ref _byte);

    /// <summary>Whether it has no past: what was replayed for an earlier lane of its id is an event like any other to it.</summary>
    public bool IsFresh { get; private set; }

    /// <summary>Counts from a place on, and is the cursor of a lane that has nothing behind it there.</summary>
    public LaneCursor Begin(ulong sequence, long at)
    {
        (CountedSequence, CountedByte) = (sequence, at);
        IsFresh = true;
        return new LaneCursor
        {
            LaneId = Id, Rule = Filter.Rule, Pattern = Definition.Pattern, PlaceByte = at, PlaceSequence = sequence, Oldest = sequence,
            CountedByte = at, CountedSequence = sequence, Matched = 0, MatchedBytes = 0, Delivered = 0, Dead = 0, SettledBytes = 0,
        };
    }

    /// <summary>Takes over what an earlier life of the lane left. Under the gate, before anything is read.</summary>
    public void Restore(LaneCursor cursor, ulong end)
    {
        _settled.Settle(0, cursor.Oldest);
        _skipped.Add((0, cursor.Oldest, 0, 0));
        foreach (var (from, to) in cursor.Settled)
        {
            _settled.Settle(from, to);
            _skipped.Add((from, to, 0, 0));
        }
        if (cursor.OrphanedAt > 0 && cursor.OrphanedAt < end)
        {
            _settled.Settle(cursor.OrphanedAt, end);
            _skipped.Add((cursor.OrphanedAt, end, 0, 0));
        }
        OrphanedSince = cursor.OrphanedAt > 0 ? cursor.OrphanedSince : null;
        _floor = cursor.Oldest;
        _place = (cursor.PlaceSequence, cursor.PlaceByte);
        (_matched, _matchedBytes, _delivered, _dead, _settledBytes) = (cursor.Matched, cursor.MatchedBytes, cursor.Delivered, cursor.Dead, cursor.SettledBytes);
        foreach (var (reason, count) in cursor.Dropped)
            _dropped[reason] = count;
        _taken = _delivered + _dead + _dropped.Values.Sum();
        CountedSequence = cursor.OrphanedAt > 0 ? end : cursor.CountedSequence;
        CountedByte = cursor.CountedByte;
        _sawDamage = cursor.SawDamage;
        if (cursor.Rule == Filter.Rule || (cursor.Rule.Length > 0 && (cursor.OrphanedAt > 0 || Definition.IsOrphan)))
            return;
        // Other events are the lane's now, or nobody knows what of it got to disk: what it has queued is counted again.
        _matched = _delivered + _dead + _dropped.Values.Sum();
        _matchedBytes = _settledBytes;
        (CountedSequence, CountedByte) = (cursor.PlaceSequence, cursor.PlaceByte);
    }

    /// <summary>Since when nobody has asked for it; null when somebody does.</summary>
    public DateTimeOffset? OrphanedSince { get; set; }

    /// <summary>Its cursor at this moment. Under the gate.</summary>
    /// <param name="isClean">Whether all that is left is on disk, so that the counts are exact.</param>
    public LaneCursor Capture(bool isClean = false)
    {
        var (events, bytes) = _journal.CommittedFor(this);
        var committed = _journal.Committed;
        lock (_reading)
        {
            while (_places.Count > 0 && _places.Peek().Sequence <= _settled.Oldest)
                _place = _places.Dequeue();
            // With nothing under way it is where it reads on, as far as that is on disk.
            var isThrough = _settled.Oldest >= _floor && (_sequence <= committed.Sequence || _journal.IsSpilling);
            var (sequence, at) = isThrough ? (_sequence, _byte) : _place;
            // A lane may begin, or be attached again, behind what is on disk; the numbers there may be other events' after a crash.
            var last = _journal.IsSpilling ? ulong.MaxValue : committed.Sequence;
            if (sequence > last)
                (sequence, at) = (committed.Sequence, committed.Bytes);
            return new LaneCursor
            {
                LaneId = Id,
                Rule = IsReturning || (_journal.IsSpilling && !isClean) ? "" : Filter.Rule,
                Pattern = Definition.Pattern,
                Version = ++_captured,
                PlaceByte = at,
                PlaceSequence = sequence,
                Oldest = Math.Min(last, isThrough ? Math.Max(_sequence, _settled.Oldest) : _settled.Oldest),
                Settled = _settled.Copy(last),
                CountedByte = committed.Bytes,
                CountedSequence = committed.Sequence,
                Matched = _matched + events,
                MatchedBytes = _matchedBytes + bytes,
                Delivered = _delivered,
                Dead = _dead,
                SettledBytes = _settledBytes,
                Dropped = new Dictionary<string, long>(_dropped),
                OrphanedAt = IsOrphaned && !IsReturning ? _detachedAt : 0,
                OrphanedSince = OrphanedSince ?? default,
                SawDamage = _sawDamage,
            };
        }
    }

    /// <summary>The segment leaves memory; what it had is read from disk. Under the gate.</summary>
    public void LetGoOf(Segment segment)
    {
        lock (_reading)
        {
            if (_segment == segment)
                Take(new Segment([], _sequence, _byte, 0), 0);
        }
    }

    /// <summary>Memory has what is next: goes on in the segment that begins at or before it. Under the gate.</summary>
    public void ReturnTo(Segment segment)
    {
        lock (_reading)
        {
            if (_segment.IsBlock && _byte >= segment.FirstByte && _byte - segment.FirstByte <= segment.Written)
                Take(segment, (int)(_byte - segment.FirstByte));
        }
    }

    private void RememberPlace((ulong Sequence, long Byte) place)
    {
        if (_journal.HasCommits)
            _places.Enqueue(place);
    }

    /// <summary>The next block from disk. Under the read lock.</summary>
    private bool TryReadBlock()
    {
        var committed = _journal.Committed;
        if (_byte >= committed.Bytes || !_journal.IsStoreOpen)
            return false;
        var block = _journal.ReadBlock(_byte, _sequence, committed.Bytes);
        if (block is null || block.FirstSequence != _sequence)
            _sawDamage = true;
        // All that is left is damaged: what comes next is behind it.
        block ??= new Segment([], committed.Sequence, committed.Bytes, 0);
        Take(block, 0);
        _byte = block.FirstByte;
        _sequence = block.FirstSequence;
        return block.Readable > 0;
    }

    private void Take(Segment segment, int offset)
    {
        var before = _segment;
        (_segment, _offset) = (segment, offset);
        if (before.IsBlock && before.Unpin())
            _journal.ReturnBlock(before);
    }

    /// <summary>What damage took can only be known when everything else is through: then it is what is left. Under the gate.</summary>
    private void DropDamaged(long routedEvents, long routedBytes)
    {
        if (!_sawDamage || _sequence < _journal.AppendedEnd || _underWayEvents > 0)
            return;
        var (events, bytes) = Queued(routedEvents, routedBytes);
        if (events > 0)
        {
            CountGivenUp(DropReasons.Damaged, events, bytes);
            _journal.TellLost(this, _sequence, DropReasons.Damaged);
        }
        lock (_reading)
        {
            _settled.Settle(_floor, _sequence);
            _floor = _sequence;
        }
        _sawDamage = false;
    }
}
