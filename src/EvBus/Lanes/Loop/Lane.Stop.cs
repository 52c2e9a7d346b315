using EvBus.Journal;
using EvBus.Telemetry;

namespace EvBus.Lanes;

// How a lane ends: drained, or with whatever is left.
internal sealed partial class Lane
{
    /// <summary>The door is closed: the lane ends when it has nothing left. A wait for the next try ends now.</summary>
    public Task DrainAsync()
    {
        _draining = true;
        lock (_lock)
        {
            if (!_started || (_detached && _session is null))
                _over.TrySetResult();
        }
        // Nothing to carry and nowhere to carry it: a connection that hangs is not worth the wait.
        var session = _session;
        var isIdle = session is { IsConnected: false, BatchesUnderWay: 0 } && _again.Count == 0 && _journal.IsThrough;
        if (isIdle)
            session!.CutConnect();
        Wake();
        return _orphaned || isIdle ? Task.CompletedTask : _over.Task;
    }

    /// <summary>Ends the lane with whatever is left, at most a moment after the call under way has seen its cancellation.</summary>
    public async ValueTask DisposeAsync()
    {
        LaneSession? session;
        Rotation? rotation;
        lock (_lock)
        {
            _stopped = true;
            (session, rotation, _rotation) = (_session, _rotation, null);
        }
        GiveUp(rotation);
        session?.Cancel();
        Wake();
        if (session is null)
            _over.TrySetResult();
        // A publisher that ignores its cancellation is left behind: a stop must end.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1), TimeProvider.System);
        try
        {
            await _over.Task.WaitAsync(patience.Token).ConfigureAwait(false);
            Task beside;
            lock (_lock)
                beside = _beside;
            await beside.WaitAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            if (session is not null)
                Abandon(session, restart: false, null);
        }
        _state = LaneState.Stopped;
        EndDrains();
    }

    public void Forget(string reason)
    {
        lock (_lock)
        {
            while (_again.First is { } node)
            {
                _again.RemoveFirst();
                SettleAll(node.Value, LaneOutcome.Dropped, reason);
                Recycle(node.Value);
            }
        }
        _journal.Forget(reason);
    }

    private async ValueTask DisposePublisherAsync(IPublisher? publisher)
    {
        if (publisher is null)
            return;
        try
        {
            await publisher.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Nothing depends on it any more.
            Log.DisposeFailed(Logger, Id, MaskAll(e.Message));
        }
    }
}
