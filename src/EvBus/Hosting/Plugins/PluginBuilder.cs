using System.Reflection;
using EvBus.Hosting;
using Microsoft.Extensions.Configuration;

namespace EvBus;

/// <summary>Plugins on a bus: from folders, from assemblies, by configuration.</summary>
public static class PluginBuilder
{
    /// <summary>Adds the plugins of some folders, <c>PATH/NAME/plugin.json</c> each. None of their code is loaded before a profile names them.</summary>
    /// <exception cref="EvBusConfigurationException">A path cannot be read, or a plugin's name is taken.</exception>
    public static EvBusBuilder AddPlugins(this EvBusBuilder bus, params string[] paths) => bus.AddPlugins(new PluginOptions { Paths = paths });

    /// <summary>Adds plugins as a section of the configuration says; see <see cref="PluginOptions.From"/>.</summary>
    /// <exception cref="EvBusConfigurationException">The section has errors, a path cannot be read, or a plugin's name is taken.</exception>
    public static EvBusBuilder AddPlugins(this EvBusBuilder bus, IConfiguration section) => bus.AddPlugins(PluginOptions.From(section));

    /// <summary>Adds the plugins of some folders, and says which plugins may be used at all.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="options">The folders and the rules; rules of several calls all hold.</param>
    /// <param name="loader">Loads them. Default: one of its own.</param>
    /// <exception cref="EvBusConfigurationException">A path cannot be read, a plugin's name is taken, or the rules deny in two ways (<c>Deny</c>, and <c>!</c> in <c>Allow</c>).</exception>
    public static EvBusBuilder AddPlugins(this EvBusBuilder bus, PluginOptions options, PluginLoader? loader = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Rules.Errors().ToList() is { Count: > 0 } wrong)
            throw new EvBusConfigurationException(wrong);
        loader ??= new PluginLoader();
        bus.IsStrict |= options.IsStrict;
        foreach (var catalog in bus.Catalogs.Append(bus.Strangers))
            catalog.Apply(options.Rules);
        var errors = new List<string>();
        foreach (var manifest in PluginFolder.Discover(options.Paths))
            bus.Add(manifest, catalog => catalog.Add(manifest, loader), manifest.Failure, errors);
        return errors.Count == 0 ? bus : throw new EvBusConfigurationException(errors);
    }

    /// <summary>Adds the plugins that an assembly names with <see cref="EvBusPluginAttribute"/>: how a package brings its parts to somebody else's bus.</summary>
    /// <exception cref="EvBusConfigurationException">A plugin's name is taken, or its kind is unknown.</exception>
    public static EvBusBuilder AddPluginsFrom(this EvBusBuilder bus, Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(bus);
        ArgumentNullException.ThrowIfNull(assembly);
        var errors = new List<string>();
        foreach (var each in assembly.GetCustomAttributes<EvBusPluginAttribute>())
        {
            var name = assembly.GetName();
            var descriptor = new PluginDescriptor
            {
                Name = each.Name, Kind = each.Kind, Description = each.Description, NeedsProfile = each.NeedsProfile, Origin = name.Name!, Version = name.Version?.ToString(3) ?? "",
            };
            bus.Add(descriptor, catalog => catalog.Add(descriptor, each.Type), null, errors);
        }
        return errors.Count == 0 ? bus : throw new EvBusConfigurationException(errors);
    }

    /// <summary>Chooses the serializer of objects by name, among those of the bus and of its plugins.</summary>
    /// <exception cref="PluginNotFoundException">There is none of that name; the message suggests the nearest.</exception>
    /// <exception cref="PluginUnavailableException">It is disabled or failed.</exception>
    public static EvBusBuilder UseSerializer(this EvBusBuilder bus, string name)
    {
        ArgumentNullException.ThrowIfNull(bus);
        bus.Options = bus.Options with { Serializer = bus.Serializers.Driver(name) };
        return bus;
    }

    /// <summary>All plugins of all kinds, those of unknown kinds last.</summary>
    internal static IEnumerable<Plugin> AllPlugins(this EvBusBuilder bus) => bus.Catalogs.SelectMany(catalog => catalog.All).Concat(bus.Strangers.All);

    private static void Add(this EvBusBuilder bus, PluginDescriptor descriptor, Func<IPluginCatalog, Plugin> add, PluginFailure? failure, List<string> errors)
    {
        if (bus.Catalogs.Find(each => each.Kind == descriptor.Kind) is not { } catalog)
        {
            failure ??= new(PluginFailureKind.UnknownKind, $"its kind is '{descriptor.Kind}', and there are: {string.Join(", ", bus.Catalogs.Select(each => each.Kind))}. Correct 'kind', or use a newer program.");
            bus.Strangers.Add(descriptor, () => throw new PluginUnavailableException(failure), failure);
            return;
        }
        try
        {
            if (add(catalog) is Plugin<IngressDescriptor> ingress)
                bus.Added.Add(new AddedIngress(ingress, null, null, IsBuiltIn: true));
        }
        catch (ArgumentException e)
        {
            errors.Add(e.Message);
        }
    }
}
