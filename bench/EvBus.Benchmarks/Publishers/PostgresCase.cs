using System.Text;
using EvBus.Brokers;
using Npgsql;
using NpgsqlTypes;

namespace EvBus.Benchmarks;

/// <summary>
/// A lane from put to COMMIT against a loop over Npgsql that runs the same statements with the same rows: bodies of 256 bytes, 500 rows a batch, one connection, a real server. <c>postgres</c>: COPY
/// into a temporary table, INSERT … ON CONFLICT DO NOTHING and COMMIT; <c>postgres-copy</c>: COPY into the table itself.
/// </summary>
internal static class PostgresCase
{
    private const int BatchEvents = 500;
    private const string Columns = "id, time, type, source, subject, profile, key, content_type, body, attributes";

    private static readonly byte[] s_body = Encoding.ASCII.GetBytes($"{{\"n\":\"{new string('x', 256 - 8)}\"}}");

    public static async Task<int> RunAsync(int pairs, bool json)
    {
        await using var server = await PostgresServer.FindAsync();
        if (server is null)
        {
            Console.Error.WriteLine("There is no PostgreSQL: install the package postgresql.");
            return 1;
        }
        await BrokerPairs.RunAsync("postgres", pairs, json, () => OursAsync(server, "idempotent", 100_000), () => RawAsync(server, isIdempotent: true, 100_000));
        await BrokerPairs.RunAsync("postgres-copy", pairs, json, () => OursAsync(server, "copy", 200_000), () => RawAsync(server, isIdempotent: false, 200_000));
        return 0;
    }

    private static async Task<Run> OursAsync(PostgresServer server, string mode, int events)
    {
        await EmptyAsync(server, mode == "idempotent");
        var profile = new Profile("postgres", "bench", new Dictionary<string, object?>
        {
            ["host"] = PostgresServer.Host, ["port"] = (long)server.Port, ["database"] = PostgresServer.Database, ["username"] = PostgresServer.Login, ["password"] = PostgresServer.Password,
            ["table"] = "bench", ["mode"] = mode,
        });
        await using var bus = await EventBus.StartAsync(o =>
        {
            // Bounded, or the journal's growth would be counted as garbage.
            o.Options = o.Options with { MaxEvents = 16_384, Seed = 1 };
            o.AddPostgres(new LaneOptions { BatchEvents = BatchEvents });
            o.ProfileSources.Add(new FixedProfiles(profile));
        });
        // The connection is not what is measured.
        await bus.PutAsync(new BusEvent(s_body), Receipt.Delivered());
        var attributes = new EventAttributes { ContentType = "application/json" };
        return await Run.MeasureAsync(events, () => Feed.PutAllAsync(bus, s_body, attributes, events));
    }

    private static async Task<Run> RawAsync(PostgresServer server, bool isIdempotent, int events)
    {
        await EmptyAsync(server, isIdempotent);
        await using var source = new NpgsqlDataSourceBuilder(
            $"Host={PostgresServer.Host};Port={server.Port};Database={PostgresServer.Database};Username={PostgresServer.Login};Password={PostgresServer.Password};Pooling=false;Write Buffer Size=65536").Build();
        await using var connection = await source.OpenConnectionAsync();
        await using (var stage = new NpgsqlCommand(
            "CREATE TEMPORARY TABLE staging (id text, time timestamptz, type text, source text, subject text, profile text, key text, content_type text, body bytea, attributes jsonb) ON COMMIT DELETE ROWS", connection))
            await stage.ExecuteNonQueryAsync();
        await using var finish = new NpgsqlBatch(connection)
        {
            BatchCommands = { new NpgsqlBatchCommand($"INSERT INTO bench ({Columns}) SELECT {Columns} FROM staging ON CONFLICT (id) DO NOTHING"), new NpgsqlBatchCommand("COMMIT") },
        };
        if (isIdempotent)
            await finish.PrepareAsync();
        var copy = $"COPY {(isIdempotent ? "staging" : "bench")} ({Columns}) FROM STDIN (FORMAT BINARY)";
        var ids = new EventIds(2);
        return await Run.MeasureAsync(events, async () =>
        {
            for (var done = 0; done < events; done += BatchEvents)
            {
                if (isIdempotent)
                    await connection.BeginTransactionAsync();
                await using (var rows = await connection.BeginBinaryImportAsync(copy))
                {
                    for (var i = 0; i < BatchEvents; i++)
                    {
                        var now = TimeProvider.System.GetUtcNow();
                        await rows.StartRowAsync();
                        await rows.WriteAsync(ids.Next(now).ToString(), NpgsqlDbType.Text);
                        await rows.WriteAsync(now.UtcDateTime, NpgsqlDbType.TimestampTz);
                        await rows.WriteAsync("evbus.event", NpgsqlDbType.Text);
                        await rows.WriteAsync("evbus", NpgsqlDbType.Text);
                        await rows.WriteNullAsync();
                        await rows.WriteNullAsync();
                        await rows.WriteNullAsync();
                        await rows.WriteAsync("application/json", NpgsqlDbType.Text);
                        await rows.WriteAsync(s_body, NpgsqlDbType.Bytea);
                        await rows.WriteNullAsync();
                    }
                    await rows.CompleteAsync();
                }
                if (isIdempotent)
                    await finish.ExecuteNonQueryAsync();
            }
        });
    }

    // As declare: active makes it, and made anew each time, so that no run finds what another left.
    private static Task EmptyAsync(PostgresServer server, bool isIdempotent) => server.QueryAsync(
        "SET client_min_messages = warning; DROP TABLE IF EXISTS bench; CREATE TABLE bench (seq bigint GENERATED ALWAYS AS IDENTITY, id text NOT NULL" + (isIdempotent ? " PRIMARY KEY" : "")
        + ", time timestamptz NOT NULL, type text NOT NULL, source text NOT NULL, subject text, profile text, key text, content_type text, body bytea NOT NULL, attributes jsonb); "
        + $"ALTER TABLE bench OWNER TO {PostgresServer.Login}; CHECKPOINT");
}
