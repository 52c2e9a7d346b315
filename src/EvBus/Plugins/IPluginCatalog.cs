namespace EvBus;

/// <summary>A catalog, whatever its kind.</summary>
public interface IPluginCatalog
{
    /// <summary>The kind.</summary>
    string Kind { get; }

    /// <summary>All plugins, disabled and failed ones too, in the order they were added. Asking makes none.</summary>
    IReadOnlyList<Plugin> All { get; }

    /// <summary>Where the arguments of plugins' constructors come from. Default: they need none; a bus in a host takes the host's.</summary>
    IServiceProvider? Services { get; set; }

    /// <summary>Adds a plugin of a folder; its code is loaded when it is first used.</summary>
    /// <param name="manifest">What is known of it.</param>
    /// <param name="loader">Loads it.</param>
    /// <exception cref="ArgumentException">Its name or one of its aliases is taken, and the catalog takes that for an error.</exception>
    Plugin Add(PluginManifest manifest, PluginLoader loader);

    /// <summary>Adds a plugin that is a type of an assembly which is there.</summary>
    /// <inheritdoc cref="Add(PluginManifest, PluginLoader)"/>
    Plugin Add(PluginDescriptor descriptor, Type type);

    /// <summary>Disables by configuration; no code of a plugin runs for it.</summary>
    void Apply(PluginRules rules);
}

/// <summary>Shortcuts to catalogs.</summary>
public static class PluginCatalog
{
    /// <summary>A catalog of plugins that exist already, for a test: nothing is installed.</summary>
    public static PluginCatalog<T> ForTest<T>(params (string Name, T Plugin)[] plugins)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(plugins);
        var catalog = new PluginCatalog<T>("test", NameConflict.KeepAll);
        foreach (var (name, plugin) in plugins)
            catalog.Add(name, plugin);
        return catalog;
    }

    /// <summary>Adds a plugin that is its own description.</summary>
    /// <exception cref="ArgumentException">Its name or one of its aliases is taken.</exception>
    public static Plugin<T> Add<T>(this PluginCatalog<T> catalog, T descriptor)
        where T : PluginDescriptor
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return catalog.Add(descriptor, () => descriptor);
    }
}
