namespace EvBus.Journal;

// Mode spill: lanes read what is appended at once, and the committer writes only when memory runs short, when somebody asks for a durable
// receipt, or at the end. What every lane is through with before that never sees the disk, and leaves a gap in the log.
internal sealed partial class SegmentJournal
{
    private bool _spillDue;
    private bool _spilled;
    private bool _isAfterGap;
    private bool _isEnding;
    private long? _leaveLogAt;

    /// <summary>Whether lanes read committed events only.</summary>
    private bool WaitsForCommit => _store is not null && !_spills;

    /// <summary>Whether what became of an event has to be kept at once: not as long as nothing of it is on disk.</summary>
    private bool KeepsEverySettling => WaitsForCommit || _spilled;

    private long MostUncommitted => _spills ? Math.Max(Bounds.Uncommitted, _options.Journal.MemoryBytes) : Bounds.Uncommitted;

    /// <summary>The first sequence that is not on disk; what is needed from there on must stay in memory. 0 in the other modes.</summary>
    internal ulong MemoryOnlyFrom => _spills ? _committed.Sequence : 0;

    internal bool IsSpilling => _spills;

    // Somebody may ask after the group was looked at, so asking wakes the committer.
    private Action<int>? _asked;

    private CommitWaiters NewWaiters() => new(_asked ??= count =>
    {
        _committer!.Arrived(count);
        if (_spills)
            _committer.Signal();
    });

    /// <summary>Under the gate.</summary>
    private bool MustSpill()
    {
        if (!_spillDue && !_isEnding && _waiters.Count == 0)
            return false;
        _spillDue = false;
        return true;
    }

    /// <summary>Whoever waits for the disk has more than that: every lane is through with it. Under the gate.</summary>
    private CommitGroup? NothingToWrite()
    {
        if (_spills && _end == _committed.Sequence && _waiters.Count > 0)
        {
            _waiters.Complete(null);
            _waiters = NewWaiters();
        }
        return null;
    }

    /// <summary>Memory is half used up by what lanes still need: from here on it goes to disk, a good part at a time. Under the gate.</summary>
    private void SpillIfDue()
    {
        var (half, uncommitted) = (_options.Journal.MemoryBytes / 2, _bytes - _committed.Bytes);
        if (_spillDue || _closing is not null || _residentBytes <= half || uncommitted < half / 2)
            return;
        _spillDue = true;
        _committer!.Signal();
    }

    /// <summary>Gives back what every lane is through with, on disk or not, and of what is on disk also what a lane will read from there.</summary>
    private void TrimSpilling()
    {
        var needed = _end;
        foreach (var lane in _lanes)
            needed = Math.Min(needed, lane.NeedsInMemory(_tail, _end, _bytes));
        // What is being written now must stay where it is until it is.
        var stop = _closing is null ? _tail : _committed.Segment;
        var isPassed = false;
        while (_oldest != stop && _oldest != _tail && _oldest.EndSequence <= needed)
        {
            isPassed |= _oldest == _committed.Segment;
            Unlink(_oldest, null);
        }
        // The next group begins where memory does now. Only replayed dead letters make accepted and numbered differ, and a commit puts that right.
        if (isPassed)
            SkipTo(new Place(_oldest, 0, _oldest.FirstSequence, _oldest.FirstByte), _accepted - (long)(_end - _oldest.FirstSequence));
        Evict();
    }

    /// <summary>At the end: when every lane is through with everything, nothing needs to be written. Under the gate.</summary>
    private void SkipWhatIsThrough()
    {
        if (!_spills || _closing is not null || _end == _committed.Sequence)
            return;
        foreach (var lane in _lanes)
        {
            if (lane.NeedsInMemory(_tail, _end, _bytes) < _end)
                return;
        }
        SkipTo(new Place(_tail, _tail.Written, _end, _bytes), _accepted);
        NothingToWrite();
    }

    /// <summary>When nobody needs anything of the log any more, its last file is closed as well, so that it can go.</summary>
    private void LeaveLogIfThrough(long needed)
    {
        lock (_gate)
        {
            if ((_spills ? !_spilled : !_isTight) || needed < _committed.Bytes)
                return;
            _leaveLogAt = _committed.Bytes;
        }
        _committer!.Signal();
    }

    bool ICommitTarget.LeavesLog()
    {
        lock (_gate)
        {
            if (_leaveLogAt is not { } at)
                return false;
            _leaveLogAt = null;
            if (at != _committed.Bytes)
                return false;
            _spilled = false;
        }
        _keeper!.Touch();
        return true;
    }

    private void SkipTo(Place place, long accepted)
    {
        _isAfterGap |= place.Bytes > _committed.Bytes;
        _committed = place;
        _committedAccepted = accepted;
    }
}
