namespace EvBus;

/// <summary>Sends what was prepared of a batch; completes when the destination has <b>acknowledged</b> it, and says what <see cref="IPublisher.PublishAsync"/> would.</summary>
/// <param name="cancellationToken">As in <see cref="IPublisher.PublishAsync"/>.</param>
public delegate ValueTask<PublishResult> PreparedSend(CancellationToken cancellationToken);

/// <summary>
/// A publisher that makes what it will send of a batch (a request, a file's block) while an earlier batch is under way, so that its line does not lie idle in between. One batch is sent at a time, in
/// order, and nothing is sent before all that was sent earlier is delivered.
/// </summary>
/// <remarks>
/// Without events enough for a full batch nothing is prepared ahead: events that come a little later would have to wait for another batch. Of an instance that is given up, <c>DisposeAsync</c> is called at
/// once, also while its last send still runs. A publisher that can have several batches on its line at a
/// time is an <see cref="IWindowedPublisher"/> instead; of one that is both, the lane uses the window. Decorators around it end the power: the lane calls <see cref="IPublisher.PublishAsync"/> then.
/// </remarks>
public interface IPreparingPublisher : IPublisher
{
    /// <summary>Makes what will be sent of a batch. Synchronous, and without I/O.</summary>
    /// <param name="batch">
    /// Borrowed until this call has returned, and again from the call of what it returns until that has ended. What was prepared may never be sent, if the batch before it fails: the events then
    /// come again, in this batch or another one.
    /// </param>
    /// <returns>What sends it. Called at most once, and no other at the same time.</returns>
    /// <remarks>
    /// Called by one thread at a time, also while the batch before is being sent. What is thrown here counts as if the send had thrown it. Not the place for what ages, such as the stamp of a
    /// signature: the send may come much later.
    /// </remarks>
    PreparedSend Prepare(EventBatch batch);

    ValueTask<PublishResult> IPublisher.PublishAsync(EventBatch batch, CancellationToken cancellationToken) => Prepare(batch)(cancellationToken);
}
