using System.Diagnostics;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>What a consumer finds: the bodies read with amqp-tools, properties and headers with a client that knows nothing of EvBus.</summary>
[Collection(BrokerTests.Name)]
public sealed class FormatTests(BrokerFixture fixture)
{
    private static readonly BusEvent s_event = new(
        Encoding.UTF8.GetBytes("""{"tags": {"a": 1}, "message": "ü", "run_name": "r"}"""),
        new EventAttributes
        {
            Id = "event-1",
            Type = "order.created",
            Subject = "s",
            Key = "k",
            ContentType = "application/json",
            Time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
            TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            Extensions = new Dictionary<string, string> { ["region"] = "north" },
        });

    [Fact]
    public async Task Body_is_the_bytes_as_they_are_with_properties_that_old_consumers_ignore()
    {
        var (body, message) = await PutAsync(s_event, ("headers", new Dictionary<string, object?> { ["site"] = "{ext:region|none}", ["empty"] = "{ext:none}" }), ("priority", 3L), ("expiration", "1h"));
        Assert.Equal(s_event.Body.ToArray(), body);
        Assert.Equal(("application/json", "event-1", DeliveryModes.Persistent), (message.BasicProperties.ContentType, message.BasicProperties.MessageId, message.BasicProperties.DeliveryMode));
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).ToUnixTimeSeconds(), message.BasicProperties.Timestamp.UnixTime);
        Assert.Equal(((byte)3, "3600000"), (message.BasicProperties.Priority, message.BasicProperties.Expiration));
        Assert.Equal(["evbus-id", "site", "traceparent"], message.BasicProperties.Headers!.Keys.Order());
        Assert.Equal(("event-1", "north", s_event.Attributes.TraceParent), (Header(message, "evbus-id"), Header(message, "site"), Header(message, "traceparent")));
    }

    [Fact]
    public async Task Cloudevents_binary_is_the_same_bytes_with_the_attributes_in_headers()
    {
        var (body, message) = await PutAsync(s_event, ("format", "cloudevents-binary"));
        Assert.Equal(s_event.Body.ToArray(), body);
        Assert.Equal("application/json", message.BasicProperties.ContentType);
        Assert.Equal(
            ("1.0", "event-1", "order.created", "s", "north", "event-1"),
            (Header(message, "cloudEvents:specversion"), Header(message, "cloudEvents:id"), Header(message, "cloudEvents:type"), Header(message, "cloudEvents:subject"), Header(message, "cloudEvents:region"), Header(message, "evbus-id")));
        Assert.Equal("2026-01-02T03:04:05Z", Header(message, "cloudEvents:time"));
    }

    [Fact]
    public async Task Cloudevents_structured_is_one_JSON_document()
    {
        var (body, message) = await PutAsync(s_event, ("format", "cloudevents-structured"));
        Assert.Equal("application/cloudevents+json; charset=utf-8", message.BasicProperties.ContentType);
        var json = JsonDocument.Parse(body).RootElement;
        Assert.Equal(("event-1", "order.created", "ü"), (json.GetProperty("id").GetString(), json.GetProperty("type").GetString(), json.GetProperty("data").GetProperty("message").GetString()));
        Assert.Equal("event-1", Header(message, "evbus-id"));
    }

    [Fact]
    public async Task One_event_s_headers_do_not_stick_to_the_next()
    {
        var queue = await fixture.QueueAsync();
        foreach (var format in new[] { "body", "cloudevents-binary", "cloudevents-structured" })
        {
            var flow = new Flow(fixture.Need(), queue) { Keys = { ["format"] = format } };
            await using var bus = await flow.StartAsync();
            await bus.PutAsync(s_event);
            await bus.PutAsync(new BusEvent(new byte[] { 0xFF, 0, 1 }, new EventAttributes { Id = new string('i', 300) }));
            await bus.StopAsync();
        }
        var messages = await fixture.TakeAllAsync(queue);
        foreach (var second in messages.Where((_, i) => i % 2 == 1))
        {
            Assert.DoesNotContain(second.BasicProperties.Headers!.Keys, name => name is "traceparent" or "cloudEvents:region" or "cloudEvents:subject");
            // Too long for a property of AMQP, so it travels in the header alone.
            Assert.Equal((null, new string('i', 300)), (second.BasicProperties.MessageId, Header(second, "evbus-id")));
        }
        Assert.Null(messages[1].BasicProperties.ContentType);
        Assert.Equal([0xFF, 0, 1], messages[1].Body.ToArray());
    }

    [Fact]
    public async Task Not_persistent_when_the_profile_says_so()
    {
        var (_, message) = await PutAsync(s_event, ("persistent", false));
        Assert.NotEqual(DeliveryModes.Persistent, message.BasicProperties.DeliveryMode);
    }

    [Fact]
    public async Task A_routing_key_template_routes_by_attributes_and_rejects_what_would_not_fit()
    {
        var queue = await fixture.QueueAsync();
        await using var connection = await fixture.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var flow = new Flow(fixture.Need(), queue)
        {
            Count = 3,
            Keys =
            {
                ["ingress_channels"] = null, ["exchange"] = $"{queue}-x", ["routing_key"] = "{type}.{subject|none}", ["declare"] = "active",
                ["bindings"] = new Dictionary<string, object?> { [queue] = new object?[] { "order.created.*", "x.none" } },
            },
        };
        await using var bus = await flow.StartAsync();
        await bus.PutAsync(s_event);
        await bus.PutAsync(new BusEvent("two", new EventAttributes { Type = "x" }));
        await bus.PutAsync(new BusEvent("three", new EventAttributes { Type = "x", Subject = new string('s', 300) }));
        await bus.StopAsync();
        Assert.Contains("255", Assert.Single(bus.Lanes.GetDeadLetters(flow.LaneId)).Reason, StringComparison.Ordinal);
        Assert.Equal(["order.created.s", "x.none"], (await fixture.TakeAllAsync(queue)).Select(message => message.RoutingKey));
        await channel.ExchangeDeleteAsync($"{queue}-x");
    }

    [Fact]
    public async Task Each_channel_of_a_profile_has_a_lane_of_its_own_and_a_dead_one_holds_up_no_other()
    {
        var (queue, other) = (await fixture.QueueAsync(), await fixture.QueueAsync());
        var flow = new Flow(fixture.Need(), queue) { Keys = { ["ingress_channels"] = new object?[] { queue, "no such queue", other } } };
        await using var bus = await flow.StartAsync();
        Assert.Equal([$"rabbitmq/test#{queue}", "rabbitmq/test#no such queue", $"rabbitmq/test#{other}"], bus.Lanes.Ids);
        await bus.PutAsync(new BusEvent("7"));
        var status = await bus.StopAsync();
        Assert.Equal([1L, 0L, 1L], status.Lanes.Select(lane => lane.Delivered));
        Assert.Equal(new[] { 7 }, await fixture.TakeNumbersAsync(queue));
        Assert.Equal(new[] { 7 }, await fixture.TakeNumbersAsync(other));
    }

    private static string? Header(BasicGetResult message, string name) =>
        message.BasicProperties.Headers?.TryGetValue(name, out var value) == true ? Encoding.UTF8.GetString((byte[])value!) : null;

    private async Task<(byte[] Body, BasicGetResult Message)> PutAsync(BusEvent evt, params (string Key, object? Value)[] keys)
    {
        var queue = await fixture.QueueAsync();
        var flow = new Flow(fixture.Need(), queue);
        foreach (var (key, value) in keys)
            flow.Keys[key] = value;
        await using (var bus = await flow.StartAsync())
        {
            await bus.PutAsync(evt);
            await bus.PutAsync(evt);
            await bus.StopAsync();
        }
        Assert.SkipUnless(File.Exists("/usr/bin/amqp-get"), "amqp-tools is not installed, and an independent client is the point.");
        using var get = Process.Start(new ProcessStartInfo("/usr/bin/amqp-get", ["-u", fixture.Need().Url, "-q", queue]) { RedirectStandardOutput = true })!;
        using var body = new MemoryStream();
        await get.StandardOutput.BaseStream.CopyToAsync(body).WaitAsync(Flow.Patience);
        await get.WaitForExitAsync().WaitAsync(Flow.Patience);
        Assert.Equal(0, get.ExitCode);
        return (body.ToArray(), Assert.Single(await fixture.TakeAllAsync(queue)));
    }
}
