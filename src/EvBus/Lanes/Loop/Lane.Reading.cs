using System.Runtime.CompilerServices;
using EvBus.Journal;
using EvBus.Telemetry;

namespace EvBus.Lanes;

// A disk that does not give what a lane is to read next: this lane's trouble alone. It waits there and passes nothing over.
internal sealed partial class Lane
{
    /// <summary>A sector that was not readable a moment ago seldom is now.</summary>
    private static readonly TimeSpan LeastWaitForLog = TimeSpan.FromSeconds(1);

    private bool _isLogUnreadable;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask TryStepAsync(LaneSession session)
    {
        LogReadException unreadable;
        try
        {
            await StepAsync(session).ConfigureAwait(false);
            return;
        }
        catch (LogReadException e)
        {
            unreadable = e;
        }
        // What was read before it has its verdicts first.
        if (session.BatchesUnderWay > 0)
        {
            await SettleOldestAsync(session).ConfigureAwait(false);
            return;
        }
        _isLogUnreadable = true;
        var wait = Fail(session, unreadable.Message, LeastWaitForLog);
        if (IsNews(unreadable.Message, wait))
            Log.LogUnreadable(Logger, Id, unreadable.Message, wait.TotalSeconds);
        await BackOffAsync(session, wait).ConfigureAwait(false);
    }

    // Under the lock.
    private LaneWork Spare() => _spare.TryPop(out var used) ? used : new LaneWork();

    private bool TryRead(LaneWork work, int mostEvents)
    {
        bool isThere;
        try
        {
            isThere = _journal.TryRead(work.Batch, mostEvents, Options.BatchBytes);
        }
        catch (LogReadException)
        {
            _spare.Push(work);
            throw;
        }
        if (_isLogUnreadable)
        {
            _isLogUnreadable = false;
            Succeed();
        }
        return isThere;
    }
}
