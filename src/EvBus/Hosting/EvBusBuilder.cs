using System.Runtime.CompilerServices;
using EvBus.Hosting;
using Microsoft.Extensions.Logging;

namespace EvBus;

/// <summary>Describes a bus before it starts. The same builder for a host (<c>services.AddEvBus(bus => …)</c>) and without one (<c>EventBus.StartAsync(bus => …)</c>). For one thread.</summary>
public sealed partial class EvBusBuilder
{
    private BusOptions _options = new();
    private bool _isClosed;

    private readonly List<(Predicate<string> Lanes, PublishDecorator Decorator)> _decorators = [];

    internal EvBusBuilder(string name, IServiceProvider? services = null)
    {
        Name = name;
        Catalogs.AddRange([Catalog, Gatherers, Serializers, Outputters]);
        foreach (var catalog in Catalogs)
            catalog.Services = services;
        foreach (var serializer in EventSerializer.All)
            Serializers.Add(new PluginDescriptor { Name = serializer.Name, Description = $"Bodies of objects as {serializer.ContentType}." }, () => serializer);
        Add(new IngressDescriptor
        {
            Name = "internal",
            Description = "A queue in this process, one for each routing_key, that code can read.",
            Example = """
                internal:
                  default:
                    routing_key: q1    # the queue; by default the profile's name
                """,
            Create = context => new InternalPublisher(
                context.Queues!.Get(context.Profile!.GetString("routing_key") ?? context.Profile.Name, InternalQueues.DefaultCapacity), context.Time),
        }, null, InternalLane, isBuiltIn: true);
    }

    // Its reader is in this process and comes back in moments, not in minutes.
    internal LaneOptions InternalLane => Options.Lane with { RetryInitial = TimeSpan.FromMilliseconds(10), RetryMax = TimeSpan.FromMilliseconds(250) };

    /// <summary>The name of the bus.</summary>
    public string Name { get; }

    /// <summary>The bus's options; replace with <c>bus.Options = bus.Options with { … }</c>.</summary>
    public BusOptions Options
    {
        get => _options;
        set
        {
            CheckOpen();
            _options = value;
        }
    }

    /// <summary>Where to log, without a host. Default: warnings and worse to standard error, nothing else (<c>NullLoggerFactory.Instance</c> for silence). A host's own logging wins.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The kinds of publisher that profiles may name. <c>internal</c> is there from the beginning.</summary>
    public PluginCatalog<IngressDescriptor> Catalog { get; } = new(PluginKinds.Ingress);

    /// <summary>The gatherers, each under the name of its provider; the first one of a provider is used.</summary>
    public PluginCatalog<IProfileGatherer> Gatherers { get; } = new(PluginKinds.Gatherer, NameConflict.First);

    /// <summary>The serializers; those of <see cref="EventSerializer.All"/> are there from the beginning. <c>bus.UseSerializer(name)</c> chooses one.</summary>
    public PluginCatalog<EventSerializer> Serializers { get; } = new(PluginKinds.Serializer);

    /// <summary>How programs print events; the bus itself uses none. <c>evbus-test --output NAME</c> chooses one.</summary>
    public PluginCatalog<IOutputter> Outputters { get; } = new(PluginKinds.Outputter);

    /// <summary>Adds a kind of publisher, and with it a lane for each profile that names it (or one lane, if it needs no profile).</summary>
    /// <param name="descriptor">The kind.</param>
    /// <param name="pattern">For a kind that needs no profile: the pattern an event's profile must match. Default: every event.</param>
    /// <param name="lane">How its lanes work. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    public EvBusBuilder AddIngress(IngressDescriptor descriptor, string? pattern = null, LaneOptions? lane = null) => Add(descriptor, pattern, lane, isBuiltIn: false);

    /// <summary>Adds a publisher that is one function of an event: called for one event at a time, in order. Events are owned; keep them as you like.</summary>
    /// <param name="name">Its name, and the id of its lane.</param>
    /// <param name="publish">Completing means delivered; <see cref="RejectEventException"/> rejects; any other exception is tried again.</param>
    /// <param name="pattern">The pattern an event's profile must match. Default: every event.</param>
    /// <param name="lane">How its lane works. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    [OverloadResolutionPriority(1)]
    public EvBusBuilder AddIngress(string name, Func<BusEvent, CancellationToken, ValueTask> publish, string? pattern = null, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(publish);
        return AddIngress(
            new IngressDescriptor { Name = name, NeedsProfile = false, Create = _ => new DelegatePublisher(publish) },
            pattern, (lane ?? Options.Lane) with { BatchEvents = 1 });
    }

    /// <summary>Adds a publisher that is one function of a context and an event: one lane for each profile under its name, none without a profile.</summary>
    /// <param name="name">Its name, which is also the provider name of its profiles.</param>
    /// <param name="publish">As above; the context carries the profile and what a gatherer made of it.</param>
    /// <param name="lane">How its lanes work. Default: the bus's <see cref="BusOptions.Lane"/>.</param>
    [OverloadResolutionPriority(1)]
    public EvBusBuilder AddIngress(string name, Func<IngressContext, BusEvent, CancellationToken, ValueTask> publish, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(publish);
        return AddIngress(
            new IngressDescriptor { Name = name, Create = context => new DelegatePublisher((evt, cancellationToken) => publish(context, evt, cancellationToken)) },
            null, (lane ?? Options.Lane) with { BatchEvents = 1 });
    }

