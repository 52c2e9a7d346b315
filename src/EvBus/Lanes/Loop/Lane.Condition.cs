using EvBus.Telemetry;

namespace EvBus.Lanes;

// What a publisher says about its connection without being asked.
internal sealed partial class Lane
{
    private void WatchConnection(LaneSession session)
    {
        if (ReferenceEquals(session.Connection, session.Publisher))
            return;
        // What an earlier publisher of the session says is nobody's concern any more.
        session.IsBlocked = false;
        session.Connection = session.Publisher as IConnectionWatch;
        if (session.Connection is { } connection)
            connection.ConditionChanged += () => OnConditionChanged(session, connection);
    }

    private void OnConditionChanged(LaneSession session, IConnectionWatch connection)
    {
        lock (_lock)
        {
            if (session.IsAbandoned || _session != session || session.Connection != connection)
                return;
            // Read under the lock: of two changes at once, the later one must win.
            var condition = connection.Condition;
            var wasBlocked = session.IsBlocked;
            session.IsBlocked = condition.State == ConnectionState.Blocked;
            if (session.IsBlocked)
                BlockLane(Secrets.Mask(condition.Reason ?? "the destination asked to wait"));
            else if (wasBlocked)
                UnblockLane(session, condition.State);
        }
        session.Signal.Set();
    }

    // Under the lock. The loop may be waiting inside a call, so it cannot be left to it.
    private void BlockLane(string reason)
    {
        _trouble = reason;
        _state = LaneState.Retrying;
        _journal.SetFlowing(false);
        Log.LaneBlocked(Logger, Id, reason);
    }

    private void UnblockLane(LaneSession session, ConnectionState state)
    {
        // The time it was blocked is not held against it.
        session.Postpone(Time.GetTimestamp() + Ticks(Options.CallTimeout));
        if (state == ConnectionState.Lost)
            return;
        Log.LaneUnblocked(Logger, Id);
        if (!_outage.IsOn)
            Calm();
    }

    /// <summary>The connection went while nothing was under way: the lane connects again before somebody needs it.</summary>
    private async ValueTask ReconnectIdleAsync(LaneSession session, string reason)
    {
        session.IsConnected = false;
        session.WasLostIdle = true;
        // A connection that has stood for as long as the last wait may have been was a good one. One that is dropped at once was none, however often it can be made.
        if (_outage.IsCalm && Time.GetElapsedTime(session.ConnectedAt) >= _retry.Ceiling(Math.Max(1, _retry.Failures)))
            EndOutage();
        var wait = Fail(session, reason, null);
        if (IsNews(reason, wait))
            Log.ConnectionLost(Logger, Id, reason, wait.TotalSeconds);
        await BackOffAsync(session, wait).ConfigureAwait(false);
    }
}
