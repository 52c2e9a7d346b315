using System.Globalization;
using System.Net;
using Npgsql;

namespace EvBus.Ingress.Postgres;

/// <summary>Reads a profile into options and into what the client connects with. No error repeats a value of the connection: any of them may be the password.</summary>
internal static class PostgresProfile
{
    private static readonly string[] s_address = ["host", "port", "database", "username", "login", "password"];

    private static readonly string[] s_keys =
    [
        "url", "connection_string", .. s_address, "application_name", "ssl", "ssl_mode", "ca_file", "cert_file", "key_file", "key_password", "table", "mode", "declare", "body", "id", "timeout",
        "statement_timeout", "lane", "max_age",
    ];

    public static readonly (string Word, PostgresTls Tls)[] TlsWords =
    [
        ("prefer", PostgresTls.Prefer), ("disable", PostgresTls.Disable), ("require", PostgresTls.Require), ("verify-ca", PostgresTls.VerifyCa), ("verify-full", PostgresTls.VerifyFull),
    ];

    public static PostgresIngressOptions? TryRead(Profile profile, out NpgsqlConnectionStringBuilder connection, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        var keys = new ProfileKeys(profile, found);
        keys.Only(s_keys);
        connection = Address.Read(keys);
        var table = keys.Text("table");
        if (table is null)
            keys.Wrong("table", "is missing. Add it to the profile in the acct file.");
        else if (!TableName.TryParse(table, out _, out var wrong))
            keys.Wrong("table", wrong);
        var options = new PostgresIngressOptions
        {
            Table = table ?? "",
            Mode = keys.Choice("mode", ("idempotent", PostgresMode.Idempotent), ("copy", PostgresMode.Copy)),
            Declare = keys.Choice("declare", ("passive", PostgresDeclare.Passive), ("none", PostgresDeclare.None), ("active", PostgresDeclare.Active)),
            Body = keys.Choice("body", ("bytea", PostgresBody.Bytea), ("text", PostgresBody.Text), ("jsonb", PostgresBody.Jsonb)),
            Id = keys.Choice("id", ("text", PostgresId.Text), ("uuid", PostgresId.Uuid)),
            Tls = Tls(keys, connection),
            CaFile = keys.Text("ca_file") ?? connection.RootCertificate,
            CertFile = keys.Text("cert_file") ?? connection.SslCertificate,
            KeyFile = keys.Text("key_file") ?? connection.SslKey,
            Timeout = TimeSpan.FromSeconds(keys.Number("timeout", 1, 600) ?? 10),
            StatementTimeout = TimeSpan.FromSeconds(keys.Number("statement_timeout", 1, 3600) ?? 20),
            Where = IsSocket(connection)
                ? string.Create(CultureInfo.InvariantCulture, $"the socket {connection.Host}/.s.PGSQL.{connection.Port}")
                : string.Create(CultureInfo.InvariantCulture, $"{connection.Host}:{connection.Port}"),
            Database = connection.Database ?? connection.Username ?? "",
        };
        if (options.KeyFile is not null && options.CertFile is null)
            keys.Wrong("key_file", "has no certificate. Add cert_file.");
        if (options.Tls == PostgresTls.Disable && (options.CaFile ?? options.CertFile) is not null)
            keys.Wrong("ssl_mode", "is disable, which makes no use of ca_file and cert_file. Remove them, or set ssl_mode: verify-full.");
        if (options.Tls is PostgresTls.Prefer or PostgresTls.Require && options.CaFile is not null)
            keys.Wrong("ssl_mode", "checks no certificate, so it makes no use of ca_file. Set ssl_mode: verify-full.");
        if (IsSocket(connection) && options.Tls is not (PostgresTls.Prefer or PostgresTls.Disable))
            keys.Wrong(keys.Has("ssl_mode") ? "ssl_mode" : "host", "asks for TLS, which there is none of over a socket of this machine. Remove ssl, ssl_mode, ca_file and cert_file, or name a host.");
        Complete(connection, options, keys.Text("key_password"), keys.Text("application_name"));
        return found.Count == 0 ? options : null;
    }

