using System.Globalization;

namespace EvBus.Ingress.RabbitMq;

/// <summary>A connection as one URL: <c>amqp://login:password@host:5672/virtualhost?heartbeat=5</c>. No error repeats a piece of it.</summary>
internal sealed record ConnectionUrl(string? Host, int? Port, string? Login, string? Password, string? VirtualHost, bool IsTls, Dictionary<string, string> Query)
{
    private static readonly string[] s_known = ["heartbeat", "timeout", "connection_timeout", "auth", "cafile", "certfile", "keyfile", "no_verify_ssl", "name"];

    /// <summary>Null when the URL leaves it open.</summary>
    public bool? IsExternal { get; private init; }

    /// <summary>Null when the URL leaves it open.</summary>
    public TimeSpan? Heartbeat { get; private init; }

    /// <summary>Null when the URL leaves it open.</summary>
    public TimeSpan? Timeout { get; private init; }

    public static ConnectionUrl? Parse(string text, ProfileKeys keys)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("amqp" or "amqps"))
        {
            keys.Wrong("url", "is none. Write amqp://login:password@host:5672/virtualhost or amqps://…, with special characters percent-encoded.");
            return null;
        }
        var path = RawPath(text);
        if (text.Contains('#', StringComparison.Ordinal))
            keys.Wrong("url", "has a '#', which would cut it there. Write it %23.");
        if (path.Contains('@', StringComparison.Ordinal) || uri.Query.Contains('@', StringComparison.Ordinal))
            keys.Wrong("url", "has an '@' behind the host. If login or password have a '/', '?' or '@', write %2F, %3F and %40.");
        var colon = uri.UserInfo.IndexOf(':', StringComparison.Ordinal);
        var query = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=', 2))
            .GroupBy(part => Uri.UnescapeDataString(part[0]), StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => Uri.UnescapeDataString(group.Last() is [_, var value] ? value : ""), StringComparer.Ordinal);
        foreach (var _ in query.Keys.Except(s_known, StringComparer.Ordinal))
            keys.Wrong("url", $"has a parameter the RabbitMQ publisher does not know. There are: {string.Join(", ", s_known)}.");
        if (query.ContainsKey("timeout") && query.ContainsKey("connection_timeout"))
            keys.Wrong("url", "has timeout and connection_timeout, which mean the same. Keep one of them.");
        if (query.TryGetValue("no_verify_ssl", out var verify) && verify is not ("0" or "1" or "true" or "false"))
            keys.Wrong("url", "has a no_verify_ssl that is none of: 0, 1, true, false.");
        return new ConnectionUrl(
            uri.IdnHost.Length == 0 ? null : uri.IdnHost.Trim('[', ']'),
            uri.Port > 0 ? uri.Port : null,
            uri.UserInfo.Length == 0 ? null : Uri.UnescapeDataString(colon < 0 ? uri.UserInfo : uri.UserInfo[..colon]),
            colon < 0 ? null : Uri.UnescapeDataString(uri.UserInfo[(colon + 1)..]),
            path.Length == 0 ? null : Uri.UnescapeDataString(path),
            uri.Scheme == "amqps",
            query)
        {
            IsExternal = Mechanism(query, keys),
            Heartbeat = Span(query, "heartbeat", 1, "a number of seconds from 1 to 600", keys),
            Timeout = Span(query, "timeout", 1, "a number of seconds from 1 to 600", keys)
                ?? Span(query, "connection_timeout", 0.001, "a number of milliseconds from 1000 to 600000, as RabbitMQ defines it; 'timeout' is in seconds", keys),
        };
    }

    // As it was written: a Uri resolves dots, also those that are part of a name.
    private static string RawPath(string text)
    {
        var begin = text.IndexOf("//", StringComparison.Ordinal) + 2;
        var rest = text[begin..].Split('?', '#')[0];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? "" : rest[(slash + 1)..];
    }

    private static bool? Mechanism(Dictionary<string, string> query, ProfileKeys keys)
    {
        if (!query.TryGetValue("auth", out var word))
            return null;
        if (word.Equals("external", StringComparison.OrdinalIgnoreCase))
            return true;
        if (!word.Equals("plain", StringComparison.OrdinalIgnoreCase))
            keys.Wrong("url", "has an auth that is none of: plain, external.");
        return false;
    }

    private static TimeSpan? Span(Dictionary<string, string> query, string key, double unit, string what, ProfileKeys keys)
    {
        if (!query.TryGetValue(key, out var text))
            return null;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number * unit is >= 1 and <= 600)
            return TimeSpan.FromSeconds(number * unit);
        keys.Wrong("url", $"has a {key} that must be {what}.");
        return null;
    }
}
