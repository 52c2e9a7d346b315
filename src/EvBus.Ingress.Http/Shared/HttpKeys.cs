using System.Text;

namespace EvBus.Ingress.Http;

/// <summary>The files of a profile that TLS needs.</summary>
internal readonly record struct HttpFiles(string? CaFile, string? CertFile, string? KeyFile);

/// <summary>What the profiles, and the answers, of all publishers over HTTP have in common.</summary>
internal static class HttpKeys
{
    private static readonly TimeSpan MostPatience = TimeSpan.FromHours(1);

    public static string[] Names { get; } = ["headers", "token", "username", "password", "ca_file", "cert_file", "key_file"];

    public static void Check(Profile profile, HttpFiles files, List<string> errors)
    {
        if (profile.Contains("token") && profile.Contains("username"))
            errors.Add($"Profile {profile.PathOf("token")} and username are two ways to say who is asking. Keep one.");
        if (files.KeyFile is not null && files.CertFile is null)
            errors.Add($"Profile {profile.PathOf("key_file")} has no certificate. Add cert_file.");
        Get<object>(errors, () => Authorization(profile));
        foreach (var (name, value) in Get(errors, () => Headers(profile)) ?? [])
        {
            using var request = new HttpRequestMessage();
            if (value.AsSpan().ContainsAny('\r', '\n') || !request.Headers.TryAddWithoutValidation(name, value))
                errors.Add($"Profile {profile.PathOf($"headers: {name}")} is no header of a request. Content-Type comes from the event.");
        }
    }

    /// <summary>The value of <c>Authorization</c>: a secret. Null without one.</summary>
    public static string? Authorization(Profile profile) =>
        profile.GetString("token") is { } token ? $"Bearer {token}"
        : profile.GetString("username") is { } user ? $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{profile.GetString("password")}"))}"
        : null;

    /// <summary>The profile's own headers: maybe secrets.</summary>
    public static List<KeyValuePair<string, string>> Headers(Profile profile) =>
        profile.GetSection("headers") is { } section ? [.. section.GetKeys().Select(name => KeyValuePair.Create(name, section.GetString(name) ?? ""))] : [];

    public static T? Get<T>(List<string> errors, Func<T?> read)
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

    public static Uri Address(Profile profile, string key, string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} must be an absolute http or https URL.");
        return url.UserInfo.Length == 0
            ? url
            : throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} has credentials in it. Give them as username and password.");
    }

    public static long? Range(Profile profile, string key, long most) => profile.GetInt64(key) is { } number
        ? number >= 1 && number <= most ? number : throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} must be at least 1 and at most {most}.")
        : null;

    /// <summary>What an answer that is no success means where nothing special is known of it.</summary>
    public static PublishResult Verdict(int code, string reason) => code switch
    {
        407 => PublishResult.Disconnected($"{reason} The proxy wants credentials."),
        < 400 => PublishResult.Disconnected($"{reason} It leads elsewhere: set url to where it leads, which is not followed."),
        < 500 => PublishResult.Rejected(reason),
        _ => PublishResult.Disconnected(reason),
    };

    /// <summary>How long an answer asks to be left alone, an hour at most; null when it does not, or nobody can read it.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time)
    {
        var asked = response.Headers.RetryAfter;
        var after = asked?.Delta ?? (asked?.Date is { } date ? date - time.GetUtcNow() : null);
        return after is null ? null : TimeSpan.FromTicks(Math.Clamp(after.Value.Ticks, 0, MostPatience.Ticks));
    }
}
