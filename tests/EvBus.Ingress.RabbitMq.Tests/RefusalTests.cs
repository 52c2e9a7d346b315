using System.Globalization;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>The broker is there and says no: to an exchange, to a queue, to an event, to the user.</summary>
[Collection(BrokerTests.Name)]
public sealed class RefusalTests(BrokerFixture fixture)
{
    [Fact]
    public async Task Channel_closed_by_404_is_said_with_the_remedy_and_mended_by_creating_the_exchange()
    {
        var queue = await fixture.QueueAsync();
        var exchange = $"{queue}-exchange";
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        async Task CreateAsync()
        {
            await channel.ExchangeDeclareAsync(exchange, "fanout");
            await channel.QueueBindAsync(queue, exchange, "");
        }
        await CreateAsync();
        var flow = new Flow(fixture.Need(), queue) { Keys = { ["ingress_channels"] = null, ["exchange"] = exchange } };
        await flow.RunAsync(async bus =>
        {
            await channel.ExchangeDeleteAsync(exchange);
            await Flow.Until(() => flow.Now(bus).Trouble?.Contains($"no exchange '{exchange}'", StringComparison.Ordinal) == true);
            Assert.Contains("Create it, correct its name in the profile, or set 'declare: active'", flow.Now(bus).Trouble, StringComparison.Ordinal);
            await CreateAsync();
        });
        await channel.ExchangeDeleteAsync(exchange);
        // What was published between the two: the broker closes the channel, so nothing of it counted as delivered.
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue), windows: 10);
    }

    [Fact]
    public async Task Channel_closed_by_406_is_said_with_the_remedy_and_mended_by_deleting_what_is_in_the_way()
    {
        var queue = await fixture.QueueAsync();
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var flow = new Flow(fixture.Need(), queue) { Count = 200, Keys = { ["declare"] = "active", ["queue_type"] = "quorum" } };
        await using var bus = await flow.StartAsync();
        for (var i = 0; i < flow.Count; i++)
            await bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture)));
        await Flow.Until(() => flow.Now(bus).Trouble?.Contains("inequivalent arg 'x-queue-type'", StringComparison.Ordinal) == true);
        Assert.Contains("has other properties than the profile says", flow.Now(bus).Trouble, StringComparison.Ordinal);
        await channel.QueueDeleteAsync(queue);
        await bus.StopAsync(Flow.Patience);
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
    }

    [Fact]
    public async Task Channel_closed_by_406_in_mid_window_costs_the_event_that_is_too_large_and_no_other()
    {
        fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        var flow = new Flow(fixture.Need(), queue);
        await flow.RunAsync(async bus =>
        {
            for (var i = 0; i < 3; i++)
                await bus.PutAsync(new BusEvent(new byte[100_001 + i]));
        }, others: 3);
        Assert.Equal(3, flow.Status.Dead);
        Assert.Equal([100_001, 100_002, 100_003], flow.Dead.Select(letter => letter.Event.Body.Length));
        Assert.All(flow.Dead, letter => Assert.Contains("is larger than the 100000 that the broker takes", letter.Reason, StringComparison.Ordinal));
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue), windows: 3);
    }

    [Fact]
    public async Task Queue_is_deleted_and_what_finds_none_is_a_dead_letter_that_can_be_replayed()
    {
        var queue = await fixture.QueueAsync();
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var received = new List<int>();
        var flow = new Flow(fixture.Need(), queue);
        await flow.RunAsync(async bus =>
        {
            // What lies in the queue goes with it, so it is fetched first, and nothing may come in between.
            bus.Lanes.Pause(flow.LaneId);
            uint before;
            do
            {
                before = await channel.MessageCountAsync(queue);
                await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
            }
            while (flow.Now(bus).Delivered != before || await channel.MessageCountAsync(queue) != before);
            received.AddRange(await fixture.TakeNumbersAsync(queue));
            bus.Lanes.Resume(flow.LaneId);
            for (var i = 0; i < 100; i++)
                await bus.PutAsync(new BusEvent($"lost {i}"));
            await Flow.Until(() => flow.Now(bus).Dead >= 100);
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
            await Flow.Until(() =>
            {
                bus.Lanes.ReplayDeadLetters(flow.LaneId);
                return flow.Now(bus) is { Dead: 0, Queued: 0 };
            });
        }, others: 100);
        Assert.Equal((flow.Count + 100, 0L), (flow.Status.Delivered, flow.Status.Dead));
        Assert.Contains(flow.Said, line => line.Contains($"unroutable: there is no queue '{queue}'", StringComparison.Ordinal));
        var after = await fixture.TakeAllAsync(queue);
        Assert.Equal(100, after.Count(message => message.Body.Length > 5));
        // What was rejected while there was no queue came again after what came later: that is what a replay does.
        received.AddRange(after.Where(message => message.Body.Length <= 5).Select(message => int.Parse(message.Body.Span, CultureInfo.InvariantCulture)));
        Assert.Equal(Enumerable.Range(0, flow.Count), received.Order());
    }

    [Fact]
    public async Task Unroutable_events_are_dead_letters_and_their_neighbours_arrive()
    {
        var queue = await fixture.QueueAsync();
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var exchange = $"{queue}-exchange";
        await channel.ExchangeDeclareAsync(exchange, "direct");
        await channel.QueueBindAsync(queue, exchange, "known");
        var flow = new Flow(fixture.Need(), queue) { Keys = { ["ingress_channels"] = null, ["exchange"] = exchange, ["routing_key"] = "{subject|known}" } };
        await flow.RunAsync(async bus =>
        {
            for (var i = 0; i < 500; i++)
                await bus.PutAsync(new BusEvent("nowhere", new EventAttributes { Id = $"id{i % 250}", Subject = "unknown" }));
        }, others: 500);
        await channel.ExchangeDeleteAsync(exchange);
        Assert.Equal(500, flow.Status.Dead);
        Assert.All(flow.Dead, letter => Assert.Equal(
            $"unroutable: no queue is bound to exchange '{exchange}' for routing key 'unknown'. Bind one, or set 'mandatory: false' where such events may vanish", letter.Reason));
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
    }

    [Fact]
    public async Task Without_mandatory_what_is_unroutable_vanishes_as_in_the_original()
    {
        var flow = new Flow(fixture.Need(), "there is no such queue") { Count = 200, Keys = { ["mandatory"] = false } };
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal((200L, 0L), (flow.Status.Delivered, flow.Status.Dead));
    }

    [Fact]
    public async Task A_full_queue_nacks_and_nothing_becomes_a_dead_letter()
    {
        var queue = await fixture.QueueAsync(more: new Dictionary<string, object?> { ["x-max-length"] = 1000, ["x-overflow"] = "reject-publish" });
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var flow = new Flow(fixture.Need(), queue) { Lane = new LaneOptions { RetryMax = TimeSpan.FromMilliseconds(100), MaxAttempts = 2 } };
        var received = new List<int>();
        await using var bus = await flow.StartAsync();
        for (var i = 0; i < flow.Count; i++)
            await bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture)));
        await Flow.Until(() => flow.Now(bus).Trouble?.Contains("nack", StringComparison.Ordinal) == true);
        while (received.Count < flow.Count)
        {
            if (await channel.BasicGetAsync(queue, autoAck: true) is { } message)
                received.Add(int.Parse(message.Body.Span, CultureInfo.InvariantCulture));
        }
        var status = (await bus.StopAsync(Flow.Patience)).Lanes.Single();
        await channel.QueueDeleteAsync(queue);
        Assert.Equal((flow.Count, 0L), (status.Delivered, status.Dead));
        Assert.Equal(Enumerable.Range(0, flow.Count), received.Order());
    }

    [Fact]
    public async Task Ordering_strict_keeps_the_order_around_nacks()
    {
        var queue = await fixture.QueueAsync(more: new Dictionary<string, object?> { ["x-max-length"] = 10, ["x-overflow"] = "reject-publish" });
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var flow = new Flow(fixture.Need(), queue) { Count = 500, Keys = { ["ordering"] = "strict" }, Lane = new LaneOptions { RetryInitial = TimeSpan.FromMilliseconds(2), RetryMax = TimeSpan.FromMilliseconds(10) } };
        var received = new List<int>();
        await using var bus = await flow.StartAsync();
        for (var i = 0; i < flow.Count; i++)
            await bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture)));
        await Flow.Until(() => flow.Now(bus).Trouble?.Contains("nack", StringComparison.Ordinal) == true);
        while (received.Count < flow.Count)
        {
            if (await channel.BasicGetAsync(queue, autoAck: true) is { } message)
                received.Add(int.Parse(message.Body.Span, CultureInfo.InvariantCulture));
        }
        await bus.StopAsync(Flow.Patience);
        await channel.QueueDeleteAsync(queue);
        Assert.Equal(Enumerable.Range(0, flow.Count), received);
    }

    [Fact]
    public async Task Password_changed_under_us_is_said_once_without_it_and_the_lane_goes_on_when_it_fits_again()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        const string Secret = "hunter2-and-more", Other = "another-secret";
        await broker.ControlAsync("add_user", "evbus", Secret);
        await broker.ControlAsync("set_permissions", "evbus", ".*", ".*", ".*");
        var flow = new Flow(broker, queue) { Keys = { ["login"] = "evbus", ["password"] = Secret } };
        await flow.RunAsync(async bus =>
        {
            await broker.ControlAsync("change_password", "evbus", Other);
            await broker.ControlAsync("close_all_connections", "rotation");
            await Flow.Until(() => flow.Now(bus).Trouble?.Contains("refused the login", StringComparison.Ordinal) == true);
            await broker.ControlAsync("change_password", "evbus", Secret);
        });
        await broker.ControlAsync("delete_user", "evbus");
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue));
        Assert.Single(flow.Said, line => line.Contains("refused the login", StringComparison.Ordinal));
        Assert.DoesNotContain(flow.Said, line => line.Contains(Secret, StringComparison.Ordinal) || line.Contains(Other, StringComparison.Ordinal) || line.Contains("'evbus'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_permission_to_write_is_said_with_the_remedy_and_without_the_user()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        await broker.ControlAsync("add_user", "reader", "reader");
        await broker.ControlAsync("set_permissions", "reader", "", "", ".*");
        var flow = new Flow(broker, queue) { Count = 200, Keys = { ["login"] = "reader", ["password"] = "reader" } };
        await using var bus = await flow.StartAsync();
        for (var i = 0; i < flow.Count; i++)
            await bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture)));
        await Flow.Until(() => flow.Now(bus).Trouble?.Contains("set_permissions", StringComparison.Ordinal) == true);
        Assert.DoesNotContain("reader", flow.Now(bus).Trouble, StringComparison.Ordinal);
        await broker.ControlAsync("set_permissions", "reader", "", ".*", ".*");
        await bus.StopAsync(Flow.Patience);
        await broker.ControlAsync("delete_user", "reader");
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
    }
}
