using EvBus.Journal;
using EvBus.Telemetry;

namespace EvBus.Lanes;

// The watchdog: notices calls and acknowledgements that are overdue, also of publishers that block their thread.
internal sealed partial class Lane
{
    private bool TryBeginCall(LaneSession session)
    {
        lock (_lock)
        {
            if (session.IsAbandoned)
                return false;
            session.CallDeadline = Time.GetTimestamp() + Ticks(Options.CallTimeout);
        }
        KeepWatch(session);
        return true;
    }

    /// <summary>False when the call came back too late: the session is somebody's past.</summary>
    private bool EndCall(LaneSession session, LaneWork? finished = null, LaneWork? written = null, Task<PublishResult>? acknowledged = null)
    {
        lock (_lock)
        {
            session.CallDeadline = 0;
            if (!session.IsAbandoned)
            {
                if (finished is not null)
                    session.End(finished);
                if (written is not null)
                    written.Acknowledged = acknowledged;
                return true;
            }
            _abandoned--;
        }
        // It ended after all, so it can be cleaned up after all.
        _ = DisposePublisherAsync(session.Publisher).AsTask();
        session.Dispose();
        return false;
    }

    /// <summary>The timer is set once and looks again by itself as long as something is under way: a call that ends in time costs no timer.</summary>
    private void KeepWatch(LaneSession session)
    {
        lock (_lock)
        {
            if (session.IsWatched || session.IsAbandoned)
                return;
            session.IsWatched = true;
        }
        session.Watchdog!.Change(WholeMilliseconds(Options.CallTimeout), Timeout.InfiniteTimeSpan);
    }

    private void Watch(LaneSession session)
    {
        long? deadline;
        lock (_lock)
        {
            if (session.IsAbandoned || session != _session)
                return;
            deadline = session.CallDeadline == 0 ? null : session.CallDeadline;
            if (session.FirstUnderWay is { Acknowledged: not null } oldest && (deadline is null || oldest.Deadline < deadline))
                deadline = oldest.Deadline;
            if (deadline is null)
            {
                session.IsWatched = false;
                return;
            }
        }
        var left = session.IsBlocked ? Ticks(Options.CallTimeout) : deadline.Value - Time.GetTimestamp();
        if (left <= 0)
            Abandon(session, restart: true, $"the publisher did not answer within {Options.CallTimeout}");
        else
            session.Watchdog!.Change(WholeMilliseconds(TimeSpan.FromSeconds((double)left / Time.TimestampFrequency)), Timeout.InfiniteTimeSpan);
    }

    /// <summary>Takes a session out of service while its publisher may still be busy. What was under way is sent again by the next one.</summary>
    private void Abandon(LaneSession session, bool restart, string? reason)
    {
        int running;
        bool inCall;
        lock (_lock)
        {
            if (session.IsAbandoned || _session != session)
                return;
            inCall = session.CallDeadline != 0;
            session.IsAbandoned = true;
            _session = null;
            _isSettlingSeveral = false;
            _sharedWait = null;
            running = ++_abandoned;
            TakeBack(session, clone: true);
        }
        session.Cancel();
        _ = LetGoAsync(session, inCall);
        session.Signal.Set();
        if (!restart || _orphaned)
            return;
        _state = LaneState.Retrying;
        _trouble = reason;
        _journal.SetFlowing(false);
        Log.CallAbandoned(Logger, Id, Options.CallTimeout, running);
        if (running > Options.MaxAbandonedCalls)
        {
            MarkDetached($"{running} calls of its publisher never ended; {reason}");
            _journal.Detach();
            return;
        }
        StartSession();
    }

    /// <summary>Frees the memory of written batches once the abandoned instance is through with them. A call that still runs frees its own.</summary>
    private async Task LetGoAsync(LaneSession session, bool inCall)
    {
        var written = session.UnderWay.Where(work => work.Acknowledged is not null).ToArray();
        if (!inCall)
            await DisposePublisherAsync(session.Publisher).ConfigureAwait(false);
        foreach (var work in written)
            await CloseQuietlyAsync(work, work.Acknowledged!).ConfigureAwait(false);
        if (inCall)
            return;
        lock (_lock)
            _abandoned--;
        session.Dispose();
    }

    /// <summary>Puts what is under way back in front of what waits, in order. Under the lock.</summary>
    private void TakeBack(LaneSession session, bool clone)
    {
        // Being prepared at this moment, it is read like the others.
        TakeBackNext(session, isRead: clone && session.CallDeadline != 0);
        foreach (var work in session.UnderWay.Reverse())
        {
            // The old instance may still be reading its batch, so the new one gets its own view of the same memory.
            var again = clone ? work.Clone() : work;
            again.Exceptions++;
            again.Acknowledged = null;
            Requeue(again);
        }
    }

    // In order of the journal; mostly it belongs in front. Under the lock.
    private void Requeue(LaneWork work)
    {
        var before = _again.First;
        while (before is not null && before.Value.Batch.Slots[0].Sequence < work.Batch.Slots[0].Sequence)
            before = before.Next;
        if (before is null)
            _again.AddLast(work);
        else
            _again.AddBefore(before, work);
    }
}
