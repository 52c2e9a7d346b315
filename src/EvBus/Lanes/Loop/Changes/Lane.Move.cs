namespace EvBus.Lanes;

// What an operator does to one lane while the rest runs: back, forward, and waiting until it is through.
internal sealed partial class Lane
{
    private readonly SemaphoreSlim _mover = new(1, 1);
    private readonly List<(ulong End, TaskCompletionSource Done)> _drains = [];
    private volatile Hold? _held;
    private volatile bool _isAskedToDrain;

    public async Task<long> MoveAsync(LanePlace to, bool isSkip, CancellationToken cancellationToken)
    {
        await _mover.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await HoldAsync(cancellationToken).ConfigureAwait(false);
            // Much of the log may have to be read.
            return await Task.Run(() => Move(to, isSkip), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            lock (_lock)
                _held = null;
            _mover.Release();
            Wake();
        }
    }

    public async Task DrainedAsync(Position end, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (IsThrough(end.Offset))
                return;
            if (_stopped || _state == LaneState.Stopped)
                throw Ended();
            _drains.Add((end.Offset, done));
            _isAskedToDrain = true;
        }
        Wake();
        try
        {
            await done.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_lock)
            {
                _drains.RemoveAll(drain => drain.Done == done);
                _isAskedToDrain = _drains.Count > 0;
            }
        }
    }

    /// <summary>Stops reading and waits until everything under way has its verdict.</summary>
    private async Task HoldAsync(CancellationToken cancellationToken)
    {
        var hold = new Hold();
        LaneSession? session;
        lock (_lock)
        {
            _held = hold;
            session = _session;
            // Nobody runs, so nothing is under way; whoever starts finds it held.
            if (session is null)
                hold.Settle();
        }
        // A connection that is being made has nothing under way; it is begun again.
        session?.CutConnect();
        session?.Signal.Set();
        await hold.Quiet.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private long Move(LanePlace to, bool isSkip)
    {
        var unread = new List<LaneWork>();
        lock (_lock)
        {
            while (_again.First is { } node)
            {
                _again.RemoveFirst();
                _journal.GiveBack(node.Value.Batch);
                unread.Add(node.Value);
            }
        }
        try
        {
            return _journal.Move(to, isSkip);
        }
        finally
        {
            // Only now: until the lane's place is before them, their batches keep them in memory.
            lock (_lock)
                unread.ForEach(Recycle);
        }
    }

    private bool IsThrough(ulong end)
    {
        var measure = _journal.Measure();
        return measure.Queued == 0 || measure.Cursor.Offset >= end;
    }

    private void AnswerDrained(LaneSession session)
    {
        if (!_isAskedToDrain || session.IsAbandoned)
            return;
        lock (_lock)
        {
            foreach (var (end, done) in _drains)
            {
                if (IsThrough(end))
                    done.TrySetResult();
                else if (session.BatchesUnderWay == 0 && _again.Count == 0 && _journal.IsThrough)
                    done.TrySetException(new EvBusException($"Lane '{Id}' has delivered what is on disk; the rest never gets there, as the journal cannot write any more. Mend the disk and start again."));
            }
        }
    }

    /// <summary>The lane is over: whoever waits for it waits in vain, unless it was through.</summary>
    private void EndDrains()
    {
        lock (_lock)
        {
            foreach (var (end, done) in _drains)
            {
                if (IsThrough(end))
                    done.TrySetResult();
                else
                    done.TrySetException(Ended());
            }
            _held?.Settle();
        }
    }

    private EvBusException Ended() => new($"Lane '{Id}' ended before it was through with what it had queued.");

    private sealed class Hold
    {
        private readonly TaskCompletionSource _quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Quiet => _quiet.Task;

        public void Settle() => _quiet.TrySetResult();
    }
}
