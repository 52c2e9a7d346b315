namespace EvBus;

/// <summary>A bus of one's own, with or without a host.</summary>
public sealed class EventBus : IEventBus, IAsyncDisposable
{
    /// <summary>Makes a bus that is not started: puts are kept until it is.</summary>
    /// <param name="configure">Describes it.</param>
    /// <exception cref="EvBusConfigurationException">The description cannot work; all errors at once.</exception>
    public static EventBus Create(Action<EvBusBuilder> configure) => throw new NotImplementedException();

    /// <summary>Makes a bus and starts it.</summary>
    /// <param name="configure">Describes it.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="EvBusConfigurationException">The description or a profile cannot work; all errors at once.</exception>
    public static Task<EventBus> StartAsync(Action<EvBusBuilder> configure, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public string Name => throw new NotImplementedException();

    /// <inheritdoc/>
    public EventSerializer Serializer => throw new NotImplementedException();

    /// <inheritdoc/>
    public ILanes Lanes => throw new NotImplementedException();

    /// <summary>The internal queues, by routing key.</summary>
    public InternalQueues Queues => throw new NotImplementedException();

    /// <summary>Reads the profiles, opens the lanes and delivers what was put before. A second start does nothing.</summary>
    public Task StartAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Closes the door, drains the lanes until the deadline, disposes the publishers, and returns the final ledger. Stopping twice is harmless: the second call waits for the first.</summary>
    /// <param name="deadline">How long to drain. Default: <see cref="BusOptions.StopTimeout"/>.</param>
    /// <param name="cancellationToken">Ends the draining at once.</param>
    public Task<BusStatus> StopAsync(TimeSpan? deadline = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask<PutResult> PutAsync(BusEvent evt, Receipt receipt = default, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask<PutManyResult> PutManyAsync(IReadOnlyList<BusEvent> events, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public PutResult TryPut(BusEvent evt) => throw new NotImplementedException();

    /// <inheritdoc/>
    public PutResult TryPut(ReadOnlySpan<byte> body, in EventAttributes attributes) => throw new NotImplementedException();

    /// <inheritdoc/>
    public BusStatus GetStatus() => throw new NotImplementedException();

    /// <summary>Stops, with the deadline of the options, and lets go of everything.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