    /// <summary>Whether somebody on the way, or in the server's place, can get at the password: nothing is checked, and the line leaves this machine.</summary>
    public static bool IsReadable(NpgsqlConnectionStringBuilder connection, PostgresIngressOptions options) =>
        connection.Password is { Length: > 0 } && options.Tls is PostgresTls.Prefer or PostgresTls.Disable or PostgresTls.Require && !Hosts(connection).All(IsHere);

    private static bool IsSocket(NpgsqlConnectionStringBuilder connection) => Hosts(connection).Any(host => host is ['/' or '@', ..]);

    private static string[] Hosts(NpgsqlConnectionStringBuilder connection) => connection.Host?.Split(',', StringSplitOptions.TrimEntries) ?? [];

    private static bool IsHere(string host)
    {
        // host, host:port, [::1]:port
        var name = host.StartsWith('[') ? host[1..].Split(']')[0] : host.Count(c => c == ':') == 1 ? host.Split(':')[0] : host;
        return name is ['/' or '@', ..] || name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(name, out var ip) && IPAddress.IsLoopback(ip));
    }

    private static PostgresTls Tls(ProfileKeys keys, NpgsqlConnectionStringBuilder connection)
    {
        var isAsked = keys.Truth("ssl");
        if (keys.Has("ssl_mode"))
        {
            var mode = keys.Choice("ssl_mode", TlsWords);
            if (isAsked is { } asked && asked == (mode == PostgresTls.Disable))
                keys.Wrong("ssl", "says something else than ssl_mode. Keep one of them.");
            return mode;
        }
        if (isAsked is { } ssl)
            return ssl ? PostgresTls.VerifyFull : PostgresTls.Disable;
        if (keys.Has("ca_file") || keys.Has("cert_file"))
            return PostgresTls.VerifyFull;
        return connection.SslMode switch
        {
            SslMode.Disable => PostgresTls.Disable,
            SslMode.Require => PostgresTls.Require,
            SslMode.VerifyCA => PostgresTls.VerifyCa,
            SslMode.VerifyFull => PostgresTls.VerifyFull,
            _ => PostgresTls.Prefer,
        };
    }

    // What the profile has no say in: one connection of the lane's own, and nothing about events or passwords in what the client says.
    private static void Complete(NpgsqlConnectionStringBuilder connection, PostgresIngressOptions options, string? keyPassword, string? name)
    {
        connection.SslMode = options.Tls switch
        {
            PostgresTls.Disable => SslMode.Disable,
            PostgresTls.Require => SslMode.Require,
            PostgresTls.VerifyCa => SslMode.VerifyCA,
            PostgresTls.VerifyFull => SslMode.VerifyFull,
            _ => SslMode.Prefer,
        };
        connection.RootCertificate = options.CaFile;
        connection.SslCertificate = options.CertFile;
        connection.SslKey = options.KeyFile;
        if (keyPassword is not null)
            connection.SslPassword = keyPassword;
        connection.ApplicationName = name ?? connection.ApplicationName ?? "evbus";
        connection.Timeout = (int)options.Timeout.TotalSeconds;
        // For a COPY; statements have no limit in the client, see PostgresLink.
        connection.CommandTimeout = (int)options.StatementTimeout.TotalSeconds + 5;
        connection.Pooling = false;
        connection.Multiplexing = false;
        connection.Enlist = false;
        connection.PersistSecurityInfo = false;
        connection.IncludeErrorDetail = false;
        connection.LogParameters = false;
        connection.MaxAutoPrepare = 0;
        // A firewall forgets idle lines without telling. There is none before a socket of this machine, which refuses to be asked for it.
        connection.TcpKeepAlive = !IsSocket(connection);
        connection.TcpKeepAliveTime = IsSocket(connection) ? 0 : 60;
        connection.TcpKeepAliveInterval = IsSocket(connection) ? 0 : 10;
        connection.WriteBufferSize = 64 << 10;
    }
}
