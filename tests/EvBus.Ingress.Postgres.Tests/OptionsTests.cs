using Npgsql;

namespace EvBus.Ingress.Postgres.Tests;

public sealed class OptionsTests
{
    [Theory]
    [InlineData("events", "\"events\"")]
    [InlineData("Events", "\"events\"")]
    [InlineData("public.events_2$", "\"public\".\"events_2$\"")]
    [InlineData("\"a\"\"b\".\"C d\"", "\"a\"\"b\".\"C d\"")]
    [InlineData("\"x\"\"; DROP TABLE t; --\"", "\"x\"\"; DROP TABLE t; --\"")]
    public void A_table_is_read_as_SQL_reads_it_and_quoted(string text, string sql)
    {
        Assert.True(TableName.TryParse(text, out var name, out _));
        Assert.Equal(sql, name.Sql);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a.")]
    [InlineData("a.b.c")]
    [InlineData("a b")]
    [InlineData("events; DROP TABLE t")]
    [InlineData("events\" (id) SELECT 1; --")]
    [InlineData("\"events\"; DROP TABLE t")]
    [InlineData("\"open")]
    [InlineData("\"a\0b\"")]
    [InlineData("events--")]
    [InlineData("f()")]
    [InlineData("n23456789012345678901234567890123456789012345678901234567890abcd")]
    public void What_is_no_name_of_a_table_is_refused_before_anything_starts(string text)
    {
        var error = Assert.Single(Validate(("table", text)));
        Assert.StartsWith("Profile postgres/test: table ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void All_errors_are_said_at_once_without_any_value_of_the_connection()
    {
        var errors = Validate(
            ("password", null), ("username", null), ("host", null), ("url", "http://me:hunter22@host/"), ("connection_string", "Host=h;hunter22;Password"), ("tabel", "x"), ("table", null), ("mode", "upsert"),
            ("declare", "always"), ("body", "blob"), ("id", "int"), ("ssl_mode", "on"), ("key_file", "k.pem"), ("timeout", 0L), ("statement_timeout", 4000L));
        foreach (var key in new[] { "url", "tabel", "table", "mode", "declare", "body", "id", "ssl_mode", "key_file", "timeout", "statement_timeout" })
            Assert.Contains(errors, error => error.StartsWith($"Profile postgres/test: {key} ", StringComparison.Ordinal));
        Assert.DoesNotContain(errors, error => error.Contains("hunter22", StringComparison.Ordinal));
        Assert.DoesNotContain("hunter22", Validate(("host", null), ("username", null), ("password", null), ("connection_string", "Host=h;hunter22;Password")).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_example_of_the_descriptor_is_a_profile_that_works() => Assert.Empty(PostgresIngress.Descriptor.Validate!(new Profile("postgres", "archive", new Dictionary<string, object?>
    {
        ["host"] = "db.example.org", ["port"] = 5432L, ["database"] = "events", ["username"] = "evbus", ["password"] = "change me", ["ssl_mode"] = "verify-full", ["table"] = "public.events",
        ["mode"] = "idempotent", ["declare"] = "active", ["body"] = "bytea", ["id"] = "text", ["timeout"] = 10L, ["statement_timeout"] = 20L,
    })));

    [Fact]
    public void A_url_says_all_that_the_keys_say()
    {
        var connection = Read(
            ("host", null), ("username", null), ("password", null),
            ("url", "postgresql://a%40b:p%3Ass%2Fword@db.example.org:6543/my%20events?sslmode=verify-ca&sslrootcert=ca.pem&application_name=site"));
        Assert.Equal(
            ("db.example.org", 6543, "my events", "a@b", "p:ss/word", SslMode.VerifyCA, "ca.pem", "site"),
            (connection.Host, connection.Port, connection.Database, connection.Username, connection.Password, connection.SslMode, connection.RootCertificate, connection.ApplicationName));
    }

    [Fact]
    public void A_connection_string_is_taken_but_for_what_the_lane_must_decide()
    {
        var connection = Read(
            ("host", null), ("username", null), ("password", null), ("connection_string", "Host=h1;Port=1;Username=u;Password='a;b';Pooling=true;Include Error Detail=true;Log Parameters=true;Keepalive=7"));
        Assert.Equal(("h1", 1, "u", "a;b", 7), (connection.Host, connection.Port, connection.Username, connection.Password, connection.KeepAlive));
        Assert.False(connection.Pooling || connection.IncludeErrorDetail || connection.LogParameters || connection.PersistSecurityInfo);
    }

    [Theory]
    [InlineData(null, null, null, SslMode.Prefer)]
    [InlineData("ssl", true, null, SslMode.VerifyFull)]
    [InlineData("ssl", false, null, SslMode.Disable)]
    [InlineData("ca_file", "ca.pem", null, SslMode.VerifyFull)]
    [InlineData("cert_file", "me.pem", null, SslMode.VerifyFull)]
    [InlineData("ca_file", "ca.pem", "verify-ca", SslMode.VerifyCA)]
    [InlineData("ssl", true, "require", SslMode.Require)]
    public void The_name_of_the_host_is_checked_where_TLS_is_asked_for(string? key, object? value, string? mode, SslMode expected) =>
        Assert.Equal(expected, Read(key is null ? [("ssl_mode", mode)] : [(key, value), ("ssl_mode", mode)]).SslMode);

    [Theory]
    [InlineData("08006", Verdict.Disconnected)]
    [InlineData("40001", Verdict.Retry)]
    [InlineData("40P01", Verdict.Retry)]
    [InlineData("55P03", Verdict.Retry)]
    [InlineData("57014", Verdict.Retry)]
    [InlineData("57P01", Verdict.Disconnected)]
    [InlineData("57P03", Verdict.Disconnected)]
    [InlineData("53300", Verdict.Disconnected)]
    [InlineData("53100", Verdict.Disconnected)]
    [InlineData("22001", Verdict.Rejected)]
    [InlineData("23505", Verdict.Rejected)]
    [InlineData("54000", Verdict.Rejected)]
    [InlineData("44000", Verdict.Rejected)]
    [InlineData("P0001", Verdict.Rejected)]
    [InlineData("28P01", Verdict.Disconnected)]
    [InlineData("28000", Verdict.Disconnected)]
    [InlineData("3D000", Verdict.Disconnected)]
    [InlineData("42P01", Verdict.Disconnected)]
    [InlineData("42501", Verdict.Disconnected)]
    [InlineData("25006", Verdict.Disconnected)]
    [InlineData("XX000", Verdict.Disconnected)]
    public void A_state_is_a_verdict_and_never_names_the_user(string state, Verdict expected)
    {
        var options = PostgresProfile.TryRead(Profile(), out _, out _)!;
        var text = state[..2] == "28" ? "password authentication failed for user \"evbus\"" : "words";
        var result = new Reasons(options, "\"events\"").Judge(new PostgresException(text, "ERROR", "ERROR", state));
        Assert.Equal(expected, result.Verdict);
        Assert.Contains("PostgreSQL at db.example.org:5432", result.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("\"evbus\"", result.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("203.0.113.7", "prefer", true)]
    [InlineData("203.0.113.7", "disable", true)]
    [InlineData("db.example.org", "require", true)]
    [InlineData("localhost, db.example.org:5433", "prefer", true)]
    [InlineData("db.example.org", "verify-full", false)]
    [InlineData("localhost", "prefer", false)]
    [InlineData("127.0.0.1:5433", "prefer", false)]
    [InlineData("[::1]:5433", "disable", false)]
    [InlineData("/run/postgresql", "prefer", false)]
    public void A_password_on_a_line_that_nobody_checks_is_known_for_what_it_is(string host, string mode, bool isReadable)
    {
        foreach (var password in new[] { "hunter22", null })
        {
            var options = PostgresProfile.TryRead(Profile(("host", host), ("ssl_mode", mode), ("password", password)), out var connection, out _)!;
            Assert.Equal(isReadable && password is not null, PostgresProfile.IsReadable(connection, options));
        }
    }

    [Fact]
    public void TLS_over_a_socket_is_refused_at_the_start() =>
        Assert.Contains("there is none of over a socket", Assert.Single(Validate(("host", "/run/postgresql"), ("ssl_mode", "verify-full"))), StringComparison.Ordinal);

    private static Profile Profile(params (string Key, object? Value)[] more)
    {
        var values = new Dictionary<string, object?> { ["host"] = "db.example.org", ["username"] = "evbus", ["password"] = "hunter22", ["table"] = "events" };
        foreach (var (key, value) in more)
        {
            if (value is null)
                values.Remove(key);
            else
                values[key] = value;
        }
        return new Profile("postgres", "test", values);
    }

    private static IReadOnlyList<string> Validate(params (string, object?)[] more) => PostgresIngress.Descriptor.Validate!(Profile(more));

    private static NpgsqlConnectionStringBuilder Read(params (string, object?)[] more)
    {
        Assert.True(PostgresProfile.TryRead(Profile(more), out var connection, out var errors) is not null, string.Join("\n", errors));
        return connection;
    }
}
