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
        // The publisher's own words, so not under the lock.
        var (progress, patience) = IsOverdue(session) ? ReportOf(session.Publisher) : default;
        long left;
        lock (_lock)
        {
            if (session.IsAbandoned || session != _session)
                return;
            var now = Time.GetTimestamp();
            if (session.DueAt <= now && !session.IsBlocked)
                Extend(session, now, progress, patience);
            if (session.DueAt is not { } due)
            {
                session.IsWatched = false;
                return;
            }
            left = session.IsBlocked ? Ticks(Options.CallTimeout) : due - now;
        }
        if (left > 0 || !Abandon(session, restart: true, $"the publisher did not answer within {Longer(Options.CallTimeout, patience)}"))
            session.Watchdog!.Change(WholeMilliseconds(TimeSpan.FromSeconds(Math.Max(left, 1) / (double)Time.TimestampFrequency)), Timeout.InfiniteTimeSpan);
    }

    private bool IsOverdue(LaneSession session)
    {
        lock (_lock)
            return session.DueAt <= Time.GetTimestamp() && !session.IsBlocked;
    }

    /// <summary>What a publisher says about how far it has come; nothing when it cannot.</summary>
    private static (long? Progress, TimeSpan? Patience) ReportOf(IPublisher? publisher)
    {
        try
        {
            return publisher is IProgressReport report ? (report.Progress, report.Patience) : default;
        }
        catch (Exception)
        {
            // A publisher that cannot say how it is gets no more time than one that does not.
            return default;
        }
    }

    // Under the lock.
    private void Extend(LaneSession session, long now, long? progress, TimeSpan? patience)
    {
        if (progress is { } come && come != session.SeenProgress)
        {
            session.SeenProgress = come;
            session.Postpone(now + Ticks(Longer(Options.CallTimeout, patience)));
        }
        else if (session.DueAt is { } due && due > session.ExtendedTo && Longer(Options.CallTimeout, patience) - Options.CallTimeout is var more && more > TimeSpan.Zero)
        {
            session.ExtendedTo = due + Ticks(more);
            session.Postpone(session.ExtendedTo);
        }
    }

    // A publisher that ends a call by itself says why; the tenth is for its words to arrive.
    private static TimeSpan Longer(TimeSpan timeout, TimeSpan? patience) => patience >= timeout ? patience.Value * 1.1 : timeout;

    /// <summary>Takes a session out of service while its publisher may still be busy. What was under way is sent again by the next one.</summary>
    /// <returns>False when there was nothing to give up: the call ended in this moment.</returns>
    private bool Abandon(LaneSession session, bool restart, string? reason)
    {
        int running;
        bool inCall;
        lock (_lock)
        {
            if (session.IsAbandoned || _session != session)
                return true;
            // A call that ended since it was looked at, and one that has begun since, are not judged by the time of another.
            if (restart && (session.IsBlocked || session.DueAt is not { } due || due > Time.GetTimestamp()))
                return false;
            inCall = session.CallDeadline != 0;
            session.IsAbandoned = true;
            _session = null;
            running = ++_abandoned;
            TakeBack(session, clone: true);
        }
        session.Cancel();
        _ = LetGoAsync(session, inCall);
        session.Signal.Set();
        if (!restart || _orphaned)
        {
            EndWithoutSession();
            return true;
        }
        _state = LaneState.Retrying;
        _trouble = reason;
        _journal.SetFlowing(false);
        if (IsNews(reason!, TimeSpan.Zero))
            Log.CallAbandoned(Logger, Id, reason!, running);
        if (running > Options.MaxAbandonedCalls)
        {
            MarkDetached($"{running} calls of its publisher never ended; {reason}");
            _journal.Detach();
            EndWithoutSession();
            return true;
        }
        StartSession();
        return true;
    }

    /// <summary>Nobody drives the lane any more: whoever waits until it is quiet waits no longer, and a drain is over.</summary>
    private void EndWithoutSession()
    {
        lock (_lock)
        {
            if (_session is not null)
                return;
            _held?.Settle();
            if (!_draining)
                return;
        }
        _state = LaneState.Stopped;
        EndDrains();
        _over.TrySetResult();
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
