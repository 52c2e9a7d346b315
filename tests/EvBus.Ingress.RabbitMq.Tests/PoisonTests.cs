using System.Globalization;
using EvBus.Testing;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>Events that the broker answers by closing the channel or the connection: each costs itself, and no other.</summary>
[Collection(BrokerTests.Name)]
public sealed class PoisonTests(BrokerFixture fixture)
{
    [Fact]
    public async Task A_routing_key_that_topic_permissions_forbid_costs_its_events_and_no_other()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        var exchange = $"{queue}-topics";
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(exchange, "topic", durable: false, autoDelete: false);
        await channel.QueueBindAsync(queue, exchange, "#");
        await broker.ControlAsync("add_user", "tenant", "tenant-password");
        await broker.ControlAsync("set_permissions", "tenant", ".*", ".*", ".*");
        await broker.ControlAsync("set_topic_permissions", "tenant", exchange, "^a\\..*", ".*");
        var flow = new Flow(broker, queue)
        {
            Count = 3000,
            Keys = { ["login"] = "tenant", ["password"] = "tenant-password", ["ingress_channels"] = null, ["exchange"] = exchange, ["routing_key"] = "{subject|a.ok}" },
        };
        await flow.RunAsync(async bus =>
        {
            for (var i = 0; i < 5; i++)
                await bus.PutAsync(new BusEvent("poison", new EventAttributes { Id = $"poison-{i}", Subject = $"b.{i}" }));
        }, others: 5);
        await channel.ExchangeDeleteAsync(exchange);
        await broker.ControlAsync("delete_user", "tenant");
        Assert.Equal(["b.0", "b.1", "b.2", "b.3", "b.4"], flow.Dead.Select(letter => letter.Event.Attributes.Subject));
        Assert.All(flow.Dead, letter =>
        {
            Assert.Contains($"over event '{letter.Event.Attributes.Id}'", letter.Reason, StringComparison.Ordinal);
            Assert.Contains("access to topic 'b.", letter.Reason, StringComparison.Ordinal);
            Assert.Contains("set_topic_permissions", letter.Reason, StringComparison.Ordinal);
            Assert.DoesNotContain("tenant", letter.Reason, StringComparison.Ordinal);
        });
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue), windows: 5);
    }

    [Fact]
    public async Task Headers_that_fit_in_no_frame_are_rejected_before_they_are_sent()
    {
        var queue = await fixture.QueueAsync();
        var flow = new Flow(fixture.Need(), queue) { Count = 200, Keys = { ["headers"] = new Dictionary<string, object?> { ["a"] = "{subject}", ["b"] = "{subject}", ["c"] = "{subject}" } } };
        await flow.RunAsync(async bus =>
        {
            await bus.PutAsync(new BusEvent("poison", new EventAttributes { Subject = new string('s', 50_000) }));
        }, others: 1);
        Assert.Contains("the broker takes 131064 (frame_max)", Assert.Single(flow.Dead).Reason, StringComparison.Ordinal);
        Assert.Equal(0, flow.Status.Retried);
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
    }

    [Fact]
    public async Task Many_small_extensions_are_counted_as_the_frame_counts_them()
    {
        var queue = await fixture.QueueAsync();
        var flow = new Flow(fixture.Need(), queue) { Count = 200, Keys = { ["format"] = "cloudevents-binary" } };
        static Dictionary<string, string> Extensions(int count) => Enumerable.Range(0, count)
            .ToDictionary(i => $"{(char)('a' + (i / 676))}{(char)('a' + (i / 26 % 26))}{(char)('a' + (i % 26))}", _ => "");
        await flow.RunAsync(async bus =>
        {
            foreach (var count in new[] { 6_000, 6_500, 7_000 })
                await bus.PutAsync(new BusEvent("-1", new EventAttributes { Id = count.ToString(CultureInfo.InvariantCulture), Extensions = Extensions(count) }));
        }, others: 3);
        Assert.All(flow.Dead, letter => Assert.Contains("(frame_max)", letter.Reason, StringComparison.Ordinal));
        Assert.Equal(["6500", "7000"], flow.Dead.Select(letter => letter.Event.Attributes.Id));
        Assert.Equal(0, flow.Status.Retried);
        Assert.Equal(flow.Count + 1, (await fixture.TakeNumbersAsync(queue)).Length);
    }

    [Fact]
    public async Task Sender_selected_copies_go_as_the_list_that_the_broker_wants()
    {
        var (queue, copy) = (await fixture.QueueAsync(), await fixture.QueueAsync());
        var flow = new Flow(fixture.Need(), queue) { Count = 50, Keys = { ["headers"] = new Dictionary<string, object?> { ["CC"] = "{ext:copy}" } } };
        await flow.RunAsync(async bus => await bus.PutAsync(new BusEvent("7", new EventAttributes { Extensions = new Dictionary<string, string> { ["copy"] = copy } })), others: 1);
        Assert.Equal(0, flow.Status.Dead);
        Assert.Equal(new[] { 7 }, await fixture.TakeNumbersAsync(copy));
        Assert.Equal(flow.Count + 1, (await fixture.TakeNumbersAsync(queue)).Length);
    }

    [Fact]
    public async Task A_size_limit_that_was_raised_holds_no_more_at_the_next_connection()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        var flow = new Flow(broker, queue);
        await using var bus = await flow.StartAsync();
        try
        {
            await bus.PutAsync(new BusEvent(new byte[150_000]));
            await Flow.Until(() => flow.Now(bus).Dead == 1);
            await broker.ControlAsync("eval", "application:set_env(rabbit, max_message_size, 1000000).");
            await broker.ControlAsync("eval", "persistent_term:put(max_message_size, 1000000).");
            await broker.ControlAsync("close_all_connections", "a new limit");
            await Flow.Until(() =>
            {
                bus.Lanes.ReplayDeadLetters(flow.LaneId);
                return flow.Now(bus) is { Dead: 0, Queued: 0, Delivered: 1 };
            });
        }
        finally
        {
            await broker.ControlAsync("eval", "application:set_env(rabbit, max_message_size, 100000).");
            await broker.ControlAsync("eval", "persistent_term:put(max_message_size, 100000).");
        }
        await bus.StopAsync();
        Assert.Equal(150_000, Assert.Single(await fixture.TakeAllAsync(queue)).Body.Length);
    }
}

