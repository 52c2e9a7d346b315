using System.Globalization;
using System.Text;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Reads keys from a profile or a section of it, and collects what is wrong instead of throwing, so that all of it is said at once.</summary>
internal sealed class ProfileKeys(Profile profile, List<string> errors)
{
    public bool Has(string key) => Get(() => profile.Contains(key));

    public string? Text(params string[] keys)
    {
        var named = Array.FindAll(keys, key => Get(() => profile.GetString(key)) is not null);
        if (named.Length > 1)
            errors.Add($"Profile {profile.PathOf(named[0])} and {named[1]} mean the same. Keep one of them.");
        return named.Length == 0 ? null : Get(() => profile.GetString(named[0]));
    }

    public bool? Truth(string key) => Get(() => profile.GetBoolean(key));

    public IReadOnlyList<string> Texts(string key) => Get(() => profile.GetStrings(key)) ?? [];

    public Profile? Section(string key) => Get(() => profile.GetSection(key));

    public long? Number(string key, long least, long most)
    {
        var number = Get(() => profile.GetInt64(key));
        if (number is null || (number >= least && number <= most))
            return number;
        errors.Add($"Profile {profile.PathOf(key)} is {number}, but must be from {least} to {most}.");
        return null;
    }

    /// <summary>Seconds, or a number with ms, s, m, h or d.</summary>
    public TimeSpan? Span(string key, TimeSpan least, TimeSpan most)
    {
        if (Text(key) is not { } text)
            return null;
        var digits = text.AsSpan().TrimEnd("smhd");
        var seconds = text[digits.Length..] switch { "ms" => 0.001, "" or "s" => 1, "m" => 60, "h" => 3600, "d" => 86400, _ => -1 };
        if (seconds > 0 && double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * seconds >= least.TotalSeconds && number * seconds <= most.TotalSeconds)
        {
            return TimeSpan.FromSeconds(number * seconds);
        }
        errors.Add($"Profile {profile.PathOf(key)} must be a number of seconds, or a number with ms, s, m, h or d, from {Words(least)} to {Words(most)}.");
        return null;
    }

    public T Choice<T>(string key, params (string Word, T Value)[] choices)
    {
        if (Text(key) is not { } word)
            return choices[0].Value;
        foreach (var choice in choices)
        {
            if (choice.Word == word)
                return choice.Value;
        }
        errors.Add($"Profile {profile.PathOf(key)} must be one of: {string.Join(", ", choices.Select(choice => choice.Word))}.");
        return choices[0].Value;
    }

    public Dictionary<string, string> Map(string key)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Section(key) is not { } section)
            return map;
        foreach (var name in section.GetKeys())
            map[name] = Get(() => section.GetString(name)) ?? "";
        return map;
    }

    /// <summary>A map whose values keep the types they have in the profile: texts, numbers, truth values, bytes.</summary>
    public Dictionary<string, object?> Values(string key)
    {
        var map = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (Section(key) is not { } section)
            return map;
        foreach (var name in section.GetKeys())
        {
            map[name] = Get(() => section.GetScalar(name));
            if (map[name] is ulong)
                Wrong(key, $"has a number for '{name}' that is larger than AMQP has room for (63 bits).");
            if (Encoding.UTF8.GetByteCount(name) > MessageWriter.MaxShortText)
                Wrong(key, $"has a name of more than the {MessageWriter.MaxShortText} bytes that AMQP takes.");
        }
        return map;
    }

    /// <summary>Names the keys nobody knows: mostly a slip of the pen that would otherwise go unnoticed.</summary>
    public void Only(params string[] known)
    {
        foreach (var key in profile.GetKeys().Except(known, StringComparer.Ordinal))
            errors.Add($"Profile {profile.PathOf(key)} is no key of the RabbitMQ publisher. There are: {string.Join(", ", known.Distinct())}.");
    }

    public void Wrong(string key, string what) => errors.Add($"Profile {profile.PathOf(key)} {what}");

    private static string Words(TimeSpan span) => string.Create(
        CultureInfo.InvariantCulture, $"{(span.TotalDays >= 1 ? $"{span.TotalDays}d" : span.TotalMinutes >= 1 ? $"{span.TotalMinutes}m" : span.TotalSeconds >= 1 ? $"{span.TotalSeconds}s" : $"{span.TotalMilliseconds}ms")}");

    public T? Get<T>(Func<T> read)
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
