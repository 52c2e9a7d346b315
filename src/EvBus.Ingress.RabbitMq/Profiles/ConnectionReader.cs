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

    private static readonly string[] s_inUrl = ["cafile", "certfile", "keyfile", "no_verify_ssl"];

    private static readonly string[] s_tlsKeys =
        ["cafile", "ca_certs", "cadata", "certfile", "keyfile", "keyfile_password", "server_name", "server_hostname", "verify_host", "verify", "no_verify_ssl"];

    public static RabbitMqConnectionOptions? Read(Profile profile, List<string> errors, TimeSpan? timeout)
    {
        var keys = new ProfileKeys(profile, errors);
        var url = keys.Text("url") is { } text ? ConnectionUrl.Parse(text, keys) : null;
        if (url is null && keys.Has("url"))
            return null;
        var tls = ReadTls(keys, errors, url);
        var least = TimeSpan.FromSeconds(1);
        var most = TimeSpan.FromMinutes(10);
        var properties = keys.Map("client_properties");
        var options = new RabbitMqConnectionOptions
        {
            Hosts = ReadHosts(keys, url, tls is not null),
            Login = Either(keys, url?.Login, "login", "username") ?? "guest",
            Password = Either(keys, url?.Password, "password") ?? "guest",
            VirtualHost = Either(keys, url?.VirtualHost, "virtualhost", "virtual_host", "vhost") ?? "/",
            IsExternal = url?.IsExternal ?? keys.Choice("sasl", ("plain", false), ("PLAIN", false), ("external", true), ("EXTERNAL", true)),
            Tls = tls,
            ClientProperties = properties,
            Heartbeat = url?.Heartbeat ?? keys.Span("heartbeat", least, most) ?? TimeSpan.FromSeconds(3),
            Timeout = timeout ?? keys.Span("timeout", least, most) ?? url?.Timeout ?? TimeSpan.FromSeconds(10),
        };
        foreach (var (inUrl, key) in new[] { ("auth", "sasl"), ("heartbeat", "heartbeat"), ("timeout", "timeout"), ("connection_timeout", "timeout") })
        {
            if (url?.Query.ContainsKey(inUrl) == true && (keys.Has(key) || (key == "timeout" && timeout is not null)))
                keys.Wrong(key, $"stands in the url as well ({inUrl}). Keep one of them.");
        }
        if (url?.Port is not null && keys.Has("port"))
            keys.Wrong("port", "stands in the url as well. Keep one of them.");
        if (url?.Query.GetValueOrDefault("name") is { } name && !properties.TryAdd("connection_name", name))
            keys.Wrong("client_properties", "has connection_name, and the url has name. Keep one of them.");
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

    private static List<(string, int)> ReadHosts(ProfileKeys keys, ConnectionUrl? url, bool isTls)
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

    private static RabbitMqTlsOptions? ReadTls(ProfileKeys keys, List<string> errors, ConnectionUrl? url)
    {
        var section = keys.Section("ssl_options");
        if (url is { IsTls: true } && keys.Truth("ssl") == false)
            keys.Wrong("ssl", "is false, and the url begins with amqps:. Correct one of them.");
        if (!(keys.Truth("ssl") ?? url?.IsTls ?? false))
        {
            foreach (var key in s_inUrl.Where(key => url?.Query.ContainsKey(key) == true))
                keys.Wrong("url", $"has {key}, but TLS is off. Write the url with amqps:.");
            if (section is not null && section.GetKeys().Count > 0)
                keys.Wrong("ssl_options", "is there, but TLS is off. Set 'ssl: true', or write the url with amqps:.");
            return null;
        }
        var tls = new ProfileKeys(section ?? new Profile("pika", "ssl_options", new Dictionary<string, object?>()), errors);
        tls.Only(s_tlsKeys);
        foreach (var (key, names) in new[] { ("cafile", new[] { "cafile", "ca_certs" }), ("certfile", ["certfile"]), ("keyfile", ["keyfile"]), ("no_verify_ssl", ["verify", "no_verify_ssl"]) })
        {
            if (url?.Query.ContainsKey(key) == true && names.Any(tls.Has))
                keys.Wrong("ssl_options", $"has {string.Join(" or ", names)}, and the url has {key}. Keep one of them.");
        }
        if (tls.Has("verify") && tls.Has("no_verify_ssl"))
            keys.Wrong("ssl_options", "has verify and no_verify_ssl, which mean the same. Keep one of them.");
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
}
