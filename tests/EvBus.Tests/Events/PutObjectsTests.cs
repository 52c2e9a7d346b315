using System.Text;
using System.Text.Json;

namespace EvBus.Tests.Events;

public class PutObjectsTests
{
    private static async Task<BusEvent> Through(Func<EventBus, ValueTask<PutResult>> put, EventSerializer? serializer = null)
    {
        await using var bus = await EventBus.StartAsync(builder =>
        {
            builder.Options = builder.Options with { Serializer = serializer };
            builder.AddInternalQueue("q");
        }, TestContext.Current.CancellationToken);
        Assert.True((await put(bus)).IsAccepted);
        await foreach (var evt in bus.Queues.ReadAllAsync("q", TestContext.Current.CancellationToken))
            return evt;
        throw new InvalidOperationException("The queue ended.");
    }

    [Fact]
    public async Task An_object_is_put_as_the_bus_serializes()
    {
        var evt = await Through(bus => bus.PutAsync(new { a = 1.0 }, profile: "p"));
        Assert.Equal("""{"a": 1.0}""", evt.GetText());
        Assert.Equal("application/json", evt.Attributes.ContentType);
        Assert.Equal("p", evt.Profile);
    }

    [Fact]
    public async Task The_serializer_of_the_bus_is_used_and_the_call_may_name_another()
    {
        var text = await Through(bus => bus.PutAsync(new[] { true }), EventSerializer.Text);
        Assert.Equal("[True]", text.GetText());
        Assert.Equal("text/plain; charset=utf-8", text.Attributes.ContentType);
        var compact = await Through(bus => ValueTask.FromResult(bus.TryPut(new[] { 1, 2 }, serializer: EventSerializer.JsonCompact)), EventSerializer.Text);
        Assert.Equal("[1,2]", compact.GetText());
    }

    [Fact]
    public async Task A_string_is_an_object_like_any_other_and_comes_back_as_it_was()
    {
        var evt = await Through(bus => bus.PutAsync("héllo"));
        Assert.Equal("\"h\\u00e9llo\"", evt.GetText());
        Assert.Equal("héllo", evt.Read<string>());
    }

    [Fact]
    public async Task Bytes_are_the_body_themselves()
    {
        var evt = await Through(bus => bus.PutAsync(new byte[] { 0, 255 }));
        Assert.Equal([0, 255], evt.Body.ToArray());
        Assert.Null(evt.Attributes.ContentType);
        Assert.Equal([0, 255], evt.Read<byte[]>()!);
    }

    [Fact]
    public async Task An_event_put_as_an_object_goes_as_it_is()
    {
        object evt = new BusEvent("x", new EventAttributes { Id = "mine", Profile = "a" });
        var same = await Through(bus => bus.PutAsync(evt));
        Assert.Equal(("mine", "a", "x"), (same.Id, same.Profile, same.GetText()));
        var readdressed = await Through(bus => ValueTask.FromResult(bus.TryPut(evt, profile: "b")));
        Assert.Equal(("mine", "b"), (readdressed.Id, readdressed.Profile));
    }

    [Fact]
    public async Task A_serializer_error_accepts_nothing()
    {
        await using var bus = await EventBus.StartAsync(builder => builder.AddInternalQueue("q"), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await bus.PutAsync(new { Bad = typeof(string) }, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Throws<NotSupportedException>(() => bus.TryPut(new { Bad = typeof(string) }));
        Assert.Equal(0, bus.GetStatus().Accepted);
    }

    [Fact]
    public async Task What_was_half_written_when_a_serializer_failed_is_in_no_later_event()
    {
        var evt = await Through(bus =>
        {
            Assert.Throws<NotSupportedException>(() => bus.TryPut(new object[] { "half", typeof(string) }));
            return ValueTask.FromResult(bus.TryPut(1));
        });
        Assert.Equal("1", evt.GetText());
    }

    public sealed record Order(int Id, string Name);

    [Fact]
    public void An_object_comes_back_as_an_object()
    {
        var evt = new BusEvent("""{"id": 3, "Name": "é"}"""u8.ToArray(), new EventAttributes { ContentType = "application/cloudevents+json; charset=utf-8" });
        Assert.Equal(new Order(3, "é"), evt.Read<Order>());
        Assert.Same(evt.Read<Order>(), evt.Read<Order>());
        Assert.Equal(3, evt.Read<JsonElement>().GetProperty("id").GetInt32());
    }

    [Fact]
    public void A_body_that_is_not_what_it_says_is_an_error_of_JSON() =>
        Assert.Throws<JsonException>(() => new BusEvent("{"u8.ToArray(), new EventAttributes { ContentType = "application/json" }).Read<Order>());

    [Fact]
    public void MessagePack_comes_back_as_an_object()
    {
        var evt = new BusEvent(MessagePackCodec.Encode(new MessagePackMap { ["id"] = 3L, ["Name"] = "é" }), new EventAttributes { ContentType = "application/msgpack" });
        Assert.Equal(new Order(3, "é"), evt.Read<Order>());
    }

    [Fact]
    public void Text_of_any_body_can_be_read() => Assert.Equal("{", new BusEvent(Encoding.UTF8.GetBytes("{")).Read<string>());
}
