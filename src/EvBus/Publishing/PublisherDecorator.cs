namespace EvBus;

/// <summary>The rest of the way of a batch: the next decorator, or the publisher.</summary>
/// <param name="batch">The batch, or some of its events in their order.</param>
/// <param name="cancellationToken">The lane's.</param>
public delegate ValueTask<PublishResult> PublishNext(EventBatch batch, CancellationToken cancellationToken);

/// <summary>
/// Wraps the publishing of batches: what stands before <c>next</c> happens before, what stands behind it after the destination has acknowledged, and without it instead.
/// Several stand around each other in the order they were added, the first one outermost.
/// </summary>
/// <remarks>
/// The result means what a publisher's own would: <see cref="PublishResult.Rejected"/> is a veto, an exception a retry. One that changes the result answers for it:
/// "delivered" without <c>next</c> means that the events are gone. Called once for each batch a lane carries, by several lanes at the same time, and with
/// a window by one lane several times at the same time, of which each call is written before the next one begins.
/// </remarks>
/// <param name="context">The lane's context.</param>
/// <param name="batch">Borrowed until the returned task ends.</param>
/// <param name="next">The rest of the way. Called at most once, before the returned task ends, and awaited.</param>
/// <param name="cancellationToken">Cancelled at the lane's time-out.</param>
public delegate ValueTask<PublishResult> PublishDecorator(IngressContext context, EventBatch batch, PublishNext next, CancellationToken cancellationToken);

/// <summary>
/// A publisher with decorators around it. There is none around a publisher without decorators, so those cost nothing where they are not used. With a
/// window, a batch counts as written when the publisher has written it, or when the decorators are through without having asked it.
/// </summary>
internal class DecoratedPublisher : IConnectionWatch, IProgressReport
{
    private readonly Func<PublishNext, PublishNext> _decorate;
    private readonly PublishNext _first;
    private readonly IConnectionWatch? _watch;

    private DecoratedPublisher(IPublisher inner, Func<PublishNext, PublishNext> decorate)
    {
        Inner = inner;
        _watch = inner as IConnectionWatch;
        _decorate = decorate;
        _first = decorate(inner.PublishAsync);
    }

    public event Action? ConditionChanged
    {
        add
        {
            if (_watch is not null)
                _watch.ConditionChanged += value;
        }
        remove
        {
            if (_watch is not null)
                _watch.ConditionChanged -= value;
        }
    }

    public IPublisher Inner { get; }

    public ConnectionCondition Condition => _watch?.Condition ?? default;

    public long Progress => (Inner as IProgressReport)?.Progress ?? 0;

    public TimeSpan? Patience => (Inner as IProgressReport)?.Patience;

    public static IPublisher Around(IPublisher publisher, IngressContext context, IReadOnlyList<PublishDecorator> decorators)
    {
        if (decorators.Count == 0)
            return publisher;
        return publisher is IWindowedPublisher windowed ? new Windowed(windowed, Decorate) : new DecoratedPublisher(publisher, Decorate);

        PublishNext Decorate(PublishNext last) => decorators.Reverse().Aggregate(last, (next, decorator) => (batch, cancellationToken) => decorator(context, batch, next, cancellationToken));
    }

    public ValueTask ConnectAsync(CancellationToken cancellationToken) => Inner.ConnectAsync(cancellationToken);

    public virtual ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => _first(batch, cancellationToken);

    public ValueTask DisposeAsync() => Inner.DisposeAsync();

    private sealed class Windowed(IWindowedPublisher inner, Func<PublishNext, PublishNext> decorate) : DecoratedPublisher(inner, decorate), IWindowedPublisher
    {
        private IWindowedPublisher Publisher => (IWindowedPublisher)Inner;

        public int Window => Publisher.Window;

        public override async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) =>
            await (await WriteAsync(batch, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);

        public async ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            var write = new Write(Publisher);
            var acknowledged = _decorate(write.NextAsync)(batch, cancellationToken).AsTask();
            await Task.WhenAny(write.Written, acknowledged).ConfigureAwait(false);
            return acknowledged;
        }
    }

    /// <summary>One batch on its way through the decorators.</summary>
    private sealed class Write(IWindowedPublisher publisher)
    {
        private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _calls;

        public Task Written => _written.Task;

        public async ValueTask<PublishResult> NextAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _calls) > 1)
                throw new InvalidOperationException("A decorator called 'next' twice for one batch, which would write it behind later ones. Return Retry instead: the lane tries again in order.");
            var acknowledged = await publisher.WriteAsync(batch, cancellationToken).ConfigureAwait(false);
            _written.SetResult();
            return await acknowledged.ConfigureAwait(false);
        }
    }
}

/// <summary>A decorator that rejects single events and lets the others through.</summary>
internal static class Veto
{
    public static PublishDecorator Of(Func<IngressContext, EventView, string?> why) => (context, batch, next, cancellationToken) =>
    {
        EventVerdict[]? each = null;
        for (var i = 0; i < batch.Count; i++)
        {
            if (why(context, batch[i]) is { } reason)
                (each ??= new EventVerdict[batch.Count])[i] = new EventVerdict(Verdict.Rejected, reason);
        }
        return each is null ? next(batch, cancellationToken) : PublishRestAsync(batch, each, next, cancellationToken);
    };

    private static async ValueTask<PublishResult> PublishRestAsync(EventBatch batch, EventVerdict[] each, PublishNext next, CancellationToken cancellationToken)
    {
        var kept = Enumerable.Range(0, each.Length).Where(i => each[i].Verdict != Verdict.Rejected).ToArray();
        if (kept.Length == 0)
            return PublishResult.Mixed(each);
        var rest = batch.Pick(kept);
        try
        {
            var result = await next(rest, cancellationToken).ConfigureAwait(false);
            // A rejection of several is for the lane to look at in halves, the vetoed among them.
            if (result.Each is null && result.Verdict == Verdict.Rejected && kept.Length > 1)
                return result;
            if (result.Each is { } verdicts && verdicts.Count != kept.Length)
                return PublishResult.Retry($"the publisher gave {verdicts.Count} verdicts for {kept.Length} events");
            for (var i = 0; i < kept.Length; i++)
                each[kept[i]] = result.Each is { } mixed ? mixed[i] : new EventVerdict(result.Verdict, result.Reason);
            return PublishResult.Mixed(each, result.RetryAfter);
        }
        finally
        {
            rest.Close();
        }
    }
}
