using System.Collections.Concurrent;
using System.Threading.Channels;

namespace EvBus;

/// <summary>The in-process queues that the <c>internal</c> publisher fills, one for each routing key. Safe from any thread.</summary>
public sealed class InternalQueues
{
    private readonly ConcurrentDictionary<string, Channel<BusEvent>> _queues = new(StringComparer.Ordinal);
    private volatile bool _completed;

    internal InternalQueues() { }

    /// <summary>The routing keys that have a queue.</summary>
    public IReadOnlyCollection<string> RoutingKeys => [.. _queues.Keys];

    /// <summary>Reads a queue as it fills, until the bus has stopped and the queue is empty. Several readers share the events.</summary>
    /// <param name="routingKey">The queue; it is made if it is not there yet.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public IAsyncEnumerable<BusEvent> ReadAllAsync(string routingKey, CancellationToken cancellationToken = default) =>
        Get(routingKey, DefaultCapacity).Reader.ReadAllAsync(cancellationToken);

    /// <summary>Takes the next event of a queue if there is one now.</summary>
    /// <param name="routingKey">The queue; one that is not there yet is empty.</param>
    /// <param name="evt">The event, owned.</param>
    public bool TryRead(string routingKey, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out BusEvent? evt)
    {
        evt = null;
        return _queues.TryGetValue(routingKey, out var queue) && queue.Reader.TryRead(out evt);
    }

    internal const int DefaultCapacity = 10_000;

    internal Channel<BusEvent> Get(string routingKey, int capacity)
    {
        var queue = _queues.GetOrAdd(routingKey, static (_, capacity) => Channel.CreateBounded<BusEvent>(capacity), capacity);
        if (_completed)
            queue.Writer.TryComplete();
        return queue;
    }

    internal void Complete()
    {
        _completed = true;
        foreach (var queue in _queues.Values)
            queue.Writer.TryComplete();
    }
}

/// <summary>Carries events into an in-process queue: enqueued is delivered. A full queue is given a moment (its reader's own pace), then the answer is Retry.</summary>
internal sealed class InternalPublisher(Channel<BusEvent> queue, TimeProvider time) : IPublisher
{
    private const string Full = "the internal queue is full: nobody reads it, or not fast enough";

    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    public async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        for (var i = 0; i < batch.Count; i++)
        {
            while (!queue.Writer.TryWrite(batch[i].ToEvent()))
            {
                if (await HasRoomAsync(cancellationToken).ConfigureAwait(false))
                    continue;
                if (i == 0)
                    return PublishResult.Retry(Full);
                var each = new EventVerdict[batch.Count];
                each.AsSpan(i).Fill(new EventVerdict(Verdict.Retry, Full));
                return PublishResult.Mixed(each);
            }
        }
        return PublishResult.Delivered;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask<bool> HasRoomAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Moment, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await queue.Writer.WaitToWriteAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
