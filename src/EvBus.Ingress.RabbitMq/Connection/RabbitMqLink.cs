using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace EvBus.Ingress.RabbitMq;

/// <summary>
/// One connection with one channel, from its birth to its end: it is never mended, only replaced. Whatever ends it — the broker, the operator, silence,
/// an exception, the lane — goes through <see cref="Kill"/>, once; after that every batch it was given has its verdict, even where a call of the client hangs.
/// </summary>
internal sealed partial class RabbitMqLink : IAsyncDisposable
{
    /// <summary>How many events go to the client before its own writer is let in: it rents a buffer for each, and the shared pool keeps few of a kind.</summary>
    private const int Burst = 32;

    /// <summary>Bytes a second: an event has at least the time that its body takes on such a line, also where nothing shows how far it is.</summary>
    private const int SlowestLine = 16 * 1024;

    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(1);

    private readonly IngressContext _context;
    private readonly RabbitMqOptions _options;
    private readonly Dialled _dialled;
    private readonly ConfirmRing _ring;
    private readonly Lessons _lessons;
    private readonly MessageWriter _messages;
    private readonly Returns _returns;
    private readonly TaskCompletionSource _dead = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<RabbitMqLink> _changed;
    private IChannel? _channel;
    private ITimer? _watchdog;
    private int _killed;
    private volatile string? _blocked;
    private volatile string? _lost;
    private Position _last;
    private long _taken;
    private long _patience;

    private RabbitMqLink(IngressContext context, RabbitMqOptions options, Dialled dialled, WindowTuner tuner, Lessons lessons, Action<RabbitMqLink> changed)
    {
        _context = context;
        _options = options;
        _dialled = dialled;
        _lessons = lessons;
        _ring = new ConfirmRing(context.Time, tuner, options.Exchange.Length == 0 ? "the default exchange" : $"exchange '{options.Exchange}'");
        _messages = new MessageWriter(options, context.Destination, dialled.Connection.FrameMax);
        _returns = new Returns(context.Time, options, context.Destination);
        _changed = changed;
    }

    public ConnectionCondition Condition =>
        _lost is { } lost ? new(ConnectionState.Lost, lost) : _blocked is { } blocked ? new(ConnectionState.Blocked, blocked) : new(ConnectionState.Open);

    /// <summary>How long it waits for the event that is next.</summary>
    public TimeSpan Patience => TimeSpan.FromTicks(Math.Max(Volatile.Read(ref _patience), _options.ConfirmTimeout.Ticks));

    public static async Task<RabbitMqLink> OpenAsync(
        IngressContext context, RabbitMqOptions options, WindowTuner tuner, Lessons lessons, Action<RabbitMqLink> changed, CancellationToken cancellationToken)
    {
        var dialled = await Dialler.DialAsync(options, context.LaneId, context.Time, cancellationToken).ConfigureAwait(false);
        var link = new RabbitMqLink(context, options, dialled, tuner, lessons, changed);
        try
        {
            await link.OpenChannelAsync(cancellationToken).ConfigureAwait(false);
            return link;
        }
        catch (Exception e)
        {
            link.Kill("it could not be opened");
            throw Reasons.Translate(e, options, dialled.Where);
        }
    }

