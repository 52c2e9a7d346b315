using System.Net;
using System.Text;

namespace EvBus.Ingress.Http;

/// <summary>What a profile says of the line to the destination, without its secrets.</summary>
/// <param name="Url">Where requests go.</param>
/// <param name="Proxy"><c>system</c>, <c>none</c>, or a proxy's URL.</param>
/// <param name="Timeout">For one request.</param>
/// <param name="CaFile">Whom to trust; null: the system's authorities.</param>
/// <param name="CertFile">The client's certificate, with what stands between it and the authority; null: none.</param>
/// <param name="KeyFile">Its key; null: in the same file.</param>
internal sealed record HttpLine(Uri Url, string Proxy, TimeSpan Timeout, string? CaFile, string? CertFile, string? KeyFile)
{
    public int Connections { get; init; } = 1;
}

/// <summary>What the profiles of all publishers over HTTP have in common. What becomes a header is checked here, for a line break in one would end the headers, and the request with them.</summary>
internal static class HttpKeys
{
    // Of the connection, or of the event: in the profile they would stand there twice, or break the request.
    private static readonly string[] s_taken =
    [
        "Connection", "Expect", "Idempotency-Key", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "traceparent", "tracestate",
    ];

    public static string[] Names { get; } = ["headers", "token", "username", "password", "proxy", "proxy_username", "proxy_password", "ca_file", "cert_file", "key_file"];

    public static void Check(Profile profile, HttpLine line, List<string> errors)
    {
        if (profile.Contains("token") && profile.Contains("username"))
            errors.Add($"Profile {profile.PathOf("token")} and username are two ways to say who is asking. Keep one.");
        if (profile.Contains("password") && !profile.Contains("username"))
            errors.Add($"Profile {profile.PathOf("password")} has no username. Add username, or give a token.");
        if (line.KeyFile is not null && line.CertFile is null)
            errors.Add($"Profile {profile.PathOf("key_file")} has no certificate. Add cert_file.");
        if (line.Proxy is not ("system" or "none"))
            Get<object>(errors, () => Address(profile, "proxy", line.Proxy, "proxy_username and proxy_password"));
        else if (profile.Contains("proxy_username"))
            errors.Add($"Profile {profile.PathOf("proxy_username")} is for a proxy that the profile names. Set proxy to its URL.");
        Get<object>(errors, () => ProxyCredentials(profile));
        var authorization = Get(errors, () => Authorization(profile));
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, _) in Get(errors, () => Headers(profile, errors)) ?? [])
        {
            if (!names.Add(name))
                errors.Add($"Profile {profile.PathOf($"headers: {name}")} is there twice: names of headers have no case. Keep one.");
            if (WhyNoHeader(name) is { } why)
                errors.Add($"Profile {profile.PathOf($"headers: {name}")} {why}");
        }
        if (authorization is not null && names.Contains("Authorization"))
            errors.Add($"Profile {profile.PathOf("headers: Authorization")} and {(profile.Contains("token") ? "token" : "username")} are two ways to say who is asking. Keep one.");
    }

    /// <summary>Why a profile cannot give a header of that name; null when it can.</summary>
    public static string? WhyNoHeader(string name)
    {
        using var request = new HttpRequestMessage();
        return !request.Headers.TryAddWithoutValidation(name, "x") ? "is no header of a request. Content-Type comes from the event."
            : s_taken.Contains(name, StringComparer.OrdinalIgnoreCase) || name.StartsWith("ce-", StringComparison.OrdinalIgnoreCase) ? "is a header that the connection or the event gives. Remove it."
            : null;
    }

    /// <summary>The value of <c>Authorization</c>: a secret. Null without one.</summary>
    /// <exception cref="EvBusConfigurationException">It can be no header.</exception>
    public static string? Authorization(Profile profile)
    {
        if (Text(profile, "token") is { } token)
            return $"Bearer {Filled(profile, "token", Value(profile, "token", token))}";
        return Login(profile, "username", "password") is { } login ? $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{login.UserName}:{login.Password}"))}" : null;
    }

    /// <summary>What the proxy that the profile names is logged in to with: a secret. Null without.</summary>
    /// <exception cref="EvBusConfigurationException">It can be no header.</exception>
    public static NetworkCredential? ProxyCredentials(Profile profile) => Login(profile, "proxy_username", "proxy_password");

    /// <summary>The profile's own headers: maybe secrets.</summary>
    /// <param name="profile">The profile.</param>
    /// <param name="errors">Is given what is wrong with one of them; null: nothing is, they were checked.</param>
    public static List<KeyValuePair<string, string>> Headers(Profile profile, List<string>? errors = null)
    {
        var headers = new List<KeyValuePair<string, string>>();
        if (profile.GetSection("headers") is not { } section)
            return headers;
        foreach (var name in section.GetKeys())
        {
            if (Get(errors ?? [], () => Value(profile, $"headers: {name}", Text(section, name, profile.PathOf($"headers: {name}")) ?? "")) is { } value)
                headers.Add(new(name, value));
        }
        return headers;
    }

    /// <summary>A text that was one in the file: of a number only its value is left, 1 of 1.0 and 83 of 0123.</summary>
    /// <exception cref="EvBusConfigurationException">It is a number, a truth value, a list or a map.</exception>
    public static string? Text(Profile profile, string key, string? path = null)
    {
        try
        {
            _ = profile.GetBytes(key);
            return profile.GetString(key);
        }
        catch (EvBusConfigurationException)
        {
            throw new EvBusConfigurationException($"Profile {path ?? profile.PathOf(key)} must be a text. Put it in quotes, so that it is sent as it is written.");
        }
    }

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

    public static Uri Address(Profile profile, string key, string text, string credentials = "username and password")
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} must be {(key == "proxy" ? "system, none, or " : "")}an absolute http or https URL.");
        return url.UserInfo.Length == 0
            ? url
            : throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} has credentials in it. Give them as {credentials}.");
    }

    public static long? Range(Profile profile, string key, long most) => profile.GetInt64(key) is { } number
        ? number >= 1 && number <= most ? number : throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} must be at least 1 and at most {most}.")
        : null;

    private static NetworkCredential? Login(Profile profile, string name, string password)
    {
        if (profile.GetString(name) is not { } user)
            return null;
        user = Filled(profile, name, Value(profile, name, user, isAscii: false));
        return user.Contains(':', StringComparison.Ordinal)
            ? throw new EvBusConfigurationException($"Profile {profile.PathOf(name)} has a colon, which divides it from the password for whoever reads it. Use another name.")
            : new NetworkCredential(user, Value(profile, password, profile.GetString(password) ?? "", isAscii: false));
    }

    // A text out of a file mostly ends in a line break that nobody meant.
    private static string Value(Profile profile, string key, string text, bool isAscii = true)
    {
        text = isAscii ? text.Trim(' ', '\t', '\r', '\n') : text.TrimEnd('\r', '\n');
        foreach (var c in text)
        {
            if (char.IsControl(c) && !(isAscii && c == '\t'))
                throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} has a line break or another control character in it, which no header can have. Remove it.");
            if (isAscii && c > '\x7E')
                throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} has a letter that is not ASCII, which no header can have. Percent-encode it, or whatever the destination reads.");
        }
        return text;
    }

    private static string Filled(Profile profile, string key, string text) =>
        text.Length > 0 ? text : throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} is empty. Fill it in, or remove it.");
}
