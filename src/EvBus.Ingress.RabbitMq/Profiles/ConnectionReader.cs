using System.Globalization;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Reads the keys of a connection, wherever they stand, and the URL that may take their place. No error repeats a value: any of them may be the password.</summary>
internal static class ConnectionReader
{
    public static readonly string[] Keys =
    [
        "url", "host", "hosts", "port", "login", "username", "password", "virtualhost", "virtual_host", "vhost", "ssl", "ssl_options", "client_properties", "sasl", "heartbeat",
        "timeout",
    ];

    private static readonly string[] s_tlsKeys =
        ["cafile", "ca_certs", "cadata", "certfile", "keyfile", "keyfile_password", "server_name", "server_hostname", "verify_host", "verify", "no_verify_ssl"];

    public static RabbitMqConnectionOptions? Read(Profile profile, List<string> errors, TimeSpan? timeout)
    {
        var keys = new ProfileKeys(profile, errors);
        var url = keys.Text("url") is { } text ? Url.Parse(text, keys) : null;
        if (url is null && keys.Has("url"))
            return null;
        var tls = ReadTls(keys, errors, url);
        var least = TimeSpan.FromSeconds(1);
        var most = TimeSpan.FromMinutes(10);
        var options = new RabbitMqConnectionOptions
        {
            Hosts = ReadHosts(keys, url, tls is not null),
            Login = Either(keys, url?.Login, "login", "username") ?? "guest",
            Password = Either(keys, url?.Password, "password") ?? "guest",
            VirtualHost = Either(keys, url?.VirtualHost, "virtualhost", "virtual_host", "vhost") ?? "/",
            IsExternal = url?.Query.GetValueOrDefault("auth") is { } auth
                ? auth.Equals("external", StringComparison.OrdinalIgnoreCase)
                : keys.Choice("sasl", ("plain", false), ("PLAIN", false), ("external", true), ("EXTERNAL", true)),
            Tls = tls,
            ClientProperties = keys.Map("client_properties"),
            Heartbeat = Url.Seconds(url, "heartbeat") ?? keys.Span("heartbeat", least, most) ?? TimeSpan.FromSeconds(3),
            Timeout = timeout ?? keys.Span("timeout", least, most) ?? Url.Seconds(url, "timeout") ?? Url.Seconds(url, "connection_timeout") ?? TimeSpan.FromSeconds(10),
        };
        if (options.IsExternal && options.Tls?.CertFile is null)
            keys.Wrong("sasl", "is external, which needs TLS with a client certificate. Give ssl_options a certfile.");
        return options;
    }

    private static string? Either(ProfileKeys keys, string? fromUrl, params string[] names)
    {
        var own = keys.Text(names);
        if (own is not null && fromUrl is not null)
            keys.Wrong(names[0], "stands in the url as well. Keep one of them.");
        return own ?? fromUrl;
    }

    private static List<(string, int)> ReadHosts(ProfileKeys keys, Url? url, bool isTls)
    {
        var port = (int?)keys.Number("port", 1, 65535);
        var texts = keys.Texts("hosts");
        var host = keys.Text("host");
        if ((texts.Count > 0 ? 1 : 0) + (host is null ? 0 : 1) + (url is null ? 0 : 1) > 1)
            keys.Wrong("host", "is given more than once. Keep one of: url, host, hosts.");
        var usual = url?.Port ?? port ?? (isTls ? 5671 : 5672);
        if (texts.Count == 0)
            return [(url?.Host ?? host ?? "localhost", usual)];
        var hosts = new List<(string, int)>();
        foreach (var text in texts)
        {
            var colon = text.LastIndexOf(':');
            // [::1]:5672 has a port, ::1 has none.
            var hasPort = colon > 0 && (text.IndexOf(':', StringComparison.Ordinal) == colon || text[colon - 1] == ']');
            var ownPort = usual;
            if (hasPort && (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ownPort) || ownPort is < 1 or > 65535))
                keys.Wrong("hosts", "has an entry whose port is not a number from 1 to 65535. Write host or host:port.");
            hosts.Add(((hasPort ? text[..colon] : text).Trim('[', ']'), ownPort));
        }
        return hosts;
    }

    private static RabbitMqTlsOptions? ReadTls(ProfileKeys keys, List<string> errors, Url? url)
    {
        var section = keys.Section("ssl_options");
        if (!(keys.Truth("ssl") ?? url?.IsTls ?? false))
        {
            if (section is not null && section.GetKeys().Count > 0)
                keys.Wrong("ssl_options", "is there, but TLS is off. Set 'ssl: true', or write the url with amqps:.");
            return null;
        }
        if (keys.Truth("ssl") == false)
            return null;
        var tls = new ProfileKeys(section ?? new Profile("pika", "ssl_options", new Dictionary<string, object?>()), errors);
        tls.Only(s_tlsKeys);
        string? FromUrl(string key) => url?.Query.GetValueOrDefault(key);
        return new RabbitMqTlsOptions
        {
            CaFile = tls.Text("cafile", "ca_certs") ?? FromUrl("cafile"),
            CaData = tls.Text("cadata"),
            CertFile = tls.Text("certfile") ?? FromUrl("certfile"),
            KeyFile = tls.Text("keyfile") ?? FromUrl("keyfile"),
            KeyPassword = tls.Text("keyfile_password"),
            ServerName = tls.Text("server_name", "server_hostname"),
            ChecksHost = tls.Truth("verify_host") ?? true,
            Verifies = tls.Truth("verify") ?? !(tls.Truth("no_verify_ssl") ?? FromUrl("no_verify_ssl") is "1" or "true"),
        };
    }

    private sealed record Url(string? Host, int? Port, string? Login, string? Password, string? VirtualHost, bool IsTls, Dictionary<string, string> Query)
    {
        private static readonly string[] s_known = ["heartbeat", "timeout", "connection_timeout", "auth", "cafile", "certfile", "keyfile", "no_verify_ssl", "name"];

        public static Url? Parse(string text, ProfileKeys keys)
        {
            if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("amqp" or "amqps"))
            {
                keys.Wrong("url", "is none. Write amqp://login:password@host:5672/virtualhost or amqps://…, with special characters percent-encoded.");
                return null;
            }
            var colon = uri.UserInfo.IndexOf(':', StringComparison.Ordinal);
            var query = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=', 2))
                .GroupBy(part => Uri.UnescapeDataString(part[0]), StringComparer.Ordinal)
                .ToDictionary(group => group.Key, group => Uri.UnescapeDataString(group.Last() is [_, var value] ? value : ""), StringComparer.Ordinal);
            foreach (var _ in query.Keys.Except(s_known, StringComparer.Ordinal))
                keys.Wrong("url", $"has a parameter the RabbitMQ publisher does not know. There are: {string.Join(", ", s_known)}.");
            return new Url(
                uri.IdnHost.Length == 0 ? null : uri.IdnHost.Trim('[', ']'),
                uri.Port > 0 ? uri.Port : null,
                uri.UserInfo.Length == 0 ? null : Uri.UnescapeDataString(colon < 0 ? uri.UserInfo : uri.UserInfo[..colon]),
                colon < 0 ? null : Uri.UnescapeDataString(uri.UserInfo[(colon + 1)..]),
                uri.AbsolutePath.Length <= 1 ? null : Uri.UnescapeDataString(uri.AbsolutePath[1..]),
                uri.Scheme == "amqps",
                query);
        }

        public static TimeSpan? Seconds(Url? url, string key) =>
            url?.Query.GetValueOrDefault(key) is { } text && double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 600
                ? TimeSpan.FromSeconds(seconds)
                : null;
    }
}
