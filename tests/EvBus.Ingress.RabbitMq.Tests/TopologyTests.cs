using EvBus.Testing;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>What the profile declares: again when somebody deleted it, with arguments, and compared without making anything.</summary>
[Collection(BrokerTests.Name)]
public sealed class TopologyTests(BrokerFixture fixture)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_queue_that_is_deleted_under_declare_active_is_made_again_and_no_event_is_a_dead_letter(bool isBound)
    {
        var queue = await fixture.QueueAsync();
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var flow = new Flow(fixture.Need(), queue) { Keys = { ["declare"] = "active" } };
        if (isBound)
        {
            flow.Keys["ingress_channels"] = null;
            flow.Keys["exchange"] = $"{queue}-x";
            flow.Keys["routing_key"] = "k";
            flow.Keys["bindings"] = new Dictionary<string, object?> { [queue] = "k" };
        }
        await using var bus = await flow.StartAsync();
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(new BusEvent("0"), Receipt.Delivered())).Outcome);
        await channel.QueueDeleteAsync(queue);
        for (var i = 1; i <= 100; i++)
            await bus.PutAsync(new BusEvent($"{i}"));
        await Flow.Until(() => flow.Now(bus).Queued == 0);
        var status = (await bus.StopAsync()).Lanes.Single();
        Assert.Equal((101L, 0L), (status.Delivered, status.Dead));
        Assert.Equal(Enumerable.Range(1, 100), (await fixture.TakeNumbersAsync(queue)).Order());
        if (isBound)
            await channel.ExchangeDeleteAsync($"{queue}-x");
    }

    [Fact]
    public async Task What_finds_no_queue_even_after_declaring_again_is_rejected_and_its_neighbours_arrive()
    {
        var queue = await fixture.QueueAsync();
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var flow = new Flow(fixture.Need(), queue)
        {
            Count = 500,
            Keys = { ["ingress_channels"] = null, ["exchange"] = $"{queue}-x", ["routing_key"] = "{subject|k}", ["declare"] = "active", ["bindings"] = new Dictionary<string, object?> { [queue] = "k" } },
        };
        await flow.RunAsync(async bus =>
        {
            for (var i = 0; i < 20; i++)
                await bus.PutAsync(new BusEvent("nowhere", new EventAttributes { Subject = $"none{i % 3}" }));
        }, others: 20);
        await channel.ExchangeDeleteAsync($"{queue}-x");
        Assert.Equal(20, flow.Status.Dead);
        Assert.All(flow.Dead, letter => Assert.Contains("declaring it again did not help", letter.Reason, StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(0, flow.Count), (await fixture.TakeNumbersAsync(queue)).Order());
    }

    [Fact]
    public async Task Arguments_of_exchange_and_queue_reach_the_broker()
    {
        var queue = await fixture.QueueAsync();
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeleteAsync(queue);
        var other = await fixture.QueueAsync();
        await channel.ExchangeDeclareAsync($"{queue}-others", "fanout", durable: false, autoDelete: false);
        await channel.QueueBindAsync(other, $"{queue}-others", "");
        var flow = new Flow(fixture.Need(), queue)
        {
            Keys =
            {
                ["ingress_channels"] = null, ["exchange"] = $"{queue}-x", ["exchange_type"] = "direct", ["routing_key"] = "{subject|k}", ["declare"] = "active",
                ["bindings"] = new Dictionary<string, object?> { [queue] = "k" },
                ["exchange_arguments"] = new Dictionary<string, object?> { ["alternate-exchange"] = $"{queue}-others" },
                ["queue_arguments"] = new Dictionary<string, object?> { ["x-max-length"] = 2L, ["x-overflow"] = "drop-head" },
            },
        };
        await using var bus = await flow.StartAsync();
        for (var i = 0; i < 5; i++)
            await bus.PutAsync(new BusEvent($"{i}"), Receipt.Delivered());
        await bus.PutAsync(new BusEvent("9", new EventAttributes { Subject = "elsewhere" }), Receipt.Delivered());
        await bus.StopAsync();
        Assert.Equal(new[] { 3, 4 }, await fixture.TakeNumbersAsync(queue));
        Assert.Equal(new[] { 9 }, await fixture.TakeNumbersAsync(other));
        await channel.ExchangeDeleteAsync($"{queue}-x");
        await channel.ExchangeDeleteAsync($"{queue}-others");
    }

    [Fact]
    public async Task A_headers_exchange_routes_by_numbers_and_truth_values()
    {
        var queue = await fixture.QueueAsync();
        var flow = new Flow(fixture.Need(), queue)
        {
            Keys =
            {
                ["ingress_channels"] = null, ["exchange"] = $"{queue}-x", ["exchange_type"] = "headers", ["declare"] = "active",
                ["headers"] = new Dictionary<string, object?> { ["level"] = "{ext:level|1}", ["site"] = 7L, ["on"] = true, ["share"] = 0.5 },
                ["header_types"] = new Dictionary<string, object?> { ["level"] = "int" },
                ["bindings"] = new Dictionary<string, object?>
                {
                    [queue] = new Dictionary<string, object?> { ["arguments"] = new Dictionary<string, object?> { ["x-match"] = "all", ["level"] = 5L, ["site"] = 7L, ["on"] = true } },
                },
            },
        };
        await using var bus = await flow.StartAsync();
        foreach (var (text, level) in new[] { ("5", "5"), ("0", "6"), ("1", "five") })
            await bus.PutAsync(new BusEvent(text, new EventAttributes { Extensions = new Dictionary<string, string> { ["level"] = level } }));
        await Flow.Until(() => flow.Now(bus).Queued == 0);
        await bus.StopAsync();
        var reasons = bus.Lanes.GetDeadLetters(flow.LaneId).Select(letter => letter.Reason).ToList();
        Assert.Contains(reasons, reason => reason.Contains("unroutable", StringComparison.Ordinal));
        Assert.Contains("its header 'level' would not be a whole number, which header_types says it is", reasons);
        var message = Assert.Single(await fixture.TakeAllAsync(queue));
        Assert.Equal((5L, 7L, true, 0.5), (message.BasicProperties.Headers!["level"], message.BasicProperties.Headers["site"], message.BasicProperties.Headers["on"], message.BasicProperties.Headers["share"]));
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeleteAsync($"{queue}-x");
    }

    [Fact]
    public async Task A_connection_test_finds_what_is_there_with_another_type_and_makes_nothing()
    {
        var queue = await fixture.QueueAsync();
        var missing = $"{queue}-missing";
        var flow = new Flow(fixture.Need(), queue)
        {
            Keys = { ["ingress_channels"] = null, ["exchange"] = "amq.direct", ["exchange_type"] = "topic", ["routing_key"] = "k", ["declare"] = "active", ["bindings"] = new Dictionary<string, object?> { [missing] = "k" } },
        };
        var told = await Assert.ThrowsAsync<EvBusException>(() => TestAsync(flow));
        Assert.Contains("has other properties than the profile says", told.Message, StringComparison.Ordinal);
        flow.Keys["exchange_type"] = "direct";
        await TestAsync(flow);
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await Assert.ThrowsAsync<RabbitMQ.Client.Exceptions.OperationInterruptedException>(() => channel.QueueDeclarePassiveAsync(missing));
        await fixture.TakeAllAsync(queue);
    }

    internal static async Task TestAsync(Flow flow)
    {
        var options = RabbitMqOptions.Read(flow.Profile);
        var context = new IngressContext("rabbitmq/test", flow.Profile, options.Channels.Count > 0 ? options.Channels[0] : null, null, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, TimeProvider.System);
        await using var publisher = new RabbitMqPublisher(context, options);
        await publisher.TestAsync(CancellationToken.None);
    }
}
