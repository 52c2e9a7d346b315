namespace EvBus;

/// <summary>The kinds of plugin there are, as a manifest names them.</summary>
public static class PluginKinds
{
    /// <summary>An ingress publisher.</summary>
    public const string Ingress = "ingress";

    /// <summary>An <see cref="IProfileGatherer"/>.</summary>
    public const string Gatherer = "gatherer";

    /// <summary>An <see cref="EventSerializer"/>.</summary>
    public const string Serializer = "serializer";

    /// <summary>An <see cref="IOutputter"/>.</summary>
    public const string Outputter = "outputter";
}

/// <summary>What is known of a plugin without loading any of its code. Immutable.</summary>
public record PluginDescriptor
{
    /// <summary>The one true name. Lower case and short by custom: people type it.</summary>
    public required string Name { get; init; }

    /// <summary>Other names that mean the same plugin (<c>pika</c>, <c>amqp</c>). Default: none.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>What kind of plugin it is; see <see cref="PluginKinds"/>. Default: the kind of the catalog it is added to.</summary>
    public string Kind { get; init; } = "";

    /// <summary>The plugin's own version. Default: empty, which is that of the program it came with.</summary>
    public string Version { get; init; } = "";

    /// <summary>Where it came from: a folder, an assembly, or <c>built in</c>, the default.</summary>
    public string Origin { get; init; } = "built in";

    /// <summary>One line for a person who has to choose.</summary>
    public string Description { get; init; } = "";

    /// <summary>The type that lists the keys of its profile or options, if there is one; unknown keys are then errors.</summary>
    public Type? OptionsType { get; init; }

    /// <summary>A commented YAML fragment as it stands in an acct file; docs and configuration templates are made from it.</summary>
    public string Example { get; init; } = "";

    /// <summary>Whether it needs a profile. With: one lane for each profile and destination, none without a profile. Without: one lane. Only publishers.</summary>
    public bool NeedsProfile { get; init; } = true;

    /// <summary>Whether the plugin goes by <paramref name="name"/>: its own name or an alias, compared as they are.</summary>
    public bool GoesBy(string name) => Name == name || Aliases.Contains(name);
}
