using System.Runtime.CompilerServices;
namespace EvBus.Lanes;

// Publishers with a window: several batches written, none of them acknowledged yet.
internal sealed partial class Lane
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask StepWindowAsync(LaneSession session, IWindowedPublisher publisher)
    {
        if (session.FirstUnderWay?.Acknowledged is { IsCompleted: true })
        {
            await SettleOldestAsync(session).ConfigureAwait(false);
            return;
        }
        // A batch is no larger than the publisher's window: where that is small because the destination is slow, so must be what has to be through before the time-out.
        var most = Math.Max(1, publisher.Window);
        var window = Options.Ordering == LaneOrdering.Strict ? 1 : most;
        if (session.EventsUnderWay < window && TakeWork(session, most) is { } work)
        {
            await WriteAsync(session, publisher, work).ConfigureAwait(false);
            return;
        }
        if (session.BatchesUnderWay == 0)
            await WaitForEventsAsync(session).ConfigureAwait(false);
        else if (session.EventsUnderWay >= window)
            await SettleOldestAsync(session).ConfigureAwait(false);
        else if (_journal.TryArm(1))
            await session.Signal.WaitAsync().ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteAsync(LaneSession session, IWindowedPublisher publisher, LaneWork work)
    {
        Task<PublishResult> acknowledged;
        try
        {
            acknowledged = await publisher.WriteAsync(work.Batch, session.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            acknowledged = Task.FromException<PublishResult>(e);
        }
        if (!EndCall(session, written: work, acknowledged: acknowledged))
        {
            await CloseQuietlyAsync(work, acknowledged).ConfigureAwait(false);
            return;
        }
        KeepWatch(session);
        if (!acknowledged.IsCompleted)
            acknowledged.GetAwaiter().UnsafeOnCompleted(session.Signal.Set);
    }

    /// <summary>Waits for the oldest batch under way and settles it. After a failure, for all of them, before anything is written again.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SettleOldestAsync(LaneSession session)
    {
        PutBackNext(session);
        TimeSpan? backOff = null;
        session.SharedWait = null;
        session.IsSettlingSeveral = true;
        do
        {
            var work = session.FirstUnderWay!;
            PublishResult result;
            Exception? thrown = null;
            try
            {
                result = await work.Acknowledged!.ConfigureAwait(false);
            }
            catch (Exception e)
            {
                (result, thrown) = (Verdicts.Of(e), e);
            }
            lock (_lock)
            {
                if (session.IsAbandoned)
                    return;
                session.End(work);
            }
            if (Judge(session, work, result, thrown) is { } wait)
                backOff = backOff is null || wait > backOff ? wait : backOff;
        }
        while (session.BatchesUnderWay > 0 && (backOff is not null || !session.IsConnected));
        session.IsSettlingSeveral = false;
        session.SharedWait = null;
        await FinishAsync(session, backOff).ConfigureAwait(false);
    }

    /// <summary>The first events of a batch that failed; the rest goes back in front. Under the lock.</summary>
    private LaneWork Divide(LaneWork work, int first)
    {
        var (now, later) = (work.Slice(0, first), work.Slice(first, work.Batch.Count - first));
        _again.AddFirst(later);
        Recycle(work);
        return now;
    }

    private static async Task CloseQuietlyAsync(LaneWork work, Task<PublishResult> acknowledged)
    {
        // The instance is abandoned: only its hold on the memory matters now.
        await ((Task)acknowledged).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        work.Batch.Close();
    }
}
