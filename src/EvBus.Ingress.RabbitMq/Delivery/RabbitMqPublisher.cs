namespace EvBus.Ingress.RabbitMq;

/// <summary>Publishes the events of a lane over one link at a time, and replaces a dead one when the lane connects again.</summary>
internal sealed class RabbitMqPublisher(IngressContext context, RabbitMqOptions options) : IWindowedPublisher, IConnectionWatch, IConnectionTest
{
    private volatile RabbitMqLink? _link;
    private WindowTuner _tuner = new(options.IsStrict);
    private long? _maxLength;

    public event Action? ConditionChanged;

    public ConnectionCondition Condition => _link?.Condition ?? new(ConnectionState.Open);

    public int Window => _tuner.Window;

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        if (_link is { } old)
        {
            // What the broker said about sizes holds for the next connection too, or the same event would end that as well.
            _maxLength = old.MaxLength ?? _maxLength;
            await old.DisposeAsync().ConfigureAwait(false);
        }
        _tuner = new WindowTuner(options.IsStrict);
        _link = await RabbitMqLink.OpenAsync(context, options, _tuner, OnChanged, cancellationToken).ConfigureAwait(false);
        ConditionChanged?.Invoke();
    }

    public ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken) => _link is { } link
        ? link.WriteAsync(batch, _maxLength, cancellationToken)
        : new(Task.FromResult(PublishResult.Disconnected("it was never connected")));

    public async ValueTask TestAsync(CancellationToken cancellationToken)
    {
        var dialled = await Dialler.DialAsync(options, context.LaneId, context.Time, cancellationToken).ConfigureAwait(false);
        try
        {
            // What the profile wants made may well be missing still.
            if (options.Declare != RabbitMqDeclare.Active)
                await Topology.CheckAsync(dialled.Connection, options, context.Destination, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Reasons.Translate(e, options, dialled.Where);
        }
        finally
        {
            await dialled.CloseAsync(TimeSpan.FromSeconds(2)).ConfigureAwait(false);
            dialled.Cut();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_link is { } link)
            await link.DisposeAsync().ConfigureAwait(false);
    }

    private void OnChanged(RabbitMqLink link)
    {
        if (link == _link)
            ConditionChanged?.Invoke();
    }
}
