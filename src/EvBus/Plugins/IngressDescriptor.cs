namespace EvBus;

/// <summary>What the bus knows about a kind of ingress publisher before it makes one.</summary>
public sealed record IngressDescriptor
{
    /// <summary>The one true name, which lane ids begin with. Lower case by custom.</summary>
    public required string Name { get; init; }

    /// <summary>Other provider names that mean the same publisher (<c>pika</c>, <c>amqp</c>). Default: none.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>One line for a person who has to choose.</summary>
    public string Description { get; init; } = "";

    /// <summary>The type that lists the profile's keys, if there is one; unknown keys are then errors.</summary>
    public Type? OptionsType { get; init; }

    /// <summary>A commented YAML fragment as it stands in an acct file; docs and configuration templates are made from it.</summary>
    public string Example { get; init; } = "";

    /// <summary>Whether it needs a profile. With: one lane for each profile and destination, none without a profile. Without: one lane.</summary>
    public bool NeedsProfile { get; init; } = true;

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

    /// <summary>Whether the publisher goes by <paramref name="provider"/>.</summary>
    public bool GoesBy(string provider) => Name == provider || Aliases.Contains(provider);
}
