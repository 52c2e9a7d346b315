using System.Globalization;
using EvBus.Brokers;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Postgres.Tests;

/// <summary>What the server refuses: a login, a table, an event.</summary>
[Collection(ServerTests.Name)]
public sealed class RefusalTests(ServerFixture fixture)
{
    private static readonly LaneOptions s_quick = new() { RetryMax = TimeSpan.FromMilliseconds(100) };

    [Fact]
    public async Task Wrong_password_is_said_once_without_the_password()
    {
        const string Wrong = "not-the-secret";
        var flow = new Flow(fixture.Profile(fixture.NewTable(), ("password", Wrong))) { Lane = s_quick };
        await using var bus = await flow.StartAsync();
        await bus.PutAsync(new BusEvent("0"));
        await Flow.Until(() => flow.Said.Any(line => line.Contains("refused the login", StringComparison.Ordinal)));
        var before = Attempts();
        await Flow.Until(() => Attempts() > before + 3);
        Assert.Single(flow.Said, line => line.Contains("refused the login", StringComparison.Ordinal));
        Assert.DoesNotContain(flow.Said, line => line.Contains(Wrong, StringComparison.Ordinal));
        Assert.Equal((1, 0), (Flow.Now(bus).Queued, Flow.Now(bus).Dead));
        // Nothing is to be waited for at its end.
        await bus.StopAsync(TimeSpan.Zero);

        // The server's own log knows how often it was tried.
        int Attempts() => File.ReadLines($"{fixture.Need().Folder}/log").Count(line => line.Contains("password authentication failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Password_changed_under_us_is_said_once_and_the_lane_goes_on_when_it_fits_again()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await server.QueryAsync($"CREATE ROLE rotating LOGIN PASSWORD 'the-old-secret'; GRANT CREATE ON SCHEMA public TO rotating");
        var flow = new Flow(fixture.Profile(table, ("username", "rotating"), ("password", "the-old-secret"))) { Lane = s_quick };
        await flow.RunAsync(async bus =>
        {
            await server.QueryAsync("ALTER ROLE rotating PASSWORD 'the-new-secret'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotating'");
            await Flow.Until(() => Flow.Now(bus).Trouble?.Contains("refused the login", StringComparison.Ordinal) == true);
            await server.QueryAsync("ALTER ROLE rotating PASSWORD 'the-old-secret'");
        });
        flow.AssertAccounts(await fixture.BodiesAsync(table));
        Assert.Single(flow.Said, line => line.Contains("refused the login", StringComparison.Ordinal));
        Assert.DoesNotContain(flow.Said, line => line.Contains("the-old-secret", StringComparison.Ordinal) || line.Contains("the-new-secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("passive")]
    [InlineData("none")]
    public async Task A_missing_table_is_said_with_the_remedy_and_events_wait_until_it_is_there(string declare)
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        var flow = new Flow(fixture.Profile(table, ("declare", declare))) { Lane = s_quick, Count = 50 };
        await using var bus = await flow.StartAsync();
        for (var i = 0; i < flow.Count; i++)
            await bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture)));
        await Flow.Until(() => Flow.Now(bus).Trouble?.Contains($"relation \"{table}\" does not exist (42P01). Create it in database 'evbus'", StringComparison.Ordinal) == true);
        await MakeAsync(server, table);
        await flow.EndAsync(bus);
        flow.AssertAccounts(await fixture.BodiesAsync(table));
        Assert.Single(flow.Said, line => line.Contains("does not exist (42P01)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_table_that_is_dropped_under_us_costs_no_event()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await MakeAsync(server, table);
        var flow = new Flow(fixture.Profile(table, ("declare", "passive"))) { Lane = s_quick, Count = 2000 };
        var before = 0;
        await flow.RunAsync(async bus =>
        {
            before = int.Parse(await server.QueryAsync($"WITH gone AS (DELETE FROM {table} RETURNING 1) SELECT count(*) FROM gone"), CultureInfo.InvariantCulture);
            await server.QueryAsync($"ALTER TABLE {table} RENAME TO {table}_away");
            await bus.PutAsync(new BusEvent("-1"));
            await Flow.Until(() => Flow.Now(bus).Trouble?.Contains("does not exist (42P01)", StringComparison.Ordinal) == true);
            await server.QueryAsync($"ALTER TABLE {table}_away RENAME TO {table}");
        });
        Assert.Equal((2001, 0), (flow.Status.Delivered, flow.Status.Dead));
        Assert.Equal((2001 - before).ToString(CultureInfo.InvariantCulture), await server.QueryAsync($"SELECT count(*) FROM {table}"));
    }

    [Theory]
    [InlineData("database", "nowhere", "has no database 'nowhere'. Create it")]
    [InlineData("port", 1L, "Nobody listens at 127.0.0.1:1")]
    [InlineData("table", "pg_catalog.pg_class", "The columns that are written are in the README")]
    public async Task A_destination_that_cannot_work_is_said_with_the_remedy(string key, object value, string said)
    {
        var profile = fixture.Profile(fixture.NewTable(), ("declare", "passive"), (key, value));
        await using var publisher = ServerFixture.Publisher(profile);
        var thrown = await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(default));
        Assert.Contains(said, thrown.Message, StringComparison.Ordinal);
        await using var tried = ServerFixture.Publisher(profile);
        Assert.Equal(thrown.Message, (await Assert.ThrowsAsync<EvBusException>(async () => await ((IConnectionTest)tried).TestAsync(default))).Message);
    }

    [Fact]
    public async Task A_table_without_a_unique_id_is_no_place_for_mode_idempotent()
    {
        var table = fixture.NewTable();
        await using var copying = ServerFixture.Publisher(fixture.Profile(table, ("mode", "copy")));
        await copying.ConnectAsync(default);
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table));
        Assert.Contains("needs a primary key or unique index on id", (await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(default))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_right_that_is_missing_is_said_with_the_grant()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await MakeAsync(server, table);
        await server.QueryAsync($"CREATE ROLE reader LOGIN PASSWORD 'reader-secret'; GRANT SELECT ON {table} TO reader");
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table, ("username", "reader"), ("password", "reader-secret")));
        Assert.Contains("GRANT INSERT", (await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(default))).Message, StringComparison.Ordinal);
        await server.QueryAsync($"GRANT INSERT ON {table} TO reader");
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(3)), default));
    }

    [Fact]
    public async Task Of_a_thousand_events_the_one_that_breaks_a_constraint_alone_becomes_a_dead_letter()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await MakeAsync(server, table);
        await server.QueryAsync($"ALTER TABLE {table} ADD CONSTRAINT no_777 CHECK (body <> '777')");
        var flow = new Flow(fixture.Profile(table)) { Count = 1000, Lane = new LaneOptions { BatchEvents = 1000 } };
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal((999, 1, 0), (flow.Status.Delivered, flow.Status.Dead, flow.Status.Queued));
        var letter = Assert.Single(flow.Dead);
        Assert.Equal("777", letter.Event.GetText());
        Assert.Contains("no_777", letter.Reason, StringComparison.Ordinal);
        Assert.Contains("(23514)", letter.Reason, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(0, 1000).Where(i => i != 777).Select(i => i.ToString(CultureInfo.InvariantCulture)), await fixture.BodiesAsync(table));
    }

    [Fact]
    public async Task An_event_that_a_policy_of_the_table_keeps_out_alone_becomes_a_dead_letter()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await MakeAsync(server, table);
        await server.QueryAsync(
            $"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; CREATE POLICY seen ON {table} FOR SELECT USING (true); CREATE POLICY put ON {table} FOR INSERT WITH CHECK (body <> '5')");
        var flow = new Flow(fixture.Profile(table)) { Count = 20 };
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal((19, 1), (flow.Status.Delivered, flow.Status.Dead));
        Assert.Equal("5", flow.Dead[0].Event.GetText());
        Assert.Contains("(42501)", flow.Dead[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_that_is_locked_is_waited_for_and_no_event_is_given_up()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        var flow = new Flow(fixture.Profile(table, ("statement_timeout", 1L))) { Count = 200, Lane = new LaneOptions { RetryMax = TimeSpan.FromMilliseconds(100), MaxAttempts = 1 } };
        await flow.RunAsync(async bus =>
        {
            var locked = server.QueryAsync($"BEGIN; LOCK TABLE {table}; SELECT pg_sleep(3); COMMIT");
            await server.UntilAsync($"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'AccessExclusiveLock' AND granted", "1");
            await bus.PutAsync(new BusEvent("-1"));
            await Flow.Until(() => Flow.Now(bus).Trouble?.Contains("(57014). 'statement_timeout'", StringComparison.Ordinal) == true || locked.IsCompleted);
            Assert.Contains("57014", Flow.Now(bus).Trouble, StringComparison.Ordinal);
            await locked;
        });
        Assert.Equal((201, 0), (flow.Status.Delivered, flow.Status.Dead));
    }

    [Fact]
    public async Task A_call_that_is_cancelled_while_the_server_is_busy_leaves_no_row_and_no_session_and_the_next_one_works()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table, ("application_name", table)));
        await publisher.ConnectAsync(default);
        using var cancel = new CancellationTokenSource();
        var locked = server.QueryAsync($"BEGIN; LOCK TABLE {table}; SELECT pg_sleep(2); COMMIT");
        await server.UntilAsync($"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'AccessExclusiveLock' AND granted", "1");
        var call = publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(10)), cancel.Token).AsTask();
        await server.UntilAsync($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{table}' AND wait_event_type = 'Lock'", "1");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(Flow.Patience));
        await server.UntilAsync($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{table}'", "0");
        Assert.Equal(Verdict.Disconnected, (await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(1)), default)).Verdict);
        await locked;
        Assert.Equal("0", await server.QueryAsync($"SELECT count(*) FROM {table}"));
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(10)), default));
        Assert.Equal("10", await server.QueryAsync($"SELECT count(*) FROM {table}"));
    }

    [Fact]
    public async Task Trying_the_connection_makes_no_table()
    {
        var table = fixture.NewTable();
        await using var publisher = PostgresIngress.Descriptor.Create(new IngressContext("postgres/test", fixture.Profile(table), null, null, NullLogger.Instance, TimeProvider.System));
        await ((IConnectionTest)publisher).TestAsync(default);
        Assert.Equal("t", await fixture.Need().QueryAsync($"SELECT to_regclass('{table}') IS NULL"));
    }

    private static Task MakeAsync(PostgresServer server, string table) => server.QueryAsync(
        $"CREATE TABLE {table} (seq bigint GENERATED ALWAYS AS IDENTITY, id text PRIMARY KEY, time timestamptz, type text, source text, subject text, profile text, key text, content_type text, body bytea, attributes jsonb); ALTER TABLE {table} OWNER TO {PostgresServer.Login}");
}
