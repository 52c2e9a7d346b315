using System.Globalization;

namespace EvBus.Acct;

/// <summary>Tree → profiles: <c>provider: {profile: {key: value}}</c>, or a list of such maps under the provider.</summary>
internal static class AcctShape
{
    public static IReadOnlyList<Profile> Profiles(object? root, Action<string>? skipped)
    {
        if (root is null)
            return [];
        if (root is not MessagePackMap providers)
            throw new AcctException(AcctFault.BadContent, $"An acct file is a map of providers (provider: {{profile: {{key: value}}}}), and this one is {Kind(root)}.");
        var profiles = new List<Profile>();
        foreach (var (key, entries) in providers)
        {
            var provider = Text(key);
            var seen = new Dictionary<string, int>(StringComparer.Ordinal);
            switch (entries)
            {
                // A scalar is a setting of acct's own, such as `default: name`; nothing is a provider without profiles.
                case MessagePackMap map when provider.Length > 0:
                    Add(profiles, seen, provider, map, skipped);
                    break;
                case List<object?> list when provider.Length > 0:
                    foreach (var item in list)
                    {
                        if (item is MessagePackMap map)
                            Add(profiles, seen, provider, map, skipped);
                        else if (item is not null)
                            skipped?.Invoke($"{provider} (an entry that is {Kind(item)})");
                    }
                    break;
            }
        }
        return profiles;
    }

    /// <summary>A key or value as text, as YAML would write it.</summary>
    public static string Text(object? value) => value switch
    {
        null => "null",
        string text => text,
        bool truth => truth ? "true" : "false",
        byte[] bytes => System.Text.Unicode.Utf8.IsValid(bytes) ? System.Text.Encoding.UTF8.GetString(bytes) : Convert.ToBase64String(bytes),
        DateTimeOffset moment => moment.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    private static void Add(List<Profile> profiles, Dictionary<string, int> seen, string provider, MessagePackMap map, Action<string>? skipped)
    {
        foreach (var (key, value) in map)
        {
            var name = Text(key);
            if (value is not (null or MessagePackMap))
            {
                skipped?.Invoke($"{provider}/{name} (it is {Kind(value)})");
                continue;
            }
            var occurrence = seen[name] = seen.GetValueOrDefault(name) + 1;
            profiles.Add(new Profile(provider, name, Values(value as MessagePackMap), occurrence));
        }
    }

    // A profile asks for its keys by name, so they are texts; of two that become the same text, the later counts.
    private static Dictionary<string, object?> Values(MessagePackMap? map)
    {
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (key, value) in map ?? [])
            values[Text(key)] = Value(value);
        return values;
    }

    private static object? Value(object? value) => value switch
    {
        MessagePackMap map => Values(map),
        List<object?> list => list.ConvertAll(Value),
        DateTimeOffset => Text(value),
        MessagePackExtension extension => extension.Data.ToArray(),
        _ => value,
    };

    private static string Kind(object value) => value switch
    {
        MessagePackMap => "a map",
        List<object?> => "a list",
        string => "a text",
        bool => "a truth value",
        byte[] => "bytes",
        _ => "a number",
    };
}
