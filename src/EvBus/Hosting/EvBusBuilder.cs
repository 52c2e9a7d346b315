using Microsoft.Extensions.Logging;

namespace EvBus;

/// <summary>Describes a bus before it starts. The same builder for a host (<c>services.AddEvBus(bus => …)</c>) and without one (<c>EventBus.StartAsync(bus => …)</c>). For one thread.</summary>
public sealed class EvBusBuilder
{
    internal EvBusBuilder(string name) => Name = name;

    /// <summary>The name of the bus.</summary>
    public string Name { get; }

    /// <summary>The bus's options; replace with <c>bus.Options = bus.Options with { … }</c>.</summary>
    public BusOptions Options { get; set; } = new();

    /// <summary>Where to log, without a host. Default: nowhere. A host's own logging wins.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The kinds of publisher that profiles may name. <c>internal</c> is there from the beginning.</summary>
    public IngressCatalog Catalog { get; } = new();

    /// <summary>Adds a kind of publisher, and with it a lane for each profile that names it (or one lane, if it needs no profile).</summary>
    /// <param name="descriptor">The kind.</param>
    /// <param name="pattern">For a kind that needs no profile: the pattern an event's profile must match. Default: every event.</param>
    /// <param name="lane">How its lanes work. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    public EvBusBuilder AddIngress(IngressDescriptor descriptor, string? pattern = null, LaneOptions? lane = null) => throw new NotImplementedException();

    /// <summary>Adds a publisher that is one function of an event: called for one event at a time, in order. Events are owned; keep them as you like.</summary>
    /// <param name="name">Its name, and the id of its lane.</param>
    /// <param name="publish">Completing means delivered; <see cref="RejectEventException"/> rejects; any other exception is tried again.</param>
    /// <param name="pattern">The pattern an event's profile must match. Default: every event.</param>
    /// <param name="lane">How its lane works. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    public EvBusBuilder AddIngress(string name, Func<BusEvent, CancellationToken, ValueTask> publish, string? pattern = null, LaneOptions? lane = null) => throw new NotImplementedException();

    /// <summary>Adds a publisher that is one function of a context and an event: one lane for each profile under its name, none without a profile.</summary>
    /// <param name="name">Its name, which is also the provider name of its profiles.</param>
    /// <param name="publish">As above; the context carries the profile and what a gatherer made of it.</param>
    /// <param name="lane">How its lanes work. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    public EvBusBuilder AddIngress(string name, Func<IngressContext, BusEvent, CancellationToken, ValueTask> publish, LaneOptions? lane = null) => throw new NotImplementedException();

    /// <summary>Adds a source of profiles; several are read in the order added.</summary>
    public EvBusBuilder AddProfiles(IProfileSource source) => throw new NotImplementedException();

    /// <summary>Adds a gatherer, which makes ready contexts of a provider's profiles.</summary>
    public EvBusBuilder AddGatherer(IProfileGatherer gatherer) => throw new NotImplementedException();

    /// <summary>Adds an internal queue without a profile: a lane <c>internal</c> that gets every event.</summary>
    /// <param name="routingKey">The queue's name in <see cref="EventBus.Queues"/>.</param>
    /// <param name="capacity">The most events it holds; a full queue makes its lane wait. 1 to 10,000,000; default 10,000.</param>
    /// <param name="pattern">The pattern an event's profile must match. Default: every event.</param>
    public EvBusBuilder AddInternalQueue(string routingKey, int capacity = 10_000, string? pattern = null) => throw new NotImplementedException();
}
