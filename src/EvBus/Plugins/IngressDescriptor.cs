namespace EvBus;

/// <summary>What the bus knows about a kind of ingress publisher before it makes one.</summary>
public sealed record IngressDescriptor : PluginDescriptor
{
    /// <summary>Makes one of the kind <see cref="PluginKinds.Ingress"/>.</summary>
    public IngressDescriptor() => Kind = PluginKinds.Ingress;

    /// <summary>The destinations a profile names, each of which gets a lane of its own. Default: one, without a name.</summary>
    /// <remarks>Throws <see cref="EvBusConfigurationException"/> when the profile cannot work.</remarks>
    public Func<Profile, IReadOnlyList<string>>? Destinations { get; init; }

    /// <summary>Checks a profile without connecting. Default: no check beyond unknown keys. Returns errors, each with its remedy and no secret.</summary>
    public Func<Profile, IReadOnlyList<string>>? Validate { get; init; }

    /// <summary>
    /// Whether a destination takes one instance at a time, like a file that is written by one. When a profile changes, the old instance is then closed
    /// before the new one connects; otherwise the new one connects first. Default: false.
    /// </summary>
    public bool IsExclusive { get; init; }

    /// <summary>Makes a publisher for a lane. Called at start, and again whenever a lane needs a new instance. Should not connect.</summary>
    public required Func<IngressContext, IPublisher> Create { get; init; }
}
