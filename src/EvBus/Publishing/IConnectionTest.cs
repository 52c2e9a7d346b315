namespace EvBus;

/// <summary>
/// An optional power of an <see cref="IPublisher"/>: to try its connection without sending anything. <c>evbus-test connect</c> asks every
/// publisher that has it; one without is tried with <see cref="IPublisher.ConnectAsync"/>.
/// </summary>
/// <remarks>Called on an instance that serves no lane, once, before it is disposed; never while the same instance publishes.</remarks>
public interface IConnectionTest
{
    /// <summary>
    /// Connects, logs in, checks that the destination is there as far as that can be known without an event, and closes again. Sends no event, declares
    /// nothing and changes nothing at the destination.
    /// </summary>
    /// <param name="cancellationToken">Ends the attempt; the caller cancels it at its own time-out, so an implementation needs none.</param>
    /// <exception cref="EvBusException">It does not work. The message says what is wrong and what to do, and holds no secret.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask TestAsync(CancellationToken cancellationToken);
}
