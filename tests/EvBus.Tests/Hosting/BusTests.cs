using EvBus.Testing;

namespace EvBus.Tests.Hosting;

public class BusTests
{
    [Fact]
    public async Task Every_event_reaches_every_lane_in_order()
    {
        var (a, b) = (new ScriptedPublisher(), new ScriptedPublisher());
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", a).Publisher("b", b));
        for (var i = 0; i < 10_000; i++)
            Assert.True((await bus.PutAsync(Given.Event(i))).IsAccepted);
        var status = await bus.StopAsync();
        Assert.Equal(Enumerable.Range(0, 10_000), a.Delivered.Numbers());
        Assert.Equal(Enumerable.Range(0, 10_000), b.Delivered.Numbers());
        Assert.Equal(10_000, status.Accepted);
        status.AssertBalanced();
        Assert.All(status.Lanes, lane => Assert.Equal(10_000, lane.Delivered));
    }

    [Fact]
    public async Task Events_put_before_the_start_are_delivered_in_order()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = EventBus.Create(o => o.Publisher("a", publisher));
        for (var i = 0; i < 5; i++)
            Assert.Equal(PutOutcome.Accepted, bus.TryPut(Given.Event(i)).Outcome);
        await bus.StartAsync();
        bus.TryPut(Given.Event(5));
        await publisher.WaitForEventsAsync(6).Soon();
        Assert.Equal([0, 1, 2, 3, 4, 5], publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_put_after_the_stop_is_refused_and_says_so()
    {
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", new ScriptedPublisher()));
        await bus.StopAsync();
        var put = await bus.PutAsync(Given.Event(1));
        Assert.Equal((PutOutcome.Refused, RefusalReason.Stopped), (put.Outcome, put.Refusal));
        Assert.Equal(RefusalReason.Stopped, bus.TryPut([1], default).Refusal);
        Assert.Equal(2, bus.GetStatus().Refused[RefusalReason.Stopped]);
    }

    [Fact]
    public async Task Stopping_twice_is_harmless()
    {
        var publisher = new ScriptedPublisher();
        var bus = await EventBus.StartAsync(o => o.Publisher("a", publisher));
        bus.TryPut(Given.Event(1));
        var stops = await Task.WhenAll(bus.StopAsync(), bus.StopAsync()).Soon();
        Assert.Same(stops[0], stops[1]);
        await bus.DisposeAsync();
        Assert.Equal(1, publisher.Disposals);
    }

    [Fact]
    public async Task Puts_from_many_threads_are_all_delivered_and_each_thread_keeps_its_order()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", publisher));
        var threads = Enumerable.Range(0, 32).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 500; i++)
                Assert.True(bus.TryPut(Given.Event((thread * 1000) + i)).IsAccepted);
        }));
        await Task.WhenAll(threads).Soon();
        await bus.StopAsync();
        var numbers = publisher.Delivered.Numbers();
        Assert.Equal(32 * 500, numbers.Length);
        Assert.All(numbers.GroupBy(number => number / 1000), group => Assert.Equal(group.Order(), group));
    }

    [Fact]
    public async Task An_event_above_the_limit_is_refused_with_both_numbers()
    {
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { MaxEventBytes = 10 };
            o.Publisher("a", new ScriptedPublisher());
        });
        Assert.True(bus.TryPut(new byte[0], default).IsAccepted);
        Assert.True(bus.TryPut(new byte[10], default).IsAccepted);
        var put = bus.TryPut(new byte[11], default);
        Assert.Equal(RefusalReason.TooLarge, put.Refusal);
        Assert.Contains("11", put.Reason, StringComparison.Ordinal);
        Assert.Contains("10", put.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Attributes_survive_the_way_through_the_journal()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", publisher));
        var attributes = new EventAttributes
        {
            Id = "id-ü", Source = "urn:me", Type = "t", Subject = "s", Time = new DateTimeOffset(2020, 1, 2, 3, 4, 5, TimeSpan.Zero), ContentType = "text/plain",
            DataSchema = "urn:schema", Profile = "p", Key = "k", TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState = "a=b",
            Parents = ["p1", "p2"], Extensions = new Dictionary<string, string> { ["one"] = "1", ["two"] = "zwei ü" },
        };
        bus.TryPut(new BusEvent(new byte[] { 0, 1, 255 }, attributes));
        await publisher.WaitForEventsAsync(1).Soon();
        var got = publisher.Delivered[0];
        Assert.Equal(new byte[] { 0, 1, 255 }, got.Body.ToArray());
        Assert.Equal(attributes.Parents, got.Attributes.Parents);
        Assert.Equal(attributes.Extensions, got.Attributes.Extensions);
        Assert.Equal(attributes with { Parents = null, Extensions = null }, got.Attributes with { Parents = null, Extensions = null });
    }

    [Fact]
    public async Task The_door_stamps_an_id_and_the_time()
    {
        var clock = new FakeClock();
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Time = clock, Source = "urn:source", Type = "type" };
            o.Publisher("a", publisher);
        });
        var put = bus.TryPut("x"u8, default);
        await publisher.WaitForEventsAsync(1).Soon();
        var got = publisher.Delivered[0];
        Assert.Equal(put.StampedId.ToString(), got.Id);
        Assert.Equal('7', got.Id![14]);
        Assert.Equal(clock.GetUtcNow(), got.Attributes.Time);
        Assert.Equal(("urn:source", "type"), (got.Attributes.Source, got.Attributes.Type));
    }

    [Fact]
    public async Task Errors_of_the_options_come_all_at_once()
    {
        var e = await Assert.ThrowsAsync<EvBusConfigurationException>(() => EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { MaxEvents = 0, MaxEventBytes = 0, Lane = new LaneOptions { BatchEvents = 0 } };
        }));
        Assert.Equal(3, e.Errors.Count);
    }

    [Fact]
    public async Task Durable_receipts_are_refused_by_a_journal_in_memory()
    {
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", new ScriptedPublisher()));
        await Assert.ThrowsAsync<NotSupportedException>(async () => await bus.PutAsync(Given.Event(1), Receipt.Durable));
    }
}
