using System.Collections;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace EvBus;

/// <summary>Profiles from where most .NET programs begin: configuration and the environment. Same shape as in an acct file, same redaction.</summary>
public static class ProfileSources
{
    /// <summary>Takes profiles from a configuration section of the shape <c>provider: profile: key: value</c>. Values are texts, as configuration has no other; lists are numbered keys. Followed when the configuration is reloaded.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="section">The section, for example <c>configuration.GetSection("EvBus:Profiles")</c>.</param>
    public static EvBusBuilder AddProfiles(this EvBusBuilder bus, IConfigurationSection section)
    {
        ArgumentNullException.ThrowIfNull(bus);
        ArgumentNullException.ThrowIfNull(section);
        return bus.AddProfiles(new ConfigurationProfiles(section));
    }

    /// <summary>Takes profiles from environment variables <c>PREFIX__provider__profile__key=value</c>; further <c>__</c> make maps, numbers make lists.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="prefix">What the variables begin with. Default: <c>EVBUS_PROFILES</c>.</param>
    /// <param name="environment">Where to look. Default: this process's environment.</param>
    public static EvBusBuilder AddProfilesFromEnvironment(this EvBusBuilder bus, string prefix = "EVBUS_PROFILES", IDictionary? environment = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddProfiles(new EnvironmentProfiles(prefix, environment));
    }

    private static IEnumerable<Profile> FromTree(IReadOnlyDictionary<string, object?> tree)
    {
        foreach (var (provider, profiles) in tree)
        {
            if (profiles is not IReadOnlyDictionary<string, object?> map)
                continue;
            foreach (var (name, values) in map)
                yield return new Profile(provider, name, values as IReadOnlyDictionary<string, object?> ?? new Dictionary<string, object?>());
        }
    }

    private static object? ListOrMap(Dictionary<string, object?> map)
    {
        for (var i = 0; i < map.Count; i++)
        {
            if (!map.ContainsKey(i.ToString(System.Globalization.CultureInfo.InvariantCulture)))
                return map;
        }
        return map.Count == 0 ? map : Enumerable.Range(0, map.Count).Select(i => map[i.ToString(System.Globalization.CultureInfo.InvariantCulture)]).ToList();
    }

    private sealed class ConfigurationProfiles(IConfigurationSection section) : IProfileSource
    {
        public string Description => $"configuration section {section.Path}";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) =>
            new([.. FromTree(section.GetChildren().ToDictionary(child => child.Key, Read))]);

        public IDisposable Watch(Action changed) => ChangeToken.OnChange(section.GetReloadToken, changed);

        private static object? Read(IConfigurationSection at)
        {
            var children = at.GetChildren().ToList();
            return children.Count == 0 ? at.Value : ListOrMap(children.ToDictionary(child => child.Key, Read));
        }
    }

    private sealed class EnvironmentProfiles(string prefix, IDictionary? environment) : IProfileSource
    {
        public string Description => $"environment variables {prefix}__*";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken)
        {
            var root = new Dictionary<string, object?>();
            foreach (DictionaryEntry variable in environment ?? Environment.GetEnvironmentVariables())
            {
                var path = ((string)variable.Key).Split("__");
                if (path.Length < 4 || path[0] != prefix)
                    continue;
                var at = root;
                foreach (var step in path[1..^1])
                {
                    if (at.GetValueOrDefault(step) is not Dictionary<string, object?> next)
                        at[step] = next = [];
                    at = next;
                }
                at[path[^1]] = variable.Value;
            }
            var tree = root.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToDictionary(pair => pair.Key, pair => pair.Value);
            return new([.. FromTree(tree.ToDictionary(
                provider => provider.Key,
                provider => (object?)((Dictionary<string, object?>)provider.Value!).OrderBy(pair => pair.Key, StringComparer.Ordinal)
                    .ToDictionary(pair => pair.Key, pair => Fold(pair.Value, isProfile: true))))]);
        }

        private static object? Fold(object? value, bool isProfile = false)
        {
            if (value is not Dictionary<string, object?> map)
                return value;
            var folded = map.ToDictionary(pair => pair.Key, pair => Fold(pair.Value));
            return isProfile ? folded : ListOrMap(folded);
        }
    }
}
