using System.Collections.Concurrent;

namespace EvBus.Testing;

/// <summary>
/// A publisher that answers as its script says, then as <see cref="Otherwise"/> says, and remembers owned copies of what it delivered.
/// One instance may serve a lane through any number of rebuilds. Thread-safe.
/// </summary>
public class ScriptedPublisher : IPublisher
{
    private readonly ConcurrentQueue<Func<EventBatch, CancellationToken, ValueTask<PublishResult>>> _script = new();
    private readonly ConcurrentQueue<Func<CancellationToken, ValueTask>> _connects = new();
    private readonly Lock _lock = new();
    private readonly List<BusEvent> _delivered = [];
    private readonly List<int> _batches = [];
    private readonly List<(Func<bool> Reached, TaskCompletionSource Done)> _waiters = [];
    private int _calls;
    private int _connected;
    private int _disposed;

    /// <summary>What is answered once the script is at its end. Default: delivered.</summary>
    public Func<EventBatch, CancellationToken, ValueTask<PublishResult>> Otherwise { get; set; } = (_, _) => new(PublishResult.Delivered);

    /// <summary>Copies of the events that were answered with delivered, in order.</summary>
    public IReadOnlyList<BusEvent> Delivered
    {
        get
        {
            lock (_lock)
                return [.. _delivered];
        }
    }

    /// <summary>The sizes of all batches it was handed, in order.</summary>
    public IReadOnlyList<int> Batches
    {
        get
        {
            lock (_lock)
                return [.. _batches];
        }
    }

    /// <summary>How often it was called to publish.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>How often it was called to connect.</summary>
    public int Connects => Volatile.Read(ref _connected);

    /// <summary>How often it was disposed.</summary>
    public int Disposals => Volatile.Read(ref _disposed);

    /// <summary>Answers the next call that has no answer yet.</summary>
    public ScriptedPublisher Then(PublishResult result) => Then((_, _) => new(result));

    /// <summary>Throws from the next call that has no answer yet.</summary>
    public ScriptedPublisher ThenThrow(Exception exception) => Then((_, _) => throw exception);

    /// <summary>Leaves the next call hanging until it is cancelled.</summary>
    public ScriptedPublisher ThenHangUntilCancelled() => Then(async (_, cancellationToken) =>
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        return PublishResult.Delivered;
    });

    /// <summary>Leaves the next call hanging, deaf to its cancellation, until <paramref name="release"/> completes.</summary>
    public ScriptedPublisher ThenHang(Task release) => Then(async (_, _) =>
    {
        await release.ConfigureAwait(false);
        return PublishResult.Delivered;
    });

    /// <summary>Blocks the thread of the next call until <paramref name="release"/> completes.</summary>
    public ScriptedPublisher ThenBlock(Task release) => Then((_, _) =>
    {
        ((IAsyncResult)release).AsyncWaitHandle.WaitOne();
        return new(PublishResult.Delivered);
    });

    /// <summary>Answers the next call that has no answer yet with code.</summary>
    public ScriptedPublisher Then(Func<EventBatch, CancellationToken, ValueTask<PublishResult>> answer)
    {
        _script.Enqueue(answer);
        return this;
    }

    /// <summary>What the next call to connect does; without one it succeeds.</summary>
    public ScriptedPublisher OnConnect(Func<CancellationToken, ValueTask> connect)
    {
        _connects.Enqueue(connect);
        return this;
    }

    /// <summary>Completes when at least so many events were delivered.</summary>
    public Task WaitForEventsAsync(int count) => WaitAsync(() => _delivered.Count >= count);

    /// <summary>Completes when it was called at least so often.</summary>
    public Task WaitForCallsAsync(int count) => WaitAsync(() => _calls >= count);

    /// <inheritdoc/>
    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _connected);
        if (_connects.TryDequeue(out var connect))
            await connect(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var copies = batch.Select(evt => evt.ToEvent()).ToList();
        lock (_lock)
        {
            _calls++;
            _batches.Add(batch.Count);
            Signal();
        }
        var answer = _script.TryDequeue(out var scripted) ? scripted : Otherwise;
        var result = await answer(batch, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            if (result.Each is { } each)
                _delivered.AddRange(copies.Where((_, i) => each[i].Verdict == Verdict.Delivered));
            else if (result.Verdict == Verdict.Delivered)
                _delivered.AddRange(copies);
            Signal();
        }
        return result;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposed);
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private protected Task WaitAsync(Func<bool> reached)
    {
        lock (_lock)
        {
            if (reached())
                return Task.CompletedTask;
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((reached, done));
            return done.Task;
        }
    }

    /// <summary>Does something to what is waited for.</summary>
    private protected void Change(Action change)
    {
        lock (_lock)
        {
            change();
            Signal();
        }
    }

    private void Signal()
    {
        foreach (var (reached, done) in _waiters)
        {
            if (reached())
                done.TrySetResult();
        }
    }
}

/// <summary>As <see cref="ScriptedPublisher"/>, with a window: each answer is the acknowledgement of a batch that counts as written at once.</summary>
public class ScriptedWindowedPublisher : ScriptedPublisher, IWindowedPublisher
{
    /// <summary>How many events may be written and not acknowledged. Default: 1,000.</summary>
    public int Window { get; set; } = 1000;

    /// <inheritdoc/>
    public ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken) =>
        new(PublishAsync(batch, cancellationToken).AsTask());
}

/// <summary>As <see cref="ScriptedPublisher"/>, and it prepares: each answer is that of a batch that was made ready before.</summary>
public class ScriptedPreparingPublisher : ScriptedPublisher, IPreparingPublisher
{
    private int _preparations;

    /// <summary>Called with each batch that is prepared, by the thread that prepares, one at a time and with no lock held; what it throws is thrown. Default: nothing. Set it before the bus starts.</summary>
    public Action<EventBatch>? OnPrepare { get; set; }

    /// <summary>How often it was called to prepare. Any thread.</summary>
    public int Preparations => Volatile.Read(ref _preparations);

    /// <summary>Completes when it was called to prepare at least so often; never by itself otherwise, so give the wait a bound. Any thread.</summary>
    public Task WaitForPreparationsAsync(int count) => WaitAsync(() => _preparations >= count);

    /// <inheritdoc/>
    public PreparedSend Prepare(EventBatch batch)
    {
        Change(() => _preparations++);
        OnPrepare?.Invoke(batch);
        return cancellationToken => PublishAsync(batch, cancellationToken);
    }
}
