namespace EvBus;

/// <summary>
/// A publisher that carries one event at a time: the smallest class a plugin can be, also one in a folder or a package. Events are handed over in order, each owned; keep them as you like.
/// </summary>
public abstract class EventPublisher : IPublisher
{
    /// <summary>Carries one event. Completing means delivered; <see cref="RejectEventException"/> rejects; any other exception is tried again.</summary>
    /// <param name="evt">The event, owned.</param>
    /// <param name="cancellationToken">Cancelled at the lane's time-out, and when the lane stops.</param>
    protected abstract ValueTask PublishAsync(BusEvent evt, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public virtual ValueTask ConnectAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(batch);
        EventVerdict[]? each = null;
        for (var i = 0; i < batch.Count; i++)
        {
            try
            {
                await PublishAsync(batch[i].ToEvent(), cancellationToken).ConfigureAwait(false);
            }
            catch (RejectEventException e) when (batch.Count > 1)
            {
                (each ??= new EventVerdict[batch.Count])[i] = new EventVerdict(Verdict.Rejected, e.Message);
            }
            catch (Exception e) when (i > 0)
            {
                // Those before it are delivered and must not come twice. It comes again as the first, and what it throws then is the lane's to judge.
                (each ??= new EventVerdict[batch.Count]).AsSpan(i).Fill(new EventVerdict(Verdict.Retry, $"{e.GetType().Name}: {e.Message}"));
                break;
            }
        }
        return each is null ? PublishResult.Delivered : PublishResult.Mixed(each);
    }

    /// <summary>Lets go of what the publisher holds. Default: nothing.</summary>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