    /// <summary>Writes a batch; the inner task has its result in any case, the outer one ends when all is written or the link is dead.</summary>
    public ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        var pending = new PendingBatch(batch.Count);
        if (!_ring.Begin(pending))
            return new(pending.Result);
        var registration = cancellationToken.UnsafeRegister(static link => ((RabbitMqLink)link!).Kill("the lane gave it up"), this);
        var writing = WriteAllAsync(batch);
        return writing.IsCompleted && registration.Unregister() ? new(pending.Result) : FinishAsync(writing.AsTask(), pending, registration);
    }

    /// <summary>Ends everything about it; the first reason counts. Any thread; does not wait for the network.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="closed">What the broker said when it closed it; null when it was not the broker.</param>
    public void Kill(string reason, ShutdownEventArgs? closed = null)
    {
        if (Interlocked.Exchange(ref _killed, 1) != 0)
            return;
        var maxLength = closed is null ? null : Reasons.MaxLength(closed);
        if (maxLength is { } most)
            _lessons.Learn(most);
        var suspicion = closed is null || maxLength is not null ? Suspicion.None : Reasons.Suspect(closed, _messages.HasConstantKey);
        _ring.Fail(reason, maxLength, suspicion == Suspicion.None ? null : underWay => _lessons.Judge(suspicion, _last, underWay));
        _lost = reason;
        lock (_dead)
            _watchdog?.Dispose();
        _dead.TrySetResult();
        _dialled.Cut();
        _changed(this);
    }

    /// <summary>Closes it in good order if it still lives, within a moment.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Volatile.Read(ref _killed) == 0)
            await _dialled.CloseAsync(TimeSpan.FromSeconds(2)).ConfigureAwait(false);
        Kill("it was closed");
    }

    private async Task OpenChannelAsync(CancellationToken cancellationToken)
    {
        var connection = _dialled.Connection;
        connection.ConnectionBlockedAsync += (_, e) => SetBlocked($"{_dialled.Where} takes no events: {e.Reason}. It goes on by itself once the broker has memory and disk to spare; 'rabbitmqctl status' names the alarm.");
        connection.ConnectionUnblockedAsync += (_, _) => SetBlocked(null);
        connection.ConnectionShutdownAsync += (_, e) => OnShutdown(e);
        await Topology.DeclareAsync(connection, _options, _context.Destination, cancellationToken).ConfigureAwait(false);
        _channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), cancellationToken)
            .ConfigureAwait(false);
        _channel.BasicAcksAsync += (_, e) => Confirm(e.DeliveryTag, e.Multiple, isAck: true);
        _channel.BasicNacksAsync += (_, e) => Confirm(e.DeliveryTag, e.Multiple, isAck: false);
        _channel.BasicReturnAsync += OnReturned;
        _channel.ChannelShutdownAsync += (_, e) => OnShutdown(e);
        lock (_dead)
        {
            // One that is dead already would never end it.
            if (Volatile.Read(ref _killed) == 0)
                _watchdog = _context.Time.CreateTimer(static link => ((RabbitMqLink)link!).Look(), this, s_look, s_look);
        }
        // What went while nobody listened yet.
        if (_channel.CloseReason is { } already)
            await OnShutdown(already).ConfigureAwait(false);
        if (_lost is { } lost)
            throw new EvBusException(lost) { IsTransient = true };
    }

    private async ValueTask WriteAllAsync(EventBatch batch)
    {
        var inOneGo = 0;
        var maxLength = _lessons.MaxLength;
        try
        {
            for (var i = 0; i < batch.Count; i++)
            {
                while (_ring.MustWait)
                {
                    await _ring.Leave(forRoom: true).ConfigureAwait(false);
                    if (!_ring.Enter())
                        return;
                }
                if (_messages.Write(batch[i]) is { } reason)
                    _ring.Reject(reason);
                else if (_messages.Body.Length > maxLength)
                    _ring.Reject(ConfirmRing.TooLarge(_messages.Body.Length, maxLength.Value));
                else if (!_ring.Add(_messages.Id, _messages.RoutingKey.Value, _messages.Body.Length))
                    return;
                else
                {
                    _last = batch[i].Position;
                    // A cancelled token would damage the client's count of what it sent: none is given, and Kill cuts the connection instead.
                    var trace = Tracing.Begin(_messages.TraceParent, _messages.TraceState);
                    var publishing = _channel!.BasicPublishAsync(
                        _messages.Exchange, _messages.RoutingKey, _options.IsMandatory, _messages.Properties, _messages.Body, CancellationToken.None);
                    trace?.Dispose();
                    if (publishing.IsCompletedSuccessfully && ++inOneGo < Burst)
                        continue;
                    await _ring.Leave(forRoom: false).ConfigureAwait(false);
                    if (publishing.IsCompletedSuccessfully)
                        await Task.Yield();
                    else
                        await publishing.ConfigureAwait(false);
                    inOneGo = 0;
                    if (!_ring.Enter())
                        return;
                }
            }
        }
        catch (Exception e)
        {
            // The client may notice here what the broker said before it tells anybody else.
            Kill(Reasons.Describe(e, _options, _dialled.Where), (e as OperationInterruptedException)?.ShutdownReason);
        }
        _ring.End();
    }

    private async ValueTask<Task<PublishResult>> FinishAsync(Task writing, PendingBatch pending, CancellationTokenRegistration registration)
    {
        // A publish of the client can hang for ever; a dead link does not wait for it.
        await Task.WhenAny(writing, _dead.Task).ConfigureAwait(false);
        await registration.DisposeAsync().ConfigureAwait(false);
        return pending.Result;
    }
}
