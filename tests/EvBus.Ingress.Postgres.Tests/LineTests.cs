using EvBus.Brokers;
using EvBus.Testing;

namespace EvBus.Ingress.Postgres.Tests;

/// <summary>A line that breaks or falls silent at any moment of a batch.</summary>
[Collection(ServerTests.Name)]
public sealed class LineTests(ServerFixture fixture)
{
    [Theory]
    [InlineData(10, "disable")]
    [InlineData(20_000, "disable")]
    [InlineData(20_000, "require")]
    public async Task A_line_that_falls_silent_is_left_when_the_call_is_cancelled_and_leaves_nothing_half_done(int events, string mode)
    {
        var table = fixture.NewTable();
        await using var line = new FaultProxy(PostgresServer.Host, fixture.Need().Port);
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table, ("port", (long)line.Port), ("ssl_mode", mode)));
        await publisher.ConnectAsync(default);
        using var cancel = new CancellationTokenSource();
        var batch = EventBatch.Of([.. Enumerable.Range(0, events).Select(i => ServerFixture.Event($"{i}{new string('x', 500)}"))]);
        line.Freeze();
        var call = publisher.PublishAsync(batch, cancel.Token).AsTask();
        await Task.WhenAny(call, Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System));
        Assert.False(call.IsCompleted);
        // Whoever cancels is not held up either.
        await cancel.CancelAsync().WaitAsync(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(TimeSpan.FromSeconds(10)));
        line.Cut();
        line.Thaw();
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(batch, default));
        Assert.Equal($"{events}", await fixture.Need().QueryAsync($"SELECT count(*) FROM {table}"));
    }

    [Theory]
    [InlineData("disable")]
    [InlineData("require")]
    public async Task A_line_that_falls_silent_while_the_server_works_is_left_when_the_call_is_cancelled(string mode)
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await using var line = new FaultProxy(PostgresServer.Host, server.Port);
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table, ("port", (long)line.Port), ("application_name", table), ("ssl_mode", mode)));
        await publisher.ConnectAsync(default);
        using var cancel = new CancellationTokenSource();
        var locked = server.QueryAsync($"BEGIN; LOCK TABLE {table}; SELECT pg_sleep(3); COMMIT");
        await server.UntilAsync($"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'AccessExclusiveLock' AND granted", "1");
        var call = publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(10)), cancel.Token).AsTask();
        await server.UntilAsync($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{table}' AND wait_event_type = 'Lock'", "1");
        line.Freeze();
        // The client asks the server to cancel, on a line of its own that is as silent.
        await cancel.CancelAsync().WaitAsync(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(TimeSpan.FromSeconds(10)));
        line.Cut();
        line.Thaw();
        await locked;
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(10)), default));
        Assert.Equal("10", await server.QueryAsync($"SELECT count(*) FROM {table}"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nothing_is_missing_and_nothing_doubled_when_the_line_breaks_at_any_moment(bool isSilentFirst)
    {
        var table = fixture.NewTable();
        await using var line = new FaultProxy(PostgresServer.Host, fixture.Need().Port);
        var flow = new Flow(fixture.Profile(table, ("port", (long)line.Port))) { Lane = new LaneOptions { RetryMax = TimeSpan.FromMilliseconds(100), BatchEvents = 50 } };
        await flow.RunAsync(async bus =>
        {
            for (var i = 0; i < 20; i++)
            {
                // Somewhere else in the course of a batch at each round.
                await Task.Delay(TimeSpan.FromMilliseconds((7 * i) % 10), TimeProvider.System);
                if (isSilentFirst)
                    line.Freeze();
                var before = Flow.Now(bus).Delivered;
                line.Cut();
                line.Thaw();
                await Flow.Until(() => Flow.Now(bus).Delivered > before || Flow.Now(bus).Queued == 0);
            }
        });
        flow.AssertAccounts(await fixture.BodiesAsync(table));
    }

    [Fact]
    public async Task A_server_that_stands_still_while_it_is_connected_to_is_said_in_time()
    {
        await using var line = new FaultProxy(PostgresServer.Host, fixture.Need().Port);
        line.Freeze();
        await using var publisher = ServerFixture.Publisher(fixture.Profile(fixture.NewTable(), ("port", (long)line.Port), ("timeout", 1L)));
        var thrown = await Assert.ThrowsAsync<EvBusException>(() => publisher.ConnectAsync(default).AsTask().WaitAsync(Flow.Patience));
        Assert.Contains("did not answer in time", thrown.Message, StringComparison.Ordinal);
        Assert.True(thrown.IsTransient);
    }

    [Fact]
    public async Task A_server_that_stands_still_in_the_middle_is_given_up_after_statement_timeout()
    {
        var table = fixture.NewTable();
        await using var line = new FaultProxy(PostgresServer.Host, fixture.Need().Port);
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table, ("port", (long)line.Port), ("statement_timeout", 1L)));
        await publisher.ConnectAsync(default);
        line.Freeze();
        var result = await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(10)), default).AsTask().WaitAsync(Flow.Patience);
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains("did not answer in time", result.Reason, StringComparison.Ordinal);
        line.Cut();
        line.Thaw();
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(10)), default));
    }
}
