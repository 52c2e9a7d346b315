namespace EvBus.Benchmarks;

/// <summary>Counts events and confirms at once: what remains is the cost of the bus.</summary>
internal sealed class CountingPublisher : IPublisher
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _target;
    private long _count;

    public CountingPublisher(long target) => _target = target;

    public Task Reached => _reached.Task;

    public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        _count += batch.Count;
        if (_count >= _target)
            _reached.TrySetResult();
        return ValueTask.FromResult(PublishResult.Delivered);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
