using EvBus.Tools.Tester.Values;

namespace EvBus.Tools.Tester.Outputters;

/// <summary>Turns a value (see <see cref="Tree"/>) into the text the original prints for it, without the line break behind it.</summary>
internal abstract class Outputter : IOutputter
{
    public static IReadOnlyList<string> Names { get; } = ["json", "yaml", "nested", "pretty", "raw"];

    public static Outputter Create(string name, bool color) => name switch
    {
        "json" => new JsonOutputter(),
        "yaml" => new YamlOutputter(),
        "nested" => new NestedOutputter(color),
        "pretty" => new PrettyOutputter(),
        "raw" => new RawOutputter(),
        _ => throw new ArgumentException($"There is no outputter called '{name}'. Choose one of: {string.Join(", ", Names)}.", nameof(name)),
    };

    /// <summary>Adds those of the tester to a catalog.</summary>
    public static void AddTo(PluginCatalog<IOutputter> catalog, bool color)
    {
        foreach (var name in Names)
            catalog.Add(new PluginDescriptor { Name = name }, () => Create(name, color));
    }

    /// <exception cref="EvBusConfigurationException">There is none of that name, which is not repeated: a key in the wrong place would be said aloud.</exception>
    /// <exception cref="PluginUnavailableException">It is disabled or failed.</exception>
    public static IOutputter Find(PluginCatalog<IOutputter> catalog, string name)
    {
        if (catalog.Contains(name))
            return catalog.Driver(name);
        var names = catalog.All.Select(each => each.Name).ToList();
        throw new EvBusConfigurationException($"--output: there is no such outputter.{(NearestName.Of(name, names) is { } nearest ? $" Did you mean '{nearest}'?" : "")} Choose one of: {string.Join(", ", names)}.");
    }

    public string Format(BusEvent evt) => Format(EventBody.Read(evt));

    public abstract string Format(object? value);
}

/// <summary>What Python's <c>print</c> writes: a text as it is, anything else as its <c>repr</c>.</summary>
internal sealed class RawOutputter : Outputter
{
    public override string Format(object? value) => value as string ?? Tree.Repr(value);
}
