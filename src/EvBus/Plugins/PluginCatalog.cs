using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace EvBus;

/// <summary>What a catalog does when a plugin's name, or an alias, is taken.</summary>
public enum NameConflict
{
    /// <summary>The second is refused with an error that names both.</summary>
    Error,

    /// <summary>The first keeps the name; the others are listed as disabled.</summary>
    First,

    /// <summary>The last gets the name; the others are listed as disabled.</summary>
    Last,

    /// <summary>All keep it, in order: hooks.</summary>
    KeepAll,
}

/// <summary>
/// The plugins of one kind: listed, found by name, made when first used. Adding and removing at run time is safe from any thread; a list that was
/// handed out stays as it was.
/// </summary>
/// <typeparam name="T">The contract of the kind.</typeparam>
/// <param name="kind">The kind, as messages call it.</param>
/// <param name="onConflict">What happens when a name is taken. Default: an error.</param>
public sealed class PluginCatalog<T>(string kind, NameConflict onConflict = NameConflict.Error) : IPluginCatalog
    where T : class
{
    private readonly Lock _lock = new();
    private readonly List<Func<Plugin<T>, string?>> _checks = [];
    private volatile Plugin<T>[] _all = [];

    /// <summary>The kind.</summary>
    public string Kind { get; } = kind;

    /// <summary>All plugins, disabled and failed ones too, in the order they were added. Asking makes none.</summary>
    public IReadOnlyList<Plugin<T>> All => _all;

    IReadOnlyList<Plugin> IPluginCatalog.All => _all;

    /// <inheritdoc/>
    public IServiceProvider? Services { get; set; }

    /// <summary>Those that are neither disabled nor known to fail, in order. Asking makes none.</summary>
    public IReadOnlyList<Plugin<T>> Usable => [.. _all.Where(IsUsable)];

    /// <summary>Finds one by its name or an alias.</summary>
    /// <exception cref="PluginNotFoundException">There is none; the message suggests the nearest name.</exception>
    public Plugin<T> this[string name] => TryFind(name, out var plugin) ? plugin : throw NotFound(name);

    /// <summary>Adds a plugin that exists.</summary>
    /// <inheritdoc cref="Add(PluginDescriptor, Func{T}, PluginFailure?)"/>
    public Plugin<T> Add(string name, T plugin) => Add(new PluginDescriptor { Name = name }, () => plugin);

    /// <summary>Adds a plugin that is made when it is first used.</summary>
    /// <param name="descriptor">What is known of it.</param>
    /// <param name="create">Makes it; called at most once, never by listing.</param>
    /// <param name="failure">What is known against it already: it is listed with that and never made. Default: nothing.</param>
    /// <exception cref="ArgumentException">Its name or one of its aliases is taken, and the catalog takes that for an error.</exception>
    public Plugin<T> Add(PluginDescriptor descriptor, Func<T> create, PluginFailure? failure = null)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(create);
        ArgumentException.ThrowIfNullOrEmpty(descriptor.Name, nameof(descriptor));
        var plugin = new Plugin<T>(descriptor.Kind.Length == 0 ? descriptor with { Kind = Kind } : descriptor, create, failure);
        lock (_lock)
        {
            foreach (var check in _checks)
                Decide(plugin, check);
            if (plugin.State != PluginState.Disabled)
                Settle(plugin);
            _all = [.. _all, plugin];
        }
        return plugin;
    }

    /// <summary>Adds a plugin of a folder; its code is loaded when it is first used.</summary>
    /// <param name="manifest">What is known of it; one with a failure is listed with that.</param>
    /// <param name="loader">Loads it.</param>
    /// <exception cref="ArgumentException">Its name or one of its aliases is taken, and the catalog takes that for an error.</exception>
    public Plugin<T> Add(PluginManifest manifest, PluginLoader loader)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(loader);
        Plugin<T>? plugin = null;
        plugin = Add(manifest, () => (plugin!.Loaded = loader.Load(manifest)).Create<T>(Services), manifest.Failure);
        return plugin;
    }

    /// <summary>Adds a plugin that is a type, made when it is first used with its constructor's arguments from <see cref="Services"/>.</summary>
    /// <exception cref="ArgumentException">Its name or one of its aliases is taken, and the catalog takes that for an error.</exception>
    public Plugin<T> Add(PluginDescriptor descriptor, Type type) => Add(descriptor, () => PluginType.Create<T>(type, descriptor, Services));

    Plugin IPluginCatalog.Add(PluginManifest manifest, PluginLoader loader) => Add(manifest, loader);

    Plugin IPluginCatalog.Add(PluginDescriptor descriptor, Type type) => Add(descriptor, type);

    /// <summary>Takes plugins out and lets go of their code as far as can be. See <see cref="LoadedPlugin.Unload"/>.</summary>
    /// <returns>Whether the code is gone; false also when there was none to unload.</returns>
    public bool Unload(string name)
    {
        var gone = Array.FindAll(_all, plugin => plugin.Descriptor.GoesBy(name));
        Remove(name);
        return gone.Length > 0 && Array.TrueForAll(gone, plugin => plugin.Unload());
    }

    /// <summary>Takes plugins out by name or alias. What was made of them lives on until it is let go. Returns whether there was one.</summary>
    public bool Remove(string name)
    {
        lock (_lock)
        {
            var before = _all;
            _all = [.. before.Where(plugin => !plugin.Descriptor.GoesBy(name))];
            return _all.Length < before.Length;
        }
    }

    /// <summary>Disables every plugin, present and future, for which a check gives a reason. A check that asks for <see cref="Plugin{T}.Value"/> makes it.</summary>
    /// <param name="check">Why the plugin should not be used; null when it may. Called once for each plugin, under the catalog's lock.</param>
    public void DisableWhen(Func<Plugin<T>, string?> check)
    {
        ArgumentNullException.ThrowIfNull(check);
        lock (_lock)
        {
            _checks.Add(check);
            foreach (var plugin in _all)
                Decide(plugin, check);
        }
    }

    /// <summary>Disables by configuration; no code of a plugin runs for it.</summary>
    public void Apply(PluginRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        DisableWhen(plugin => rules.WhyNot(plugin.Descriptor));
    }

    /// <summary>Finds one by its name or an alias; one that is not disabled comes first.</summary>
    public bool TryFind(string name, [NotNullWhen(true)] out Plugin<T>? plugin)
    {
        var found = Array.FindAll(_all, each => each.Descriptor.GoesBy(name));
        plugin = Array.Find(found, each => each.State != PluginState.Disabled) ?? found.FirstOrDefault();
        return plugin is not null;
    }

    /// <summary>Whether there is one of that name or alias, whatever its state.</summary>
    public bool Contains(string name) => TryFind(name, out _);

    /// <summary>These plugins, in this order; no other is made.</summary>
    /// <exception cref="PluginNotFoundException">There is none of one of the names.</exception>
    public IReadOnlyList<Plugin<T>> Named(params IEnumerable<string> names) => [.. names.Select(name => this[name])];

    /// <summary>All usable plugins of one name, in order; empty when there are none.</summary>
    public IReadOnlyList<Plugin<T>> Hooks(string name) => [.. _all.Where(plugin => IsUsable(plugin) && plugin.Descriptor.GoesBy(name))];

    /// <summary>The one plugin of that name, made.</summary>
    /// <exception cref="PluginNotFoundException">There is none; the message suggests the nearest name.</exception>
    /// <exception cref="AmbiguousPluginException">There are several.</exception>
    /// <exception cref="PluginUnavailableException">It is disabled or failed.</exception>
    public T Driver(string name)
    {
        var hooks = Hooks(name);
        if (hooks.Count > 1)
            throw new AmbiguousPluginException($"There are {hooks.Count} {Kind} plugins called '{name}': {string.Join(", ", hooks.Select(each => each.Descriptor.Origin))}. Disable or remove all but one.");
        return this[name].Value;
    }

    /// <summary>Calls a function with every usable plugin that passes the filter.</summary>
    /// <inheritdoc cref="PluginMap.MapAsync"/>
    public Task<IReadOnlyList<PluginResult<T, TResult>>> DispatchAsync<TResult>(
        Func<Plugin<T>, bool> filter, Func<T, CancellationToken, ValueTask<TResult>> function, MapErrors onError = MapErrors.Continue, CancellationToken cancellationToken = default) =>
        _all.Where(filter).MapAsync(function, onError, cancellationToken);

    /// <summary>Calls a function with the usable plugins of these names, in this order; names that there are not are left out.</summary>
    /// <inheritdoc cref="PluginMap.MapAsync"/>
    public Task<IReadOnlyList<PluginResult<T, TResult>>> DispatchByNameAsync<TResult>(
        IEnumerable<string> names, Func<T, CancellationToken, ValueTask<TResult>> function, MapErrors onError = MapErrors.Continue, CancellationToken cancellationToken = default) =>
        names.SelectMany(Hooks).MapAsync(function, onError, cancellationToken);

    /// <summary>The examples of all plugins that are not disabled, each under its description: a file to fill in. Makes none.</summary>
    public string FormatExamples()
    {
        var text = new StringBuilder();
        foreach (var plugin in _all.Where(plugin => plugin is { State: not PluginState.Disabled, Descriptor.Example.Length: > 0 }))
            text.Append(CultureInfo.InvariantCulture, $"\n# {plugin.Descriptor.Description}\n{plugin.Descriptor.Example.TrimEnd()}\n");
        return text.ToString();
    }

    private static bool IsUsable(Plugin<T> plugin) => plugin.State is PluginState.Known or PluginState.Loaded;

    private static void Decide(Plugin<T> plugin, Func<Plugin<T>, string?> check)
    {
        if (plugin.State != PluginState.Disabled && check(plugin) is { } reason)
            plugin.Disable(reason);
    }

    private void Settle(Plugin<T> added)
    {
        foreach (var name in onConflict == NameConflict.KeepAll ? [] : added.Descriptor.Aliases.Prepend(added.Name))
        {
            if (!TryFind(name, out var other) || other.State == PluginState.Disabled)
                continue;
            if (onConflict == NameConflict.Error)
                throw new ArgumentException($"The {Kind} plugin '{added.Name}' ({added.Descriptor.Origin}) cannot be called '{name}': '{other.Name}' ({other.Descriptor.Origin}) goes by that name already. Rename, disable or remove one.");
            var (winner, loser) = onConflict == NameConflict.First ? (other, added) : (added, other);
            loser.Disable($"'{winner.Name}' ({winner.Descriptor.Origin}) has the name '{name}'");
        }
    }

    private PluginNotFoundException NotFound(string name)
    {
        var names = _all.SelectMany(plugin => plugin.Descriptor.Aliases.Prepend(plugin.Name)).ToList();
        var there = names.Count == 0 ? "There are none." : $"There are: {string.Join(", ", _all.Select(plugin => plugin.Name).Distinct())}.";
        return new PluginNotFoundException($"There is no {Kind} plugin called '{name}'.{(NearestName.Of(name, names) is { } nearest ? $" Did you mean '{nearest}'?" : "")} {there}");
    }
}
