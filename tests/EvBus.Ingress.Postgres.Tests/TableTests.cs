using System.Globalization;
using EvBus.Brokers;

namespace EvBus.Ingress.Postgres.Tests;

/// <summary>What is the table's own trouble and what is one event's; and how the server is reached.</summary>
[Collection(ServerTests.Name)]
public sealed class TableTests(ServerFixture fixture)
{
    private static readonly LaneOptions s_quick = new() { RetryMax = TimeSpan.FromMilliseconds(100) };

    [Theory]
    [InlineData("copy")]
    [InlineData("idempotent")]
    public async Task A_partition_that_is_missing_makes_events_wait_and_none_a_dead_letter(string mode)
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        var isCopy = mode == "copy";
        await server.QueryAsync(
            $"CREATE TABLE {table} ({Columns(isCopy ? "" : ", PRIMARY KEY (id)")}) PARTITION BY {(isCopy ? "RANGE (time)" : "HASH (id)")}; ALTER TABLE {table} OWNER TO {PostgresServer.Login}");
        await WaitsAsync(table, mode, "(23514). Make the partition", $"CREATE TABLE {table}_rest PARTITION OF {table} {(isCopy ? "DEFAULT" : "FOR VALUES WITH (MODULUS 1, REMAINDER 0)")}");
    }

    [Theory]
    [InlineData("ADD COLUMN tenant text NOT NULL", "ALTER COLUMN tenant SET DEFAULT 'x'", "(23502)")]
    [InlineData("ADD COLUMN tenant text DEFAULT 'x' CHECK (tenant <> 'x')", "ALTER COLUMN tenant SET DEFAULT 'y'", "(23514)")]
    [InlineData("ADD COLUMN tenant text DEFAULT 'x' REFERENCES nobody (name) DEFERRABLE INITIALLY DEFERRED", "ALTER COLUMN tenant DROP DEFAULT", "(23503)")]
    public async Task A_column_of_the_table_s_own_that_no_event_gives_makes_events_wait(string breaks, string mends, string state)
    {
        var server = fixture.Need();
        await server.QueryAsync("CREATE TABLE IF NOT EXISTS nobody (name text PRIMARY KEY)");
        foreach (var mode in new[] { "copy", "idempotent" })
        {
            var table = fixture.NewTable();
            await server.QueryAsync($"CREATE TABLE {table} ({Columns(", PRIMARY KEY (id)")}); ALTER TABLE {table} {breaks}; ALTER TABLE {table} OWNER TO {PostgresServer.Login}");
            await WaitsAsync(table, mode, state, $"ALTER TABLE {table} {mends}");
        }
    }

    [Fact]
    public async Task A_partition_s_own_column_is_the_table_s_trouble_too()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await server.QueryAsync(
            $"CREATE TABLE {table} ({Columns("")}) PARTITION BY RANGE (time); ALTER TABLE {table} ADD COLUMN tenant text; CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT;"
            + $" ALTER TABLE {table}_rest ALTER COLUMN tenant SET NOT NULL; ALTER TABLE {table} OWNER TO {PostgresServer.Login}");
        await WaitsAsync(table, "copy", "(23502)", $"ALTER TABLE {table}_rest ALTER COLUMN tenant DROP NOT NULL");
    }

    [Theory]
    [InlineData("type text REFERENCES nobody (name)", "(23503)")]
    [InlineData("type text CHECK (type <> 'a.type')", "(23514)")]
    [InlineData("type text CHECK (type <> 'a.type'), CHECK (body IS NOT NULL)", "(23514)")]
    [InlineData("type text, subject_must_be text GENERATED ALWAYS AS (NULLIF(type, 'a.type')) STORED NOT NULL", "(23502)")]
    public async Task A_column_that_the_event_gives_is_the_event_s(string column, string state)
    {
        var server = fixture.Need();
        await server.QueryAsync("CREATE TABLE IF NOT EXISTS nobody (name text PRIMARY KEY); INSERT INTO nobody VALUES ('test') ON CONFLICT DO NOTHING");
        var table = fixture.NewTable();
        await server.QueryAsync($"CREATE TABLE {table} ({Columns(", PRIMARY KEY (id)").Replace(" type text,", $" {column},", StringComparison.Ordinal)}); ALTER TABLE {table} OWNER TO {PostgresServer.Login}");
        await server.QueryAsync("GRANT SELECT ON nobody TO PUBLIC");
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table, ("declare", "passive")));
        await publisher.ConnectAsync(default);
        var result = await publisher.PublishAsync(EventBatch.Of(new BusEvent("1", new EventAttributes { Type = "a.type" })), default);
        Assert.Equal(Verdict.Rejected, result.Verdict);
        Assert.Contains(state, result.Reason, StringComparison.Ordinal);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Event("good")), default));
    }

    [Theory]
    [InlineData("RAISE EXCEPTION 'not this one' USING ERRCODE = 'MY001'", "(MY001)")]
    [InlineData("RAISE EXCEPTION 'not this one' USING ERRCODE = '28P01'", "not this one (28P01)")]
    [InlineData("RAISE EXCEPTION 'not this one' USING ERRCODE = '42P01'", "not this one (42P01)")]
    [InlineData("RAISE EXCEPTION E'not\\n\\033[31mthis one'", "not  [31mthis one (P0001)")]
    [InlineData("ASSERT false, 'not this one'", "(P0004)")]
    [InlineData("PERFORM 1 / 0", "(22012)")]
    public async Task A_trigger_s_refusal_of_one_event_costs_that_event_alone_whatever_its_state(string refuses, string said)
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await server.QueryAsync(
            $"CREATE TABLE {table} ({Columns(", PRIMARY KEY (id)")}); ALTER TABLE {table} OWNER TO {PostgresServer.Login};"
            + $" CREATE FUNCTION {table}_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.body = '7' THEN {refuses}; END IF; RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_f()");
        var flow = new Flow(fixture.Profile(table)) { Lane = s_quick, Count = 40 };
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal((39, 1), (flow.Status.Delivered, flow.Status.Dead));
        Assert.Equal("7", flow.Dead[0].Event.GetText());
        Assert.Contains(said, flow.Dead[0].Reason, StringComparison.Ordinal);
        Assert.DoesNotContain(flow.Dead[0].Reason!, char.IsControl);
    }

    [Fact]
    public async Task A_table_with_the_name_of_the_temporary_one_is_a_table()
    {
        await using var publisher = ServerFixture.Publisher(fixture.Profile("evbus_staging"));
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(3)), default));
        Assert.Equal("3", await fixture.Need().QueryAsync("SELECT count(*) FROM public.evbus_staging"));
    }

    [Fact]
    public async Task A_schema_that_is_missing_is_not_made_and_nobody_is_told_to_set_what_is_set()
    {
        await using var publisher = ServerFixture.Publisher(fixture.Profile("nowhere.events", ("declare", "active")));
        var thrown = await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(default));
        Assert.Contains("(3F000). Create it in database 'evbus'", thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("set 'declare: active'", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("host")]
    [InlineData("connection_string")]
    public async Task The_server_is_reached_by_the_folder_of_its_socket(string key)
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        var profile = key == "host"
            ? fixture.Profile(table, ("host", server.Folder))
            : fixture.Profile(table, ("host", null), ("port", null), ("database", null), ("connection_string", $"Host={server.Folder};Port={server.Port};Database={PostgresServer.Database}"));
        var flow = new Flow(profile) { Lane = s_quick, Count = 200 };
        await flow.RunAsync(_ => Task.CompletedTask);
        flow.AssertAccounts(await fixture.BodiesAsync(table));
    }

    [Fact]
    public async Task A_socket_that_is_not_there_is_named_with_its_path()
    {
        await using var publisher = ServerFixture.Publisher(fixture.Profile(fixture.NewTable(), ("host", "/nowhere")));
        var thrown = await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(default));
        Assert.Contains($"/nowhere/.s.PGSQL.{fixture.Need().Port}", thrown.Message, StringComparison.Ordinal);
    }

    private static string Columns(string more) =>
        $"seq bigint GENERATED BY DEFAULT AS IDENTITY, id text, time timestamptz, type text, source text, subject text, profile text, key text, content_type text, body bytea, attributes jsonb{more}"
            .Replace("seq bigint GENERATED BY DEFAULT AS IDENTITY", more.Contains("PRIMARY", StringComparison.Ordinal) ? "seq bigint GENERATED BY DEFAULT AS IDENTITY" : "seq bigint", StringComparison.Ordinal);

    private async Task WaitsAsync(string table, string mode, string said, string mends)
    {
        var flow = new Flow(fixture.Profile(table, ("mode", mode), ("declare", "passive"))) { Lane = s_quick, Count = 30 };
        await using var bus = await flow.StartAsync();
        for (var i = 0; i < flow.Count; i++)
            await bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture)));
        await Flow.Until(() => Flow.Now(bus).Trouble?.Contains(said, StringComparison.Ordinal) == true, () => $"{Flow.Now(bus).Trouble} {Flow.Now(bus)}");
        await fixture.Need().QueryAsync(mends);
        await flow.EndAsync(bus);
        Assert.Equal((30, 0), (flow.Status.Delivered, flow.Status.Dead));
        Assert.Equal("30", await fixture.Need().QueryAsync($"SELECT count(*) FROM {table}"));
        Assert.Single(flow.Said, line => line.Contains(said, StringComparison.Ordinal));
    }
}
