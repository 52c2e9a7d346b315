namespace EvBus.Ingress.RabbitMq;

/// <summary>Publishes the events of a lane over one link at a time, and replaces a dead one when the lane connects again.</summary>
internal sealed class RabbitMqPublisher(IngressContext context, RabbitMqOptions options) : IWindowedPublisher, IConnectionWatch, IConnectionTest, IProgressReport
{
    private volatile RabbitMqLink? _link;
    private bool _hasWarned;
    private WindowTuner _tuner = new(options.IsStrict);
    private readonly Lessons _lessons = new(context.Time);

    public event Action? ConditionChanged;

    public ConnectionCondition Condition => _link?.Condition ?? new(ConnectionState.Open);

    public int Window => _tuner.Window;

    /// <summary>Grows whenever the broker took something: confirmations, and where the system tells, bytes.</summary>
    public long Progress => _lessons.Progress;

    /// <summary>The longest it waits by itself.</summary>
    public TimeSpan? Patience => _link is { Patience: var patience } && patience > options.Connection.Timeout ? patience : options.Connection.Timeout;

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        WarnOnce();
        if (_link is { } old)
            await old.DisposeAsync().ConfigureAwait(false);
        if (_lessons.IsIsolating)
            Log.Isolating(context.Logger, context.LaneId);
        _tuner = new WindowTuner(options.IsStrict || _lessons.IsIsolating);
        _link = await RabbitMqLink.OpenAsync(context, options, _tuner, _lessons, OnChanged, cancellationToken).ConfigureAwait(false);
        ConditionChanged?.Invoke();
    }

    public ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        if (_link is not { } link)
            return new(Task.FromResult(PublishResult.Disconnected("it was never connected")));
        if (_lessons.IsThrough(batch[0].Position) && !options.IsStrict)
            _tuner.Open();
        return link.WriteAsync(batch, cancellationToken);
    }

    public async ValueTask TestAsync(CancellationToken cancellationToken)
    {
        var dialled = await Dialler.DialAsync(options, context.LaneId, context.Time, cancellationToken).ConfigureAwait(false);
        try
        {
            // What the profile wants made may well be missing still.
            if (options.Declare == RabbitMqDeclare.Active)
                await Topology.CompareAsync(dialled.Connection, options, context.Destination, cancellationToken).ConfigureAwait(false);
            else
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

    private void WarnOnce()
    {
        if (_hasWarned)
            return;
        _hasWarned = true;
        var connection = options.Connection;
        var remote = connection.Hosts.Where(each => !IsThisMachine(each.Host)).Select(each => Dialler.Address(each.Host, each.Port)).ToList();
        if (remote.Count > 0 && connection.Tls is not { Verifies: true })
            Log.NotPrivate(context.Logger, context.LaneId, string.Join(", ", remote), connection.Tls is null ? "has no TLS" : "verifies no certificate");
    }

    private static bool IsThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (System.Net.IPAddress.TryParse(host, out var address) && System.Net.IPAddress.IsLoopback(address));

    private void OnChanged(RabbitMqLink link)
    {
        if (link == _link)
            ConditionChanged?.Invoke();
    }
}
