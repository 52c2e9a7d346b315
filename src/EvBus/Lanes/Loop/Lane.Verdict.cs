using EvBus.Journal;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Lanes;

// What becomes of a batch once its verdict is in. Every path settles each of its events once, or puts it back in line.
internal sealed partial class Lane
{
    /// <summary>How often a batch may fail by exception or time-out before it is looked at in halves.</summary>
    private const int FailuresBeforeBisection = 3;

    /// <returns>How long to back off; null when the lane flows on.</returns>
    private TimeSpan? Judge(LaneSession session, LaneWork work, PublishResult result, Exception? thrown)
    {
        try
        {
            result = result.Without(Secrets);
        }
        catch (Exception e)
        {
            // The list of verdicts is the publisher's code as well.
            (result, thrown) = (PublishResult.Retry(Secrets.Mask($"the publisher's list of verdicts failed: {e.GetType().Name}: {e.Message}")), e);
        }
        if (result.Each is { } each)
        {
            if (each.Count == work.Batch.Count)
                return JudgeEach(session, work, each, result.RetryAfter);
            result = PublishResult.Retry($"the publisher gave {each.Count} verdicts for {work.Batch.Count} events");
        }
        switch (result.Verdict)
        {
            case Verdict.Delivered:
                Deliver(work);
                return null;
            case Verdict.Rejected:
                return Reject(work, result.Reason ?? "rejected without a reason");
            case Verdict.Disconnected:
                session.IsConnected = false;
                return PutBack(session, work, result);
            default:
                return thrown is null ? PutBack(session, work, result) : Throw(session, work, result, thrown);
        }
    }

    private void Deliver(LaneWork work)
    {
        if (Logger.IsEnabled(LogLevel.Trace))
        {
            foreach (var evt in work.Batch)
                Log.EventDelivered(Logger, Id, evt.Id);
        }
        Log.BatchDelivered(Logger, Id, work.Batch.Count);
        SettleAll(work, LaneOutcome.Delivered, null);
        Recycle(work);
        Succeed();
    }

    private TimeSpan? Reject(LaneWork work, string reason)
    {
        if (work.Batch.Count == 1)
        {
            Bury(work, 0, reason, work.Attempts + 1);
            Recycle(work);
            // The destination answered: it is alive, and the next event may be to its liking.
            Succeed();
            return null;
        }
        Bisect(work, exceptions: 0);
        return null;
    }

    private void Bisect(LaneWork work, int exceptions)
    {
        var half = work.Batch.Count / 2;
        var (first, second) = (work.Slice(0, half), work.Slice(half, work.Batch.Count - half));
        first.Exceptions = second.Exceptions = exceptions;
        lock (_lock)
        {
            Requeue(second);
            Requeue(first);
        }
        Recycle(work);
    }

    private TimeSpan? PutBack(LaneSession session, LaneWork work, PublishResult result)
    {
        var reason = result.Reason ?? "the publisher asked for another try";
        var wait = Fail(session, reason, result.RetryAfter);
        if (IsNews(reason, wait, work))
            Log.BatchFailed(Logger, Id, reason, work.Batch.Count, wait.TotalSeconds);
        if (GiveUpOld(work) is { } left)
        {
            lock (_lock)
                Requeue(left);
        }
        return wait;
    }

    private TimeSpan? Throw(LaneSession session, LaneWork work, PublishResult result, Exception thrown)
    {
        work.Exceptions++;
        var outage = Verdicts.IsOutage(thrown);
        if (work.Batch.Count == 1)
        {
            if (!outage && ++work.Attempts >= Options.MaxAttempts)
            {
                Bury(work, 0, $"{result.Reason} ({work.Attempts} attempts)", work.Attempts, result.Reason);
                Recycle(work);
                return null;
            }
        }
        else if (!outage && work.Exceptions >= FailuresBeforeBisection)
        {
            // Its halves are suspects too: each is halved again at its first failure, without waiting, until the event that does it stands alone.
            Fail(session, result.Reason!, result.RetryAfter);
            if (IsNews(result.Reason!, TimeSpan.Zero, work))
                Log.BatchFailed(Logger, Id, result.Reason!, work.Batch.Count, 0);
            Bisect(work, FailuresBeforeBisection - 1);
            return null;
        }
        return PutBack(session, work, result);
    }

