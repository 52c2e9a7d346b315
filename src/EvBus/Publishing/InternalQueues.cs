namespace EvBus;

/// <summary>The in-process queues that the <c>internal</c> publisher fills, one for each routing key. Safe from any thread.</summary>
public sealed class InternalQueues
{
    /// <summary>Reads a queue as it fills, until the bus has stopped and the queue is empty. Several readers share the events.</summary>
    /// <param name="routingKey">The queue; it is made if it is not there yet.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public IAsyncEnumerable<BusEvent> ReadAllAsync(string routingKey, CancellationToken cancellationToken = default) => throw new NotImplementedException();
}