/// <summary>What is concluded from closings, without a broker.</summary>
public sealed class LessonsTests
{
    private readonly FakeClock _time = new();
    private readonly Lessons _lessons;

    public LessonsTests() => _lessons = new Lessons(_time);

    [Fact]
    public void What_was_under_way_at_a_closing_goes_one_by_one_until_it_is_through()
    {
        Assert.False(_lessons.Judge(Suspicion.Likely, new Position(1, 20), underWay: 15));
        Assert.True(_lessons.IsIsolating);
        Assert.False(_lessons.IsThrough(new Position(1, 20)));
        Assert.True(_lessons.IsThrough(new Position(1, 21)));
        Assert.False(_lessons.IsIsolating);
    }

    [Fact]
    public void An_event_alone_is_rejected_at_once_when_it_is_certain_and_after_several_closings_in_a_row_when_it_is_not()
    {
        Assert.True(_lessons.Judge(Suspicion.Certain, new Position(1, 1), underWay: 1));
        Assert.False(_lessons.Judge(Suspicion.Likely, new Position(1, 2), underWay: 1));
        Assert.False(_lessons.Judge(Suspicion.Likely, new Position(1, 2), underWay: 1));
        Assert.True(_lessons.Judge(Suspicion.Likely, new Position(1, 2), underWay: 1));
        Assert.False(_lessons.Judge(Suspicion.Likely, new Position(1, 3), underWay: 1));
        Assert.False(_lessons.Judge(Suspicion.None, new Position(1, 3), underWay: 1));
        Assert.False(_lessons.Judge(Suspicion.Certain, new Position(1, 3), underWay: 0));
    }

    [Fact]
    public void A_size_limit_is_asked_for_again_after_a_while()
    {
        _lessons.Learn(1000);
        Assert.Equal(1000, _lessons.MaxLength);
        _time.Advance(Lessons.Belief);
        Assert.Null(_lessons.MaxLength);
    }
}