    private TimeSpan? JudgeEach(LaneSession session, LaneWork work, IReadOnlyList<EventVerdict> each, TimeSpan? retryAfter)
    {
        LaneWork? again = null;
        string? reason = null;
        for (var i = 0; i < each.Count; i++)
        {
            var verdict = each[i].Verdict;
            if (verdict is Verdict.Retry or Verdict.Disconnected)
            {
                reason ??= each[i].Reason ?? "the publisher asked for another try of some events";
                // By itself only when it came alone: among others, the cause may be the destination's.
                again ??= new LaneWork { Attempts = work.Attempts + (each.Count == 1 && verdict == Verdict.Retry ? 1 : 0), WasTried = true };
                if (verdict == Verdict.Disconnected)
                    session.IsConnected = false;
                again.Batch.Take(work.Batch, i);
                continue;
            }
            if (verdict == Verdict.Rejected)
            {
                Bury(work, i, each[i].Reason ?? "rejected without a reason", work.Attempts + 1);
                continue;
            }
            _journal.Settle(work.Batch, i, 1, LaneOutcome.Delivered, each[i].Reason);
            if (work.Batch[i].IsAwaited)
                _services.Receipts.Settle(work.Batch[i].Position, Id, PutOutcome.Delivered, null);
        }
        Recycle(work);
        if (again is null)
        {
            Succeed();
            return null;
        }
        // Something got through: the waiting begins anew.
        if (again.Batch.Count < each.Count)
            _retry.Succeed();
        var wait = Fail(session, reason!, retryAfter);
        if (IsNews(reason!, wait, again))
            Log.BatchFailed(Logger, Id, reason!, again.Batch.Count, wait.TotalSeconds);
        if (again.Attempts >= Options.MaxAttempts)
        {
            for (var i = 0; i < again.Batch.Count; i++)
                Bury(again, i, $"{reason} ({again.Attempts} attempts)", again.Attempts, reason);
            Recycle(again);
        }
        else if (GiveUpOld(again) is { } left)
        {
            lock (_lock)
                Requeue(left);
        }
        return wait;
    }

    /// <summary>Buries those events of a failed batch that are beyond the lane's maximum age; returns the rest, null when nothing is left.</summary>
    private LaneWork? GiveUpOld(LaneWork work)
    {
        if (Options.MaxAge is not { } maxAge)
            return work;
        var cutoff = Time.GetUtcNow() - maxAge;
        var old = 0;
        while (old < work.Batch.Count && work.Batch[old].Accepted <= cutoff)
            old++;
        if (old == 0)
            return work;
        for (var i = 0; i < old; i++)
        {
            Bury(work, i, $"older than {maxAge}; last failure: {_trouble}", work.Attempts, "max_age");
        }
        var rest = old == work.Batch.Count ? null : work.Slice(old, work.Batch.Count - old);
        Recycle(work);
        return rest;
    }

    private void SettleAll(LaneWork work, LaneOutcome outcome, string? reason)
    {
        // First the cursor, then those who wait: what somebody was told is delivered does not come again.
        _journal.Settle(work.Batch, 0, work.Batch.Count, outcome, reason);
        if (!work.Batch.HasAwaited)
            return;
        foreach (var evt in work.Batch)
        {
            if (evt.IsAwaited)
                _services.Receipts.Settle(evt.Position, Id, outcome == LaneOutcome.Delivered ? PutOutcome.Delivered : PutOutcome.Dropped, reason);
        }
    }

    private void Succeed()
    {
        if (_retry.Failures == 0 && _trouble is null && !_outage.IsOn)
            return;
        if (_outage is { IsOn: true, IsCalm: false })
            Log.LaneRecovered(Logger, Id, _outage.Failures);
        EndOutage();
        Calm();
    }

    private void EndOutage()
    {
        _retry.Succeed();
        _outage.End();
        _failing = null;
        _saidDropping = false;
    }

    // Nothing is known to be wrong.
    private void Calm()
    {
        _trouble = null;
        _state = LaneState.Flowing;
        _journal.SetFlowing(true);
    }

    /// <summary>Counts a failure in the outage it belongs to. True when it wants a line of its own; otherwise what there is to say has been said.</summary>
    private bool IsNews(string reason, TimeSpan wait, LaneWork? work = null)
    {
        // Each time the same event comes first, it may be that event; whoever looks should know which.
        _failing = work is { Batch.Count: > 0 } ? work.Batch[0].Id : null;
        switch (_outage.Add(reason))
        {
            case Saying.New:
                return true;
            case Saying.Due:
                Log.StillDown(Logger, Id, _outage.Lasted, reason, _outage.Failures, _journal.Measure().Queued, _failing ?? "none", wait.TotalSeconds);
                return false;
            default:
                Log.StillFailing(Logger, Id, reason, wait.TotalSeconds);
                return false;
        }
    }

    private TimeSpan Fail(LaneSession session, string reason, TimeSpan? asked)
    {
        // All that was under way at one failure failed with it: it counts once, or a wide window would mean a long wait.
        var wait = session.SharedWait is { } shared ? (asked > shared ? asked.Value : shared) : _retry.Next(asked);
        if (session.IsSettlingSeveral)
            session.SharedWait = wait;
        _trouble = reason;
        _state = LaneState.Retrying;
        _journal.SetFlowing(false);
        return wait;
    }

    private void Recycle(LaneWork work)
    {
        work.Reset();
        lock (_lock)
        {
            if (_spare.Count < 16)
                _spare.Push(work);
        }
    }
}
