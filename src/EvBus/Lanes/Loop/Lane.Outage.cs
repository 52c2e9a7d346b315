using EvBus.Journal;
using EvBus.Telemetry;

namespace EvBus.Lanes;

// Success and failure: what they do to the back-off and the state, and what is said of them.
internal sealed partial class Lane
{
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
        _saidDropping = _saidHeldUp = false;
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
        if (_journal.IsHeldUp && !_saidHeldUp)
        {
            _saidHeldUp = true;
            Log.LaneHeldUp(Logger, Id, SettledRanges.Limit, reason);
        }
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
}
