namespace EvBus;

/// <summary>A publisher that is one function of an owned event. Its lane hands it one at a time, so that each event fails, waits and is given up by itself.</summary>
internal sealed class DelegatePublisher(Func<BusEvent, CancellationToken, ValueTask> publish) : IPublisher
{
    public async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        foreach (var evt in batch)
            await publish(evt.ToEvent(), cancellationToken).ConfigureAwait(false);
        return PublishResult.Delivered;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
