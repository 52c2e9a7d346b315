using System.Runtime.CompilerServices;

namespace EvBus.Lanes;

// Publishers that prepare: while one batch is being sent, the next is read and made ready. What is ready goes out first thing after the word that the one before is
// delivered, and that one is settled meanwhile. On any other word, and before any wait for something else, it goes back in line as if it had never been read.
internal sealed partial class Lane
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask StepUnderWayAsync(LaneSession session, IPreparingPublisher publisher)
    {
        var first = session.FirstUnderWay!;
        PrepareNext(session, publisher, first);
        await ((Task)first.Acknowledged!).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (first.Acknowledged is { IsCompletedSuccessfully: true, Result: { Verdict: Verdict.Delivered, Each: null } } && BeginNext(session, first) is { } next)
            await SendAsync(session, publisher, next).ConfigureAwait(false);
        await SettleOldestAsync(session).ConfigureAwait(false);
    }

    /// <summary>Begins to send a batch that is under way. Completes when its call has been made; the verdict comes later.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendAsync(LaneSession session, IPreparingPublisher publisher, LaneWork work)
    {
        var send = work.Send ?? Prepare(publisher, work.Batch);
        work.Send = null;
        Task<PublishResult> acknowledged;
        var span = EvBusTelemetry.StartPublish(work.Batch, Id);
        try
        {
            acknowledged = send(session.Token).AsTask();
        }
        catch (Exception e)
        {
            acknowledged = Task.FromException<PublishResult>(e);
        }
        if (span is not null)
            EvBusTelemetry.EndWith(span, acknowledged);
        if (EndCall(session, written: work, acknowledged: acknowledged))
            KeepWatch(session);
        else
            await CloseQuietlyAsync(work, acknowledged).ConfigureAwait(false);
    }

    private static PreparedSend Prepare(IPreparingPublisher publisher, EventBatch batch)
    {
        try
        {
            return publisher.Prepare(batch);
        }
        catch (Exception e)
        {
            // Said when it is this batch's turn: what is before it may take long, and may fail itself.
            return _ => ValueTask.FromException<PublishResult>(e);
        }
    }

    private void PrepareNext(LaneSession session, IPreparingPublisher publisher, LaneWork underWay)
    {
        if (underWay.Acknowledged!.IsCompleted || !IsNextFull(underWay) || TakeNext(session) is not { } work)
            return;
        work.Send = Prepare(publisher, work.Batch);
        // Given up meanwhile, it was cloned.
        if (!EndCall(session))
            work.Reset();
    }

    /// <summary>Whether the next batch would be as large now as ever. One that is not is left to grow until its turn.</summary>
    private bool IsNextFull(LaneWork underWay)
    {
        var ahead = _journal.Ahead;
        return ahead >= Options.BatchEvents || (underWay.Batch.Bytes > Options.BatchBytes / 2 && ahead >= underWay.Batch.Count);
    }

    private LaneWork? TakeNext(LaneSession session)
    {
        if (Options.LimitAge is not null)
            _journal.ApplyAgeLimit(Time.GetUtcNow());
        var deadline = Time.GetTimestamp() + Ticks(Options.CallTimeout);
        lock (_lock)
        {
            // What failed before goes by itself.
            if (session.IsAbandoned || session.Next is not null || _held is not null || _again.Count > 0)
                return null;
            var work = Spare();
            if (!TryRead(work, Options.BatchEvents))
            {
                _spare.Push(work);
                return null;
            }
            session.CallDeadline = deadline;
            return session.Next = work;
        }
    }

    /// <summary>The batch that is ready is under way now, its call begun; null when there is none, or it must not go now.</summary>
    private LaneWork? BeginNext(LaneSession session, LaneWork before)
    {
        if (_stopped || _paused || _detached || _orphaned || MustRotate(session) || session.Connection is { Condition.State: ConnectionState.Lost })
            return null;
        var deadline = Time.GetTimestamp() + Ticks(Options.CallTimeout);
        lock (_lock)
        {
            if (session.IsAbandoned || _held is not null || session.Next is not { } next)
                return null;
            session.Next = null;
            // The one before is through, and only waits to be settled.
            next.Deadline = before.Deadline = session.CallDeadline = deadline;
            next.WasTried = true;
            session.Begin(next);
            return next;
        }
    }

    private void PutBackNext(LaneSession session)
    {
        lock (_lock)
        {
            if (!session.IsAbandoned)
                TakeBackNext(session, isRead: false);
        }
    }

    // It was not tried, so nothing is counted. Under the lock.
    private void TakeBackNext(LaneSession session, bool isRead)
    {
        if (session.Next is not { } next)
            return;
        session.Next = null;
        var again = isRead ? next.Clone() : next;
        again.WasTried = false;
        again.Send = null;
        Requeue(again);
    }
}
