namespace EvBus;

/// <summary>
/// A publisher on a context that a gatherer made: the context is disposed with it, and both are made again when the lane connects
/// a second time, which it does after <see cref="Verdict.Disconnected"/>.
/// </summary>
internal sealed class GatheredPublisher(IPublisher publisher, object? gathered, Func<ValueTask<(IPublisher, object?)>> again) : IPublisher
{
    private bool _used;

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        if (_used)
        {
            await DisposeAsync().ConfigureAwait(false);
            (publisher, gathered) = await again().ConfigureAwait(false);
        }
        _used = true;
        await publisher.ConnectAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => publisher.PublishAsync(batch, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await publisher.DisposeAsync().ConfigureAwait(false);
        await DisposeAsync(gathered).ConfigureAwait(false);
        if (gathered is IReadOnlyDictionary<string, object?> map)
        {
            foreach (var value in map.Values)
                await DisposeAsync(value).ConfigureAwait(false);
        }
    }

    private static async ValueTask DisposeAsync(object? value)
    {
        if (value is IAsyncDisposable asynchronous)
            await asynchronous.DisposeAsync().ConfigureAwait(false);
        else
            (value as IDisposable)?.Dispose();
    }
}
