namespace EvBus;

/// <summary>
/// A publisher on a context that a gatherer made: the context is disposed with it, and both are made again when the lane connects
/// a second time, which it does after <see cref="Verdict.Disconnected"/>.
/// </summary>
internal class GatheredPublisher(Func<object, IPublisher> create, Func<CancellationToken, ValueTask<object>> gather) : IConnectionWatch, IProgressReport
{
    private IPublisher? _publisher;
    private object? _gathered;
    private bool _used;

    /// <summary>Raised for whichever instance there is, where that speaks of its connection.</summary>
    public event Action? ConditionChanged;

    public ConnectionCondition Condition => (_publisher as IConnectionWatch)?.Condition ?? default;

    public long Progress => (_publisher as IProgressReport)?.Progress ?? 0;

    public TimeSpan? Patience => (_publisher as IProgressReport)?.Patience;

    /// <summary>Makes one on a context that is there already.</summary>
    public static async ValueTask<GatheredPublisher> CreateAsync(object first, Func<object, IPublisher> create, Func<CancellationToken, ValueTask<object>> gather)
    {
        var publisher = await MakeAsync(create, first).ConfigureAwait(false);
        var made = publisher is IWindowedPublisher ? new GatheredWindow(create, gather) : new GatheredPublisher(create, gather);
        (made._publisher, made._gathered) = (publisher, first);
        made.Listen();
        return made;
    }

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        if (_used)
        {
            await DisposeAsync().ConfigureAwait(false);
            var gathered = await gather(cancellationToken).ConfigureAwait(false);
            _publisher = await MakeAsync(create, gathered).ConfigureAwait(false);
            _gathered = gathered;
            Listen();
        }
        _used = true;
        await _publisher!.ConnectAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => _publisher!.PublishAsync(batch, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        var (publisher, gathered) = (_publisher, _gathered);
        (_publisher, _gathered) = (null, null);
        if (publisher is not null)
            await publisher.DisposeAsync().ConfigureAwait(false);
        await LetGoAsync(gathered).ConfigureAwait(false);
    }

    /// <summary>Disposes a context: itself, or what it has in it.</summary>
    public static async ValueTask LetGoAsync(object? gathered)
    {
        await DisposeAsync(gathered).ConfigureAwait(false);
        if (gathered is IReadOnlyDictionary<string, object?> map)
        {
            foreach (var value in map.Values)
                await DisposeAsync(value).ConfigureAwait(false);
        }
    }

    private void Listen()
    {
        if (_publisher is IConnectionWatch watch)
            watch.ConditionChanged += () => ConditionChanged?.Invoke();
    }

    private static async ValueTask<IPublisher> MakeAsync(Func<object, IPublisher> create, object gathered)
    {
        try
        {
            return create(gathered);
        }
        catch
        {
            await LetGoAsync(gathered).ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask DisposeAsync(object? value)
    {
        if (value is IAsyncDisposable asynchronous)
            await asynchronous.DisposeAsync().ConfigureAwait(false);
        else
            (value as IDisposable)?.Dispose();
    }

    /// <summary>The same around a publisher with a window, which the lane should go on seeing.</summary>
    private sealed class GatheredWindow(Func<object, IPublisher> create, Func<CancellationToken, ValueTask<object>> gather) : GatheredPublisher(create, gather), IWindowedPublisher
    {
        public int Window => ((IWindowedPublisher)_publisher!).Window;

        public ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken) =>
            ((IWindowedPublisher)_publisher!).WriteAsync(batch, cancellationToken);
    }
}
