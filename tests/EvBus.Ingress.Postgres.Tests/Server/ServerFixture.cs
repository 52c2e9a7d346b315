using System.Text;
using EvBus.Brokers;
using EvBus.Ingress.RabbitMq.Tests;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Postgres.Tests;

/// <summary>The one server that all tests of this project share, one after another, each with a table of its own.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    private int _tables;

    public PostgresServer? Server { get; private set; }

    public Certificates Certificates { get; } = new();

    /// <summary>A role that a client certificate of that name logs in, and nothing else.</summary>
    public const string CertificateLogin = "evbus-client";

    public async ValueTask InitializeAsync() => Server = await PostgresServer.FindAsync(data =>
    {
        var key = Certificates.Broker.SaveKey(data, "server");
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var rules = $"{data}/pg_hba.conf";
        File.WriteAllText(rules, $"hostssl all \"{CertificateLogin}\" 127.0.0.1/32 cert\n{File.ReadAllText(rules)}");
        return ["ssl = on", $"ssl_cert_file = '{Certificates.Broker.Save(data, "server")}'", $"ssl_key_file = '{key}'", $"ssl_ca_file = '{Certificates.Authority.Save(data, "ca")}'"];
    });

    public async ValueTask DisposeAsync()
    {
        if (Server is not null)
        {
            Server.KeepLogs = TestContext.Current.TestState?.Result == TestResult.Failed;
            await Server.DisposeAsync();
        }
        Certificates.Dispose();
    }

    /// <summary>The server, or the skip that says why there is none.</summary>
    public PostgresServer Need()
    {
        if (Server is null && Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail("There is no PostgreSQL, and with CI=true there must be one: install the package postgresql.");
        Assert.SkipWhen(Server is null, "There is no PostgreSQL: install the package postgresql.");
        return Server!;
    }

    /// <summary>A name that no other test has.</summary>
    public string NewTable() => $"events_{Interlocked.Increment(ref _tables)}";

    /// <summary>A profile that works; a null takes a key away.</summary>
    public Profile Profile(string table, params (string Key, object? Value)[] more)
    {
        var values = new Dictionary<string, object?>
        {
            ["host"] = PostgresServer.Host, ["port"] = (long)Need().Port, ["database"] = PostgresServer.Database, ["username"] = PostgresServer.Login, ["password"] = PostgresServer.Password,
            ["table"] = table, ["declare"] = "active",
        };
        foreach (var (key, value) in more)
        {
            if (value is null)
                values.Remove(key);
            else
                values[key] = value;
        }
        return new Profile("postgres", "test", values);
    }

    public static IPublisher Publisher(Profile profile, ILogger? logger = null) =>
        PostgresIngress.Descriptor.Create(new IngressContext("postgres/test", profile, null, null, logger ?? NullLogger.Instance, TimeProvider.System));

    /// <summary>The bodies that psql finds, in the order they were inserted.</summary>
    public async Task<string[]> BodiesAsync(string sqlName, string column = "convert_from(body, 'UTF8')")
    {
        var text = await Need().QueryAsync($"SELECT {column} FROM {sqlName} ORDER BY seq");
        return text.Length == 0 ? [] : text.Split('\n');
    }

    public static BusEvent Event(string body, string? id = null) => new(Encoding.UTF8.GetBytes(body), new EventAttributes { Id = id ?? $"id-{body}", Type = "test", Source = "tests", ContentType = "text/plain" });

    public static BusEvent[] Events(int count) => [.. Enumerable.Range(0, count).Select(i => Event(i.ToString(System.Globalization.CultureInfo.InvariantCulture)))];
}

[CollectionDefinition(Name)]
public sealed class ServerTests : ICollectionFixture<ServerFixture>
{
    public const string Name = "server";
}
