using EvBus.Brokers;

namespace EvBus.Ingress.Postgres.Tests;

/// <summary>How often an event is there, when it came twice or the server went away.</summary>
[Collection(ServerTests.Name)]
public sealed class OnceTests(ServerFixture fixture)
{
    [Fact]
    public async Task A_batch_that_comes_twice_is_there_once()
    {
        var table = fixture.NewTable();
        var batch = EventBatch.Of(ServerFixture.Events(100));
        for (var i = 0; i < 2; i++)
        {
            await using var publisher = ServerFixture.Publisher(fixture.Profile(table));
            await publisher.ConnectAsync(default);
            Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(batch, default));
            Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(batch, default));
        }
        Assert.Equal("100|100|100", await fixture.Need().QueryAsync($"SELECT count(*), count(DISTINCT id), count(DISTINCT body) FROM {table}"));
    }

    [Fact]
    public async Task Of_two_events_of_a_batch_with_one_id_the_first_is_there()
    {
        var table = fixture.NewTable();
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table));
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Event("first", "same"), ServerFixture.Event("second", "same")), default));
        Assert.Equal(["first"], await fixture.BodiesAsync(table));
    }

    [Fact]
    public async Task A_plain_copy_that_comes_twice_is_there_twice()
    {
        var table = fixture.NewTable();
        await using var publisher = ServerFixture.Publisher(fixture.Profile(table, ("mode", "copy")));
        await publisher.ConnectAsync(default);
        var batch = EventBatch.Of(ServerFixture.Events(100));
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(batch, default));
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(batch, default));
        Assert.Equal("200|100", await fixture.Need().QueryAsync($"SELECT count(*), count(DISTINCT id) FROM {table}"));
    }

    [Fact]
    public async Task Nothing_is_missing_and_nothing_doubled_when_the_server_is_killed_and_restarted_in_the_middle()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        var flow = new Flow(fixture.Profile(table)) { Lane = new LaneOptions { RetryMax = TimeSpan.FromMilliseconds(200), BatchEvents = 100 } };
        await flow.RunAsync(async bus =>
        {
            for (var i = 0; i < 2; i++)
            {
                await server.DownAsync();
                await Flow.Until(() => Flow.Now(bus).State == LaneState.Retrying);
                await server.UpAsync();
                await Flow.Until(() => Flow.Now(bus).State == LaneState.Flowing);
            }
        });
        flow.AssertAccounts(await fixture.BodiesAsync(table));
        Assert.Contains(flow.Said, line => line.Contains("flows again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_is_missing_and_nothing_doubled_when_an_operator_ends_connections()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        var flow = new Flow(fixture.Profile(table)) { Lane = new LaneOptions { RetryMax = TimeSpan.FromMilliseconds(100), BatchEvents = 50 } };
        await flow.RunAsync(async _ =>
        {
            for (var i = 0; i < 10; i++)
                await server.QueryAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{PostgresServer.Login}'");
        });
        flow.AssertAccounts(await fixture.BodiesAsync(table));
    }
}