    /// <summary>Adds a source of profiles; several are read in the order added.</summary>
    public EvBusBuilder AddProfiles(IProfileSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        CheckOpen();
        ProfileSources.Add(source);
        return this;
    }

    /// <summary>Adds a gatherer, which makes ready contexts of a provider's profiles.</summary>
    public EvBusBuilder AddGatherer(IProfileGatherer gatherer)
    {
        ArgumentNullException.ThrowIfNull(gatherer);
        CheckOpen();
        Gatherers.Add(gatherer.Provider, gatherer);
        return this;
    }

    /// <summary>Adds an internal queue without a profile: a lane <c>internal/routingKey</c> that gets every event.</summary>
    /// <param name="routingKey">The queue's name in <see cref="EventBus.Queues"/>.</param>
    /// <param name="capacity">The most events it holds; a full queue makes its lane wait. 1 to 10,000,000; default 10,000.</param>
    /// <param name="pattern">The pattern an event's profile must match. Default: every event.</param>
    public EvBusBuilder AddInternalQueue(string routingKey, int capacity = 10_000, string? pattern = null) => AddInternalQueue(routingKey, capacity, pattern, InternalLane);

    internal EvBusBuilder AddInternalQueue(string routingKey, int capacity, string? pattern, LaneOptions lane)
    {
        ArgumentException.ThrowIfNullOrEmpty(routingKey);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 10_000_000);
        CheckOpen();
        InternalQueueSizes.Add((routingKey, capacity));
        var descriptor = new IngressDescriptor
        {
            Name = $"internal/{routingKey}", NeedsProfile = false,
            Create = context => new InternalPublisher(context.Queues!.Get(routingKey, capacity), context.Time),
        };
        Added.Add(new AddedIngress(new Plugin<IngressDescriptor>(descriptor, () => descriptor), pattern, lane, IsBuiltIn: true));
        return this;
    }

    /// <summary>Wraps publishers, built-in ones too; see <see cref="PublishDecorator"/>. The first one added is the outermost.</summary>
    /// <param name="decorator">What happens before, after or instead of publishing.</param>
    /// <param name="lanes">The lanes whose publishers it wraps: an id or a glob over ids (<c>kafka/*</c>). Default: all.</param>
    public EvBusBuilder Decorate(PublishDecorator decorator, string lanes = "*")
    {
        ArgumentNullException.ThrowIfNull(decorator);
        ArgumentNullException.ThrowIfNull(lanes);
        CheckOpen();
        _decorators.Add((Lanes.LaneSelector.Create(lanes), decorator));
        return this;
    }

    /// <summary>Rejects single events before they reach a publisher: they are the lane's dead letters with the reason, and the others of the batch go on.</summary>
    /// <param name="why">Why an event must not be published; null when it may. Called for each event and each attempt, by several lanes at the same time; quick.</param>
    /// <param name="lanes">The lanes it guards: an id or a glob over ids. Default: all.</param>
    public EvBusBuilder Veto(Func<IngressContext, EventView, string?> why, string lanes = "*")
    {
        ArgumentNullException.ThrowIfNull(why);
        return Decorate(EvBus.Veto.Of(why), lanes);
    }

    internal PublishDecorator[] DecoratorsOf(string lane) => [.. _decorators.Where(each => each.Lanes(lane)).Select(each => each.Decorator)];

    /// <summary>For tests: fills memory with 0xDD as soon as no batch may use it any more, so that a view kept too long shows.</summary>
    internal bool PoisonReleasedMemory { get; set; }

    internal List<AddedIngress> Added { get; } = [];

    /// <summary>The internal queues added by code, which are there before anybody can read them.</summary>
    internal List<(string RoutingKey, int Capacity)> InternalQueueSizes { get; } = [];

    /// <summary>The bus is made: what is said to the builder from now on would be heard by nobody.</summary>
    internal void Close() => _isClosed = true;

    private void CheckOpen()
    {
        if (_isClosed)
            throw new InvalidOperationException($"The bus '{Name}' has been made, and its builder changes nothing any more. Say it inside the function that describes the bus, or add a lane to the running bus with bus.Lanes.AddAsync.");
    }

    /// <summary>The kinds of plugin that this bus takes.</summary>
    internal List<IPluginCatalog> Catalogs { get; } = [];

    /// <summary>Plugins that were found and are of a kind that this bus does not know.</summary>
    internal PluginCatalog<object> Strangers { get; } = new("unknown", NameConflict.KeepAll);

    /// <summary>Whether a plugin that cannot be used keeps the bus from starting.</summary>
    internal bool IsStrict { get; set; }

    internal List<IProfileSource> ProfileSources { get; } = [];

    private EvBusBuilder Add(IngressDescriptor descriptor, string? pattern, LaneOptions? lane, bool isBuiltIn)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        CheckOpen();
        Added.Add(new AddedIngress(Catalog.Add(descriptor), pattern, lane, isBuiltIn));
        return this;
    }
}
