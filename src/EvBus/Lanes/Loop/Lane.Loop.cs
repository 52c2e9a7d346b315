using System.Runtime.CompilerServices;
using EvBus.Journal;
using EvBus.Telemetry;

namespace EvBus.Lanes;

// The loop: one runs per session, and only the current session's loop does anything.
internal sealed partial class Lane
{
    private void StartSession()
    {
        var session = new LaneSession(new CancellationTokenSource());
        lock (_lock)
        {
            if (_session is not null || _stopped)
                return;
            _session = session;
        }
        session.Watchdog = Time.CreateTimer(_ => Watch(session), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        // The caller's context (culture, tracing, async locals) is none of the lane's.
        using (ExecutionContext.SuppressFlow())
            _ = Task.Run(() => RunAsync(session));
    }

    private async Task RunAsync(LaneSession session)
    {
        LaneFlow.Enter(_filter);
        try
        {
            while (!session.IsAbandoned && !_stopped && !(_orphaned && session.BatchesUnderWay == 0) && !IsDrained(session))
                await TryStepAsync(session).ConfigureAwait(false);
            // A call is heard to its end; what went through a window is not waited for.
            while (!session.IsAbandoned && session is { BatchesUnderWay: > 0, Preparing: not null })
                await SettleOldestAsync(session).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Plugins are caught where they are called, so this is ours. The events stay queued.
            Log.LaneFailed(Logger, Id, Secrets.Mask(e));
            // Another loop drives the lane when this one is somebody's past.
            if (!session.IsAbandoned)
            {
                MarkDetached($"a defect of the bus: {Secrets.Mask(e.Message)}");
                _journal.SetFlowing(false);
            }
        }
        bool ours;
        lock (_lock)
        {
            ours = !session.IsAbandoned;
            if (ours)
            {
                TakeBack(session, clone: false);
                _session = null;
                _held?.Settle();
            }
        }
        if (!ours)
            return;
        await DisposePublisherAsync(session.Publisher).ConfigureAwait(false);
        session.Dispose();
        // Adopted again while this loop was on its way out: another one goes on, and says when the lane is over.
        if (_session is not null)
            return;
        if (_stopped || IsDrained(session))
        {
            _state = LaneState.Stopped;
            EndDrains();
            _over.TrySetResult();
        }
        // Or resumed, after a defect.
        else if (!_orphaned && !_detached)
        {
            StartSession();
        }
    }

    private bool IsDrained(LaneSession session) =>
        _draining && (_detached || _paused || _orphaned || _unburied is not null || (session.BatchesUnderWay == 0 && _again.Count == 0 && _journal.IsThrough));

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask StepAsync(LaneSession session)
    {
        if (_rotation is { } rotation)
        {
            if (MustRotate(session))
            {
                await RotateAsync(session).ConfigureAwait(false);
                return;
            }
            BeginBeside(rotation);
        }
        AnswerDrained(session);
        if (_paused || _detached || _orphaned || _held is not null)
        {
            if (session.BatchesUnderWay > 0)
                await SettleOldestAsync(session).ConfigureAwait(false);
            else if (_held is { Quiet.IsCompleted: false } held)
                held.Settle();
            else if (!_orphaned)
                await session.Signal.WaitAsync().ConfigureAwait(false);
            return;
        }
        if (_unburied is not null)
        {
            if (session.BatchesUnderWay > 0)
                await SettleOldestAsync(session).ConfigureAwait(false);
            else
                await BuryAgainAsync(session).ConfigureAwait(false);
            return;
        }
        if (session is { IsConnected: true, Connection.Condition: { State: ConnectionState.Lost } lost })
        {
            if (session.BatchesUnderWay == 0)
            {
                await ReconnectIdleAsync(session, Secrets.Mask(lost.Reason ?? "the connection was lost")).ConfigureAwait(false);
                return;
            }
            session.IsConnected = false;
        }
        if (!session.IsConnected)
        {
            // What was under way before the connection went has to be heard of first, so that it is sent again in order.
            if (session.BatchesUnderWay > 0)
                await SettleOldestAsync(session).ConfigureAwait(false);
            else
                await ConnectAsync(session).ConfigureAwait(false);
            return;
        }
        var preparing = session.Preparing;
        if (_inStream && (preparing is null || session.BatchesUnderWay == 0))
            await GatherAsync().ConfigureAwait(false);
        if (preparing is not null && session.BatchesUnderWay > 0)
            await StepUnderWayAsync(session, preparing).ConfigureAwait(false);
        else if (session.Publisher is IWindowedPublisher windowed)
            await StepWindowAsync(session, windowed).ConfigureAwait(false);
        else if (TakeWork(session) is not { } work)
            await WaitForEventsAsync(session).ConfigureAwait(false);
        else if (preparing is not null)
            await SendAsync(session, preparing, work).ConfigureAwait(false);
        else
            await PublishAsync(session, work).ConfigureAwait(false);
    }

    /// <summary>
    /// The next batch, already under way and its call begun; null when there is none. All in one lock: a session that the watchdog abandons at
    /// this moment either has the batch, and gives it back, or never takes it.
    /// </summary>
    private LaneWork? TakeWork(LaneSession session, int most = int.MaxValue)
    {
        if (Options.LimitAge is not null)
            _journal.ApplyAgeLimit(Time.GetUtcNow());
        // Nothing that may fail stands between reading a batch and having it under way.
        var deadline = Time.GetTimestamp() + Ticks(Options.CallTimeout);
        LaneWork work;
        lock (_lock)
        {
            if (session.IsAbandoned || _held is not null)
                return null;
            if (_again.First is { } node)
            {
                _again.RemoveFirst();
                work = node.Value;
                if (work.Batch.Count > most)
                    work = Divide(work, most);
            }
            else
            {
                work = Spare();
                if (!TryRead(work, Math.Min(Options.BatchEvents, most)))
                {
                    _inStream = false;
                    _spare.Push(work);
                    return null;
                }
                _inStream = work.Batch.Count < SmallBatch;
            }
            work.Deadline = session.CallDeadline = deadline;
            session.Begin(work);
        }
        KeepWatch(session);
        if (work.WasTried)
            Interlocked.Add(ref _retried, work.Batch.Count);
        work.WasTried = true;
        return work;
    }

    private async ValueTask ConnectAsync(LaneSession session)
    {
        _state = _outage.IsOn ? LaneState.Retrying : LaneState.Connecting;
        string reason;
        if (!TryBeginCall(session))
            return;
        using var connecting = session.BeginConnect();
        try
        {
            session.Publisher ??= await _definition.CreatePublisher(connecting.Token).ConfigureAwait(false);
            WatchConnection(session);
            await session.Publisher.ConnectAsync(connecting.Token).ConfigureAwait(false);
            if (!EndCall(session))
                return;
            session.IsConnected = true;
            session.ConnectedAt = Time.GetTimestamp();
            // While nothing gets through, that a connection can be made is no news: a log that says 'connected' all night says the opposite of what is so.
            if (_outage.IsConnectNews(session.WasLostIdle))
                Log.LaneConnected(Logger, Id);
            else
                Log.LaneConnectedAgain(Logger, Id);
            if (_fresh)
                Succeed();
            else if (session.WasLostIdle)
                Calm();
            _fresh = session.WasLostIdle = false;
            _state = _outage is { IsOn: true, IsCalm: false } ? LaneState.Retrying : LaneState.Flowing;
            return;
        }
        catch (Exception e)
        {
            // Whatever a plugin throws while connecting means: not now.
            reason = Secrets.Mask(e.Message);
            if (!EndCall(session) || _stopped || _orphaned || _rotation is not null || _held is not null || IsDrained(session))
                return;
        }
        var wait = Fail(session, reason, null);
        // Once for each cause: a broker that is down for a night fills no log.
        if (IsNews(reason, wait))
            Log.ConnectFailed(Logger, Id, reason, wait.TotalSeconds);
        await BackOffAsync(session, wait).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask PublishAsync(LaneSession session, LaneWork work)
    {
        PublishResult result;
        Exception? thrown = null;
        try
        {
            result = await session.Publisher!.PublishAsync(work.Batch, session.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            (result, thrown) = (Verdicts.Of(e), e);
        }
        if (!EndCall(session, finished: work))
        {
            work.Batch.Close();
            return;
        }
        await FinishAsync(session, Judge(session, work, result, thrown)).ConfigureAwait(false);
    }
}
