namespace EvBus.Journal;

// Reading: the place moves under the read lock, over segments in memory and blocks from disk alike.
internal sealed partial class SegmentLane
{
    private bool _staysInMemory;

    public bool TryRead(EventBatch batch, int maxEvents, long maxBytes)
    {
        if (!_segment.IsBlock)
            return TryReadOn(batch, maxEvents, maxBytes);
        _journal.ReturnToMemory(this);
        if (TryReadOn(batch, maxEvents, maxBytes))
            return true;
        // In mode spill the rest, behind what is on disk, may be in memory.
        if (!_segment.IsBlock || !_journal.IsSpilling)
            return false;
        _journal.ReturnToMemory(this);
        return !_segment.IsBlock && TryReadOn(batch, maxEvents, maxBytes);
    }

    private bool TryReadOn(EventBatch batch, int maxEvents, long maxBytes, bool mayGoFurther = false)
    {
        lock (_reading)
        {
            // The cursor can remember so many ranges beyond itself; more would have to be sent again after a crash.
            if (IsForgotten || (IsTooFarAhead && !mayGoFurther))
                return false;
            var lease = _leases.TryPop(out var used) ? used : new Lease(this);
            var end = IsDetached ? _detachedAt : ulong.MaxValue;
            var place = (_sequence, _byte);
            ForgetSkipped();
            try
            {
                while (Fill(batch, lease, maxEvents, maxBytes, end) && TryNext(end, out _, out _))
                {
                    // As long as there is room in the batch and something behind the segment.
                }
            }
            catch (LogReadException) when (batch.Count > 0)
            {
                // What comes before that place is read; the next read meets it again.
            }
            catch (LogReadException)
            {
                IsUnreadable = true;
                _leases.Push(lease);
                throw;
            }
            if (batch.Count == 0)
            {
                _leases.Push(lease);
                return false;
            }
            IsUnreadable = false;
            batch.IsContiguous = true;
            RememberPlace(place);
            _taken += batch.Count;
            Interlocked.Add(ref _underWayEvents, batch.Count);
            Interlocked.Add(ref _underWayBytes, batch.Bytes);
            return true;
        }
    }

    /// <summary>
    /// Takes what the current segment has. Works on locals: the appender looks at this object for each event, and a write to it for each
    /// would take the cache line from under it. True when the batch has room for more.
    /// </summary>
    private bool Fill(EventBatch batch, Lease lease, int maxEvents, long maxBytes, ulong end)
    {
        var (segment, offset, sequence, floor) = (_segment, _offset, _sequence, _floor);
        var readable = segment.Readable;
        var room = true;
        // The positions of a batch are of one epoch; no segment or block has two.
        if (batch.Count > 0 && batch.Epoch != _journal.EpochOf(sequence))
            return false;
        while (offset < readable && sequence < end)
        {
            var length = EventCodec.ReadLength(segment.Buffer.AsSpan(offset));
            if (_journal.HasCommits && JournalFormat.IsControl(segment.Buffer.AsSpan(offset)))
            {
                offset += length;
                continue;
            }
            if (!IsSkipped(sequence) && Wants(segment, offset, length))
            {
                room = batch.Count < maxEvents && (batch.Count == 0 || batch.Bytes + length <= maxBytes);
                if (!room)
                    break;
                if (batch.Count == 0)
                    batch.Open(lease, _journal.DefaultSource, _journal.DefaultType, _journal.EpochOf(sequence));
                lease.Pin(segment);
                batch.Add(new RecordSlot(segment.Buffer, offset, length, sequence, floor));
                floor = sequence + 1;
            }
            offset += length;
            sequence++;
        }
        _byte += offset - _offset;
        (_offset, _sequence, _floor) = (offset, sequence, floor);
        return room;
    }

    /// <summary>When the oldest event that it has not read was accepted; null when there is none. May read from disk, so not under the gate.</summary>
    public DateTimeOffset? OldestUnreadTime()
    {
        lock (_reading)
        {
            var end = IsDetached ? _detachedAt : ulong.MaxValue;
            while (TryNextReadable(end, out var at, out var length))
            {
                if (!IsSkipped(_sequence) && Wants(_segment, at, length))
                    return EventCodec.ReadAccepted(_segment.Buffer.AsSpan(at));
                // What it does not want it never will: passing it now saves the reader the work.
                Pass(at, length);
            }
            return null;
        }
    }

    /// <summary>The same, as far as memory tells. Under the gate.</summary>
    public DateTimeOffset? OldestInMemory()
    {
        lock (_reading)
        {
            _staysInMemory = true;
            try
            {
                return OldestUnreadTime();
            }
            finally
            {
                _staysInMemory = false;
            }
        }
    }

    private bool Wants(Segment segment, int at, int length)
    {
        if (Filter.TakesAll && (segment.Buffer[at + 9] & (byte)EventCodec.RecordFlags.ForLane) == 0)
            return true;
        return Filter.Matches(segment.Buffer.AsMemory(at, length));
    }

    private bool TryNext(ulong end, out int at, out int length)
    {
        length = 0;
        while (true)
        {
            at = _offset;
            if (_sequence >= end)
                return false;
            if (at >= _segment.Readable && !TryAdvance())
                return false;
            at = _offset;
            if (at >= _segment.Readable)
                continue;
            length = EventCodec.ReadLength(_segment.Buffer.AsSpan(at));
            if (!_journal.HasCommits || !JournalFormat.IsControl(_segment.Buffer.AsSpan(at)))
                return _sequence < end;
            _offset += length;
            _byte += length;
        }
    }

    /// <summary>The same for those who are not the reader: what the disk does not give now is the reader's to say, and theirs to do without.</summary>
    private bool TryNextReadable(ulong end, out int at, out int length)
    {
        try
        {
            return TryNext(end, out at, out length);
        }
        catch (LogReadException)
        {
            (at, length) = (_offset, 0);
            return false;
        }
    }

    /// <summary>To the next segment or block, if there is one, or if there is more in this one after all.</summary>
    private bool TryAdvance()
    {
        if (_segment.IsBlock)
            return !_staysInMemory && TryReadBlock();
        // Written is final once there is a next segment, so it has to be looked at again behind it; and all of it must have been readable.
        if (_segment.Next is not { } next || _offset < _segment.Written)
            return _offset < _segment.Readable;
        _byte = next.FirstByte;
        _sequence = next.FirstSequence;
        _segment = next;
        _offset = 0;
        return true;
    }

    private void Pass(int at, int length)
    {
        _offset = at + length;
        _sequence++;
        _byte += length;
    }
}
