using EvBus.Telemetry;

namespace EvBus.Journal;

// What cannot be written: for now, or ever.
internal sealed partial class SegmentJournal
{
    void ICommitTarget.Wait(string reason, bool isFull)
    {
        bool isNews;
        lock (_gate)
        {
            isNews = _waitsFor is null || _isFull != isFull;
            _waitsFor = reason;
            _isFull = isFull;
            AskForCheck();
        }
        // What is kept for rewinding gives way.
        if (isFull)
            _keeper?.Touch();
        if (!isNews)
            return;
        if (isFull)
            Log.DiskFull(_logger, reason);
        else
            Log.JournalWaits(_logger, reason);
    }

    void ICommitTarget.Fail(string reason, Exception? defect)
    {
        CommitWaiters waiters;
        CommitWaiters? left;
        SegmentLane[] lanes;
        lock (_gate)
        {
            // The committer and the keeper of cursors may both meet it.
            if (_failure is not null)
                return;
            _failure = reason;
            waiters = _waiters;
            // A group that is being written will be answered by what becomes of it; one that waits for room, or whose thread has ended, by nobody else.
            left = _waitsFor is null && defect is null ? null : _closingWaiters;
            lanes = _lanes;
            SignalRoom();
        }
        if (defect is null)
            Log.JournalFailed(_logger, reason);
        else
            Log.JournalDefect(_logger, Thread.CurrentThread.Name ?? "evbus", defect);
        left?.Complete(reason);
        waiters.Complete(reason);
        // Whoever waits for what was not committed waits in vain; one that drains ends.
        foreach (var lane in lanes)
            lane.Observer.Wake();
    }

    /// <summary>Why it accepts nothing at present; null as long as nothing is known to be wrong. Takes no lock.</summary>
    public string? Trouble =>
        _failure is { } failure ? $"the journal cannot write ({failure})"
        : Volatile.Read(ref _isFull) ? "there is no room on the journal's disk"
        : Volatile.Read(ref _waitsFor) is { } waits ? $"the journal can make no file at present ({waits}); it is tried again each second"
        : null;

    /// <summary>How many accepted events are not confirmed on disk, now that it cannot write or is closed.</summary>
    internal long Unconfirmed
    {
        get
        {
            lock (_gate)
                return _store is null || (_failure is null && IsStoreOpen) ? 0 : _accepted - _committedAccepted;
        }
    }

    /// <summary>Why what is accepted could not be written so far, for now; null when it can.</summary>
    internal string? WaitsFor
    {
        get
        {
            lock (_gate)
                return _waitsFor;
        }
    }
}
