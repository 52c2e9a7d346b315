namespace EvBus;

/// <summary>
/// An ingress publisher: carries events out of the bus, into one destination. One instance serves one lane, and one call
/// is made at a time.
/// </summary>
/// <remarks>
/// Never retry, reconnect, buffer or log per event in here: the lane does. A thrown exception means
/// <see cref="PublishResult.Retry"/>, and <see cref="RejectEventException"/> a rejection, so no catch-all is needed.
/// New powers come as optional interfaces (<see cref="IWindowedPublisher"/>, <see cref="IPreparingPublisher"/>), never as new members.
/// </remarks>
public interface IPublisher : IAsyncDisposable
{
    /// <summary>Called before the first batch, and again after <see cref="Verdict.Disconnected"/>, with back-off until it succeeds.</summary>
    /// <param name="cancellationToken">Cancelled at the lane's time-out, and when the lane stops.</param>
    ValueTask ConnectAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Carries a batch; completes when the destination has <b>acknowledged</b> it.</summary>
    /// <param name="batch">Borrowed until the returned task ends. <see cref="EventView.ToEvent"/> makes an owned copy.</param>
    /// <param name="cancellationToken">Cancelled at the lane's time-out. A call that ends later costs this instance its place, not its neighbours anything.</param>
    ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken);
}

/// <summary>
/// A publisher that keeps a window open: several batches written, none of them acknowledged yet. The lane calls
/// <see cref="WriteAsync"/> instead of <see cref="IPublisher.PublishAsync"/>, and starts the next call when the last one has returned,
/// so the order on the wire is the order of the calls.
/// </summary>
public interface IWindowedPublisher : IPublisher
{
    /// <summary>Writes a batch. The outer task completes when it is <b>written</b>, the inner one when it is <b>acknowledged</b>.</summary>
    /// <param name="batch">Borrowed until the <b>inner</b> task ends.</param>
    /// <param name="cancellationToken">As in <see cref="IPublisher.PublishAsync"/>.</param>
    ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken);

    /// <summary>How many events may be written and not yet acknowledged, at this moment. The lane asks before each write, and writes while fewer are: so one batch, which is no larger than the window, may go beyond it.</summary>
    int Window { get; }

    async ValueTask<PublishResult> IPublisher.PublishAsync(EventBatch batch, CancellationToken cancellationToken) =>
        await (await WriteAsync(batch, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
}
