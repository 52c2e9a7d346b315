using Npgsql;

namespace EvBus.Ingress.Postgres;

/// <summary>Where the server is and who is asking: one by one, as a URL, or as a connection string.</summary>
internal static class Address
{
    private static readonly string[] s_whole = ["url", "connection_string"];
    private static readonly string[] s_parts = ["host", "port", "database"];

    public static NpgsqlConnectionStringBuilder Read(ProfileKeys keys)
    {
        var whole = Array.FindAll(s_whole, keys.Has);
        if (whole.Length == 2)
            keys.Wrong("url", "and connection_string are two ways to say the same. Keep one.");
        if (whole.Length > 0)
        {
            foreach (var key in s_parts.Where(keys.Has))
                keys.Wrong(key, $"stands in {whole[0]} already. Keep one of them.");
        }
        var builder = whole.Length == 0 ? new NpgsqlConnectionStringBuilder()
            : keys.Text(whole[0]) is not { } text ? new NpgsqlConnectionStringBuilder()
            : whole[0] == "url" ? FromUrl(keys, text) : FromString(keys, text);
        if (whole.Length == 0)
        {
            builder.Port = (int?)keys.Number("port", 1, 65535) ?? 5432;
            if (keys.Text("host") is { } host)
                builder.Host = host;
            if (keys.Text("database") is { } database)
                builder.Database = database;
        }
        if (string.IsNullOrEmpty(builder.Host))
            builder.Host = "localhost";
        var login = keys.Text("username", "login");
        if (login is not null && builder.Username is not null)
            keys.Wrong("username", $"stands in {whole[0]} already. Keep one of them.");
        else if (login is not null)
            builder.Username = login;
        if (builder.Username is null)
            keys.Wrong("username", "is missing. Add it to the profile in the acct file.");
        var password = keys.Text("password");
        if (password is not null && builder.Password is not null)
            keys.Wrong("password", $"stands in {whole[0]} already. Keep one of them.");
        else if (password is not null)
            builder.Password = password;
        return builder;
    }

    private static NpgsqlConnectionStringBuilder FromString(ProfileKeys keys, string text)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException)
        {
            // What it says may have the password in it.
            keys.Wrong("connection_string", "cannot be read. Write Host=…;Port=5432;Database=…;Username=…;Password=…, a value with ; or quotes in quotes of its own, or give the keys one by one.");
            return new NpgsqlConnectionStringBuilder { Username = "unreadable" };
        }
    }

    private static NpgsqlConnectionStringBuilder FromUrl(ProfileKeys keys, string text)
    {
        var builder = new NpgsqlConnectionStringBuilder();
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("postgres" or "postgresql"))
        {
            keys.Wrong("url", "is none. Write postgres://login:password@host:5432/database?sslmode=verify-full, with special characters percent-encoded.");
            builder.Username = "unreadable";
            return builder;
        }
        if (uri.IdnHost.Length > 0)
            builder.Host = uri.IdnHost.Trim('[', ']');
        builder.Port = uri.Port > 0 ? uri.Port : 5432;
        if (uri.AbsolutePath.Length > 1)
            builder.Database = Uri.UnescapeDataString(uri.AbsolutePath[1..]);
        var user = uri.UserInfo.Split(':', 2);
        if (user[0].Length > 0)
            builder.Username = Uri.UnescapeDataString(user[0]);
        if (user.Length == 2)
            builder.Password = Uri.UnescapeDataString(user[1]);
        foreach (var part in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = part.Split('=', 2) is [var left, var right] ? (left, Uri.UnescapeDataString(right)) : (part, "");
            var isKnown = name switch
            {
                "sslmode" => Array.Exists(PostgresProfile.TlsWords, each => each.Word == value),
                "sslrootcert" or "sslcert" or "sslkey" or "application_name" => value.Length > 0,
                _ => false,
            };
            if (!isKnown)
            {
                keys.Wrong("url", "has a parameter that the PostgreSQL publisher does not know, or one with a value it does not know. There are: sslmode (prefer, disable, require, verify-ca, verify-full), "
                    + "sslrootcert, sslcert, sslkey, application_name.");
                continue;
            }
            switch (name)
            {
                case "sslmode":
                    builder.SslMode = Enum.Parse<SslMode>(value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
                    break;
                case "sslrootcert":
                    builder.RootCertificate = value;
                    break;
                case "sslcert":
                    builder.SslCertificate = value;
                    break;
                case "sslkey":
                    builder.SslKey = value;
                    break;
                default:
                    builder.ApplicationName = value;
                    break;
            }
        }
        return builder;
    }
}
