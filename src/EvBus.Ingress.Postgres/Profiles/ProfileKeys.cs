namespace EvBus.Ingress.Postgres;

/// <summary>Reads keys from a profile, and collects what is wrong instead of throwing, so that all of it is said at once.</summary>
internal sealed class ProfileKeys(Profile profile, List<string> errors)
{
    public bool Has(string key) => profile.Contains(key);

    public string? Text(params string[] keys)
    {
        var named = Array.FindAll(keys, profile.Contains);
        if (named.Length > 1)
            errors.Add($"Profile {profile.PathOf(named[0])} and {named[1]} mean the same. Keep one of them.");
        return named.Length == 0 ? null : Get(() => profile.GetString(named[0]));
    }

    public bool? Truth(string key) => Get(() => profile.GetBoolean(key));

    public long? Number(string key, long least, long most)
    {
        var number = Get(() => profile.GetInt64(key));
        if (number is null || (number >= least && number <= most))
            return number;
        errors.Add($"Profile {profile.PathOf(key)} must be at least {least} and at most {most}.");
        return null;
    }

    /// <summary>One of several words; the first where the key is missing.</summary>
    public T Choice<T>(string key, params (string Word, T Value)[] choices)
    {
        if (Text(key) is not { } word)
            return choices[0].Value;
        foreach (var choice in choices)
        {
            if (choice.Word == word)
                return choice.Value;
        }
        Wrong(key, $"must be one of: {string.Join(", ", choices.Select(choice => choice.Word))}.");
        return choices[0].Value;
    }

    /// <summary>Names the keys nobody knows: mostly a slip of the pen that would otherwise go unnoticed.</summary>
    public void Only(params string[] known)
    {
        foreach (var key in profile.GetKeys().Except(known, StringComparer.Ordinal))
            errors.Add($"Profile {profile.PathOf(key)} is no key of the PostgreSQL publisher. It has: {string.Join(", ", known)}.");
    }

    public void Wrong(string key, string what) => errors.Add($"Profile {profile.PathOf(key)} {what}");

    private T? Get<T>(Func<T?> read)
    {
        try
        {
            return read();
        }
        catch (EvBusConfigurationException e)
        {
            errors.AddRange(e.Errors);
            return default;
        }
    }
}
