using EvBus.Telemetry;

namespace EvBus.Lanes;

// A publisher is exchanged while the lane runs: the new one connects beside the old, then the window moves, then the old one is closed.
internal sealed partial class Lane
{
    /// <summary>Whose secrets are still hidden: instances made of so many former profiles may be closing.</summary>
    private const int Remembered = 8;

    private readonly Queue<ProfileSecrets> _former = new();
    private volatile Rotation? _rotation;
    private Task _beside = Task.CompletedTask;
    private bool _fresh;

    /// <summary>Replaces the publisher by one made from <paramref name="definition"/>; the lane keeps its cursor and its ledger. The last call wins.</summary>
    /// <param name="definition">The same lane with another publisher.</param>
    /// <param name="isExclusive">The destination takes one instance at a time: the old one is closed before the new one connects.</param>
    public void Rotate(LaneDefinition definition, bool isExclusive)
    {
        var next = new Rotation(definition, isExclusive);
        Rotation? before;
        LaneSession? session;
        lock (_lock)
        {
            if (_stopped)
                return;
            (before, session) = (_rotation, _session);
            _rotation = session is null ? null : next;
            if (session is null)
                Become(definition);
        }
        GiveUp(before);
        if (session is null)
            return;
        if (session.IsConnected)
            BeginBeside(next);
        else
            session.CutConnect();
        session.Signal.Set();
    }

    /// <summary>Whether the lane should hold on now and change to its new publisher.</summary>
    private bool MustRotate(LaneSession session) => _rotation is { } rotation && (rotation.AtOnce || rotation.Ready is not null || !session.IsConnected);

    private async ValueTask RotateAsync(LaneSession session)
    {
        // What the old one has under way it has to answer for first; so order survives and nothing is sent twice.
        if (session.BatchesUnderWay > 0)
        {
            await SettleOldestAsync(session).ConfigureAwait(false);
            return;
        }
        Rotation rotation;
        IPublisher? old;
        lock (_lock)
        {
            if (session.IsAbandoned || !MustRotate(session))
                return;
            rotation = _rotation!;
            _rotation = null;
            Become(rotation.Definition);
            (old, session.Publisher, rotation.Ready) = (session.Publisher, rotation.Ready, null);
            session.IsConnected = session.Publisher is not null;
            WatchConnection(session);
        }
        rotation.Dispose();
        if (session.IsConnected)
        {
            Log.LaneRotated(Logger, Id);
            Succeed();
            CloseBeside(old);
            return;
        }
        _fresh = true;
        if (!rotation.AtOnce)
        {
            CloseBeside(old);
            return;
        }
        // A call like any other: an instance that does not end is noticed, and left behind.
        if (!TryBeginCall(session))
            return;
        await Task.Run(() => DisposePublisherAsync(old).AsTask()).ConfigureAwait(false);
        EndCall(session);
    }

    private void BeginBeside(Rotation rotation)
    {
        if (rotation.AtOnce || !rotation.TryBegin())
            return;
        using (ExecutionContext.SuppressFlow())
            Beside(Task.Run(() => ConnectBesideAsync(rotation)));
    }

    private async Task ConnectBesideAsync(Rotation rotation)
    {
        LaneFlow.Enter(_filter);
        var retry = new RetrySchedule(Options.RetryInitial, Options.RetryMax, _services.Random(Id));
        var hanging = new List<Task>();
        try
        {
            while (!rotation.Over.IsCancellationRequested)
            {
                var (publisher, reason) = await TryConnectBesideAsync(rotation, hanging).ConfigureAwait(false);
                if (publisher is not null)
                {
                    Offer(rotation, publisher);
                    return;
                }
                rotation.Over.ThrowIfCancellationRequested();
                var wait = retry.Next(null);
                // Once for each cause, as everywhere.
                if (rotation.Trouble != reason)
                    Log.RotationFailed(Logger, Id, reason!, wait.TotalSeconds);
                else
                    Log.StillFailing(Logger, Id, reason!, wait.TotalSeconds);
                rotation.Trouble = reason;
                await Task.Delay(wait, Time, rotation.Over).ConfigureAwait(false);
                hanging.RemoveAll(call => call.IsCompleted);
                if (hanging.Count > Options.MaxAbandonedCalls)
                    await Task.WhenAny(hanging).WaitAsync(rotation.Over).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The lane went on without it, or ended.
        }
        // A stop waits a moment for these.
        await Task.WhenAll(hanging).ConfigureAwait(false);
    }

    private async Task<(IPublisher? Publisher, string? Reason)> TryConnectBesideAsync(Rotation rotation, List<Task> hanging)
    {
        var late = new CancellationTokenSource(WholeMilliseconds(Options.CallTimeout), Time);
        var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, rotation.Over);
        IPublisher? publisher = null;
        var call = Task.Run(async () =>
        {
            publisher = await rotation.Definition.CreatePublisher(either.Token).ConfigureAwait(false);
            await publisher.ConnectAsync(either.Token).ConfigureAwait(false);
        });
        string reason;
        try
        {
            await call.WaitAsync(either.Token).ConfigureAwait(false);
            either.Dispose();
            late.Dispose();
            return (publisher, null);
        }
        catch (Exception e)
        {
            reason = late.IsCancellationRequested ? $"the publisher did not connect within {Options.CallTimeout}" : rotation.Definition.Secrets.Mask(e.Message);
        }
        hanging.Add(CleanUpAsync());
        return (null, $"the changed profile cannot be used, the old one goes on: {reason}");

        async Task CleanUpAsync()
        {
            await call.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await DisposePublisherAsync(publisher).ConfigureAwait(false);
            either.Dispose();
            late.Dispose();
        }
    }

    private void Offer(Rotation rotation, IPublisher publisher)
    {
        lock (_lock)
        {
            if (_rotation == rotation && !_stopped)
            {
                rotation.Ready = publisher;
                publisher = null!;
            }
        }
        CloseBeside(publisher);
        Wake();
    }

    /// <summary>Nobody waits for this one any more.</summary>
    private void GiveUp(Rotation? rotation)
    {
        if (rotation is null)
            return;
        IPublisher? ready;
        lock (_lock)
        {
            (ready, rotation.Ready) = (rotation.Ready, null);
            Remember(rotation.Definition.Secrets);
        }
        rotation.Dispose();
        CloseBeside(ready);
    }

    /// <summary>Closes an instance that has nothing under way, without holding the lane up.</summary>
    private void CloseBeside(IPublisher? publisher)
    {
        if (publisher is not null)
            Beside(Task.Run(() => DisposePublisherAsync(publisher).AsTask()));
    }

    private void Beside(Task task)
    {
        lock (_lock)
            _beside = Task.WhenAll(_beside, task);
    }

    // Under the lock.
    private void Become(LaneDefinition definition)
    {
        Remember(_definition.Secrets);
        _definition = definition;
    }

    private void Remember(ProfileSecrets secrets)
    {
        if (secrets.IsEmpty)
            return;
        _former.Enqueue(secrets);
        if (_former.Count > Remembered)
            _former.Dequeue();
    }

    /// <summary>Hides the secrets of the present profile, of the next and of former ones: an instance that is being closed may be of any of them.</summary>
    public string MaskAll(string text)
    {
        lock (_lock)
        {
            text = _former.Aggregate(Secrets.Mask(text), (masked, secrets) => secrets.Mask(masked));
            return _rotation is { } rotation ? rotation.Definition.Secrets.Mask(text) : text;
        }
    }
}
