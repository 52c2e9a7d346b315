using System.Text.Json;
using EvBus.Brokers;
using EvBus.Testing;

namespace EvBus.Ingress.Postgres.Tests;

/// <summary>The contract in one mode; a real server behind a line that can be cut, and psql to read with.</summary>
[Collection(ServerTests.Name)]
public abstract class PostgresContract(ServerFixture fixture, string mode, string body, PublisherLimits limits) : PublisherContract
{
    protected override ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken)
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        var line = new FaultProxy(PostgresServer.Host, server.Port);
        Profile Make(params (string, object?)[] more) => fixture.Profile(table, [("port", (long)line.Port), ("mode", mode), ("body", body), ("ssl_mode", mode == "copy" ? "disable" : "prefer"), ("application_name", table), .. more]);
        return new(new PublisherHarness
        {
            Name = "postgres",
            Create = PostgresIngress.Descriptor.Create,
            Profile = Make(),
            RefusedProfile = Make(("password", "not-the-secret")),
            MissingProfile = Make(("table", "nowhere"), ("declare", "passive")),
            Secrets = [PostgresServer.Password, "not-the-secret"],
            Read = async _ => await ReadAsync(server, table),
            Unwanted = new BusEvent("unwanted", new EventAttributes { Id = "un\0wanted" }),
            Cut = () =>
            {
                line.Cut();
                return default;
            },
            Hold = () =>
            {
                line.Freeze();
                return default;
            },
            Release = () =>
            {
                line.Cut();
                line.Thaw();
                return default;
            },
            OpenConnections = () => int.Parse(
                server.QueryAsync($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{table}'").GetAwaiter().GetResult(), System.Globalization.CultureInfo.InvariantCulture),
            Limits = limits,
            OnDispose = () => line.DisposeAsync(),
        });
    }

    private async Task<IReadOnlyList<ReceivedEvent>> ReadAsync(PostgresServer server, string table)
    {
        if (await server.QueryAsync($"SELECT to_regclass('{table}') IS NULL") == "t")
            return [];
        var bytes = body == "bytea" ? "encode(body, 'hex')" : "encode(convert_to(body::text, 'UTF8'), 'hex')";
        var found = await server.QueryAsync(
            $"SELECT json_build_object('body', {bytes}, 'id', id, 'type', type, 'source', source, 'subject', subject, 'partitionkey', key, 'region', attributes->>'region') FROM {table} ORDER BY seq");
        var events = new List<ReceivedEvent>();
        foreach (var row in found.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using var json = JsonDocument.Parse(row);
            var attributes = json.RootElement.EnumerateObject().Where(each => each.Name != "body" && each.Value.ValueKind == JsonValueKind.String).ToDictionary(each => each.Name, each => each.Value.GetString()!);
            events.Add(new ReceivedEvent(Convert.FromHexString(json.RootElement.GetProperty("body").GetString()!), attributes));
        }
        return events;
    }
}

public sealed class PostgresIdempotentContract(ServerFixture fixture) : PostgresContract(fixture, "idempotent", "bytea", new PublisherLimits());

public sealed class PostgresCopyContract(ServerFixture fixture) : PostgresContract(fixture, "copy", "bytea", new PublisherLimits());

public sealed class PostgresTextContract(ServerFixture fixture) : PostgresContract(fixture, "idempotent", "text", new PublisherLimits { BinaryBodies = "bytes are no text" });
