using Microsoft.Extensions.Configuration;

namespace EvBus;

/// <summary>Which plugins a bus takes from folders.</summary>
public sealed record PluginOptions
{
    /// <summary>Folders that hold plugin folders (<c>plugins/NAME/plugin.json</c>). Default: none.</summary>
    public IReadOnlyList<string> Paths { get; init; } = [];

    /// <summary>Which plugins may be used, built-in ones too. Default: all.</summary>
    public PluginRules Rules { get; init; } = new();

    /// <summary>
    /// Whether all plugins that are not disabled are loaded at the start, and one that cannot be used keeps the bus from starting. Default: false: a plugin is loaded when a
    /// profile first names it, and one that fails costs its own lanes and a warning.
    /// </summary>
    public bool IsStrict { get; init; }

    /// <summary>
    /// Reads options from configuration: <c>Paths</c>, <c>Allow</c>, <c>Deny</c> (maps or lists of texts) and <c>Strict</c>. Several packages bring their parts under one section by
    /// naming the entries (<c>Paths:my_package</c>): entries of a list would replace each other by number. An empty text takes an entry out again.
    /// </summary>
    /// <param name="section">The section, for example <c>configuration.GetSection("EvBus:Plugins")</c>.</param>
    /// <exception cref="EvBusConfigurationException">A key is unknown, or <c>Strict</c> is neither true nor false; all errors at once.</exception>
    public static PluginOptions From(IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        var where = section is IConfigurationSection named ? named.Path + ":" : "";
        var errors = section.GetChildren().Select(each => each.Key).Where(key => !IsKnown(key))
            .Select(key => $"{where}{key} is unknown. There are: Paths, Allow, Deny, Strict.").ToList();
        var isStrict = false;
        if (section["Strict"] is { } strict && !bool.TryParse(strict, out isStrict))
            errors.Add($"{where}Strict is '{strict}', but must be true or false.");
        return errors.Count > 0
            ? throw new EvBusConfigurationException(errors)
            : new PluginOptions { Paths = Texts("Paths"), Rules = new PluginRules { Allow = Texts("Allow"), Deny = Texts("Deny") }, IsStrict = isStrict };

        string[] Texts(string key) => [.. section.GetSection(key).GetChildren().Select(each => each.Value).OfType<string>().Where(value => value.Length > 0).Distinct()];
    }

    private static bool IsKnown(string key) => Array.Exists(["Paths", "Allow", "Deny", "Strict"], known => known.Equals(key, StringComparison.OrdinalIgnoreCase));
}
