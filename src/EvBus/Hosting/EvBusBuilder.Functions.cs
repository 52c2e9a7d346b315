using System.Runtime.CompilerServices;

namespace EvBus;

// The other shapes a function may have that is a publisher. A lambda fits several of them; the order of preference keeps the compiler from asking which.
public sealed partial class EvBusBuilder
{
    /// <summary>As the form with a <see cref="ValueTask"/>, for a function that returns a <see cref="Task"/>.</summary>
    /// <param name="name">Its name, and the id of its lane.</param>
    /// <param name="publish">Completing means delivered; <see cref="RejectEventException"/> rejects; any other exception is tried again.</param>
    /// <param name="pattern">The pattern an event's profile must match. Default: every event.</param>
    /// <param name="lane">How its lane works. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    public EvBusBuilder AddIngress(string name, Func<BusEvent, CancellationToken, Task> publish, string? pattern = null, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(publish);
        return AddIngress(name, (BusEvent evt, CancellationToken cancellationToken) => new ValueTask(publish(evt, cancellationToken)), pattern, lane);
    }

    /// <summary>As the form with a token, for a function without one: a stop and a time-out do not reach it, so it should be short.</summary>
    /// <param name="name">Its name, and the id of its lane.</param>
    /// <param name="publish">Completing means delivered; <see cref="RejectEventException"/> rejects; any other exception is tried again.</param>
    /// <param name="pattern">The pattern an event's profile must match. Default: every event.</param>
    /// <param name="lane">How its lane works. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    [OverloadResolutionPriority(1)]
    public EvBusBuilder AddIngress(string name, Func<BusEvent, ValueTask> publish, string? pattern = null, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(publish);
        return AddIngress(name, (BusEvent evt, CancellationToken _) => publish(evt), pattern, lane);
    }

    /// <summary>As the form with a token, for a function without one that returns a <see cref="Task"/>.</summary>
    /// <param name="name">Its name, and the id of its lane.</param>
    /// <param name="publish">Completing means delivered; <see cref="RejectEventException"/> rejects; any other exception is tried again.</param>
    /// <param name="pattern">The pattern an event's profile must match. Default: every event.</param>
    /// <param name="lane">How its lane works. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    public EvBusBuilder AddIngress(string name, Func<BusEvent, Task> publish, string? pattern = null, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(publish);
        return AddIngress(name, (BusEvent evt, CancellationToken _) => new ValueTask(publish(evt)), pattern, lane);
    }

    /// <summary>Adds a publisher that is one synchronous function: returning means delivered. It holds up its own lane only, and should be short.</summary>
    /// <param name="name">Its name, and the id of its lane.</param>
    /// <param name="publish"><see cref="RejectEventException"/> rejects; any other exception is tried again.</param>
    /// <param name="pattern">The pattern an event's profile must match. Default: every event.</param>
    /// <param name="lane">How its lane works. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    [OverloadResolutionPriority(-1)]
    public EvBusBuilder AddIngress(string name, Action<BusEvent> publish, string? pattern = null, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(publish);
        return AddIngress(
            name,
            (BusEvent evt, CancellationToken _) =>
            {
                publish(evt);
                return ValueTask.CompletedTask;
            },
            pattern,
            lane);
    }

    /// <summary>As the form with a context and a <see cref="ValueTask"/>, for a function that returns a <see cref="Task"/>.</summary>
    /// <param name="name">Its name, which is also the provider name of its profiles.</param>
    /// <param name="publish">Completing means delivered; <see cref="RejectEventException"/> rejects; any other exception is tried again. The context carries the profile and what a gatherer made of it.</param>
    /// <param name="lane">How its lanes work. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    public EvBusBuilder AddIngress(string name, Func<IngressContext, BusEvent, CancellationToken, Task> publish, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(publish);
        return AddIngress(name, (IngressContext context, BusEvent evt, CancellationToken cancellationToken) => new ValueTask(publish(context, evt, cancellationToken)), lane);
    }
}
