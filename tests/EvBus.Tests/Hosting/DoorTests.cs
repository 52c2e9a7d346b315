using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using EvBus.Testing;
using EvBus.Tests.Journal;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Hosting;

public partial class DoorTests
{
    private readonly SaidLog _log = new();

    [Fact]
    public async Task A_refused_put_is_said_once_for_each_cause_and_stands_in_the_ledger()
    {
        var bus = await EventBus.StartAsync(o =>
        {
            o.LoggerFactory = _log;
            o.Options = o.Options with { MaxEventBytes = 10 };
            o.Publisher("a", new ScriptedPublisher());
        });
        for (var i = 0; i < 3; i++)
            bus.TryPut(new byte[100], default);
        await bus.StopAsync().Soon();
        await bus.PutAsync(Given.Event(1));
        await bus.PutAsync(Given.Event(2));
        Assert.Equal(2, _log.Of(23).Count());
        Assert.Contains("TooLarge", _log.Of(23).First(), StringComparison.Ordinal);
        Assert.Contains("refused 3 (TooLarge 3)", _log.Of(2).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_ensures_that_an_event_is_accepted_gets_an_exception_when_it_is_not()
    {
        await using var bus = EventBus.Create(o => o.Options = o.Options with { MaxEventBytes = 10, MaxEvents = 1, WhenFull = DoorPolicy.Reject });
        var thrown = Assert.Throws<EvBusException>(() => bus.TryPut(new byte[100], default).EnsureAccepted());
        Assert.Contains("100 bytes", thrown.Message, StringComparison.Ordinal);
        Assert.False(thrown.IsTransient);
        bus.TryPut(Given.Event(1)).EnsureAccepted();
        Assert.True(Assert.Throws<EvBusException>(() => bus.TryPut(Given.Event(2)).EnsureAccepted()).IsTransient);
    }

    [Fact]
    public async Task A_bus_without_lanes_says_that_it_delivers_nothing()
    {
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.LoggerFactory = _log;
            o.AddConsole();
        });
        Assert.Single(_log.Of(22));
    }

    [Theory]
    [InlineData("Type")]
    [InlineData("ID")]
    [InlineData("source")]
    [InlineData("data_base64")]
    [InlineData("data")]
    [InlineData("")]
    [InlineData("e\r\nX")]
    [InlineData("with-dash")]
    public void An_extension_that_a_destination_could_take_for_something_else_is_refused_at_the_door(string name)
    {
        var bus = EventBus.Create(o => o.LoggerFactory = _log);
        var result = bus.TryPut(new BusEvent("x", new EventAttributes { Extensions = new Dictionary<string, string> { ["fine1"] = "1", [name] = "2" } }));
        Assert.Equal(RefusalReason.InvalidAttributes, result.Refusal);
        Assert.DoesNotContain('\n', result.Reason!);
        Assert.Contains("extension", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_a_put_of_many_always_says_how_many_were_accepted()
    {
        await using var bus = EventBus.Create(o => o.Options = o.Options with { MaxEvents = 2 });
        using var cancel = new CancellationTokenSource();
        var putting = bus.PutManyAsync([Given.Event(1), Given.Event(2), Given.Event(3)], cancel.Token).AsTask();
        await cancel.CancelAsync();
        Assert.Equal((2, RefusalReason.TimedOut), (await putting.Soon() is var some ? (some.Accepted, some.Refusal) : default));
        var none = await bus.PutManyAsync([Given.Event(4)], cancel.Token).AsTask().Soon();
        Assert.Equal((0, RefusalReason.TimedOut), (none.Accepted, none.Refusal));
    }

    [Fact]
    public async Task What_comes_from_outside_never_begins_a_line_of_the_log()
    {
        var publisher = new ScriptedPublisher().Then(PublishResult.Rejected("no\n[ERROR] forged \e[31mred"));
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.LoggerFactory = _log;
            o.Publisher("a", publisher);
        });
        await bus.PutAsync(new BusEvent("x", new EventAttributes { Id = "id\r\nforged" }), Receipt.Delivered()).AsTask().Soon();
        await bus.PutAsync(new BusEvent("x", new EventAttributes { Profile = "nobody\nforged" })).AsTask().Soon();
        Assert.All(_log.All, line => Assert.Equal(line, PlainText.OneLine(line)));
        Assert.Contains(_log.All, line => line.Contains(@"id\r\nforged", StringComparison.Ordinal) && line.Contains(@"no\n[ERROR] forged \u001b[31mred", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_line_about_one_event_carries_its_id()
    {
        var publisher = new ScriptedPublisher().Then(PublishResult.Rejected("no"));
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.LoggerFactory = _log;
            o.Publisher("a", publisher);
        });
        await bus.PutAsync(new BusEvent("x", new EventAttributes { Id = "one-4711" }), Receipt.Delivered()).AsTask().Soon();
        await bus.PutAsync(new BusEvent("x", new EventAttributes { Id = "two-4712" }), Receipt.Delivered()).AsTask().Soon();
        Assert.Contains("one-4711", _log.Of(104).Single(), StringComparison.Ordinal);
        Assert.Contains("two-4712", _log.Of(111).Single(), StringComparison.Ordinal);
        // Whoever adds a line about an event gives it the same name.
        var ofOne = typeof(EventBus).Assembly.GetType("EvBus.Telemetry.Log")!.GetMethods()
            .Select(method => method.GetCustomAttributes(typeof(LoggerMessageAttribute), false).OfType<LoggerMessageAttribute>().FirstOrDefault()?.Message)
            .Where(text => text?.Contains("event {", StringComparison.Ordinal) == true).ToList();
        Assert.NotEmpty(ofOne);
        Assert.All(ofOne, text => Assert.Contains("{event_id}", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_status_as_JSON_has_its_states_as_words()
    {
        await using var bus = EventBus.Create(o => o.Publisher("a", new ScriptedPublisher()));
        bus.TryPut(Given.Event(1));
        var json = JsonSerializer.Serialize(bus.GetStatus());
        Assert.Contains("\"State\":\"Created\"", json, StringComparison.Ordinal);
        Assert.Contains("\"Outcome\":\"Refused\",\"Refusal\":\"Full\"", JsonSerializer.Serialize(PutResult.Refused(RefusalReason.Full, "x")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Functions_of_any_shape_are_publishers()
    {
        var got = new System.Collections.Concurrent.ConcurrentBag<string>();
        await using var bus = await EventBus.StartAsync(o => o
            .AddIngress("valuetask", async (evt, cancellationToken) => { await Task.Yield(); got.Add("valuetask"); })
            .AddIngress("task", (evt, cancellationToken) => AddAsync("task"))
            .AddIngress("without a token", evt => AddAsync("without a token"))
            .AddIngress("async without a token", async evt => { await Task.Yield(); got.Add("async without a token"); })
            .AddIngress("synchronous", evt => got.Add("synchronous"))
            .AddIngress("a method", AddEventAsync)
            .Publisher("a class", new OneByOne(got)));
        await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(["a class", "a method", "async without a token", "synchronous", "task", "valuetask", "without a token"], got.Order(StringComparer.Ordinal));

        Task AddAsync(string name)
        {
            got.Add(name);
            return Task.CompletedTask;
        }

        Task AddEventAsync(BusEvent evt, CancellationToken cancellationToken) => AddAsync("a method");
    }

    [Fact]
    public async Task Of_a_class_for_one_event_none_comes_twice_because_a_later_one_failed()
    {
        var got = new System.Collections.Concurrent.ConcurrentBag<string>();
        var publisher = new OneByOne(got) { FailsOnceAt = "3", RejectsAt = "1" };
        await using var bus = EventBus.Create(o => o.Publisher("a", publisher, lane: new LaneOptions { RetryInitial = TimeSpan.FromMilliseconds(1), RetryMax = TimeSpan.FromMilliseconds(1) }));
        for (var i = 0; i < 6; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        Assert.Equal((5L, 1L), (bus.Lane("a").Delivered, bus.Lane("a").Dead));
        Assert.Equal(5, got.Count);
    }

    [Fact]
    public async Task While_a_publisher_runs_the_trace_is_that_of_its_event()
    {
        const string Trace = "1af7651916cd43dd8448eb211c80319c";
        using var listener = new ActivityListener { ShouldListenTo = source => source.Name == EvBusTelemetry.ActivitySourceName, Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded };
        ActivitySource.AddActivityListener(listener);
        var seen = new TaskCompletionSource<(string, string)>();
        await using var bus = await EventBus.StartAsync(o => o.AddIngress("a", evt => { seen.TrySetResult((Activity.Current!.TraceId.ToString(), Activity.Current.ParentSpanId.ToString())); }));
        await bus.PutAsync(new BusEvent("x", new EventAttributes { TraceParent = $"00-{Trace}-b7ad6b7169203331-01" }), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal((Trace, "b7ad6b7169203331"), await seen.Task.Soon());
    }

    [Fact]
    public async Task An_object_goes_and_comes_back_by_a_JsonTypeInfo()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", publisher));
        await bus.PutAsync(new Order(17), OrderContext.Default.Order, receipt: Receipt.Delivered()).AsTask().Soon();
        bus.TryPut(new Order(18), OrderContext.Default.Order).EnsureAccepted();
        await publisher.WaitForEventsAsync(2).Soon();
        Assert.Equal(("{\"Number\":17}", "application/json"), (publisher.Delivered[0].GetText(), publisher.Delivered[0].Attributes.ContentType));
        Assert.Equal(new Order(18), publisher.Delivered[1].Read(OrderContext.Default.Order));
    }

    internal sealed record Order(int Number);

    [JsonSerializable(typeof(Order))]
    internal sealed partial class OrderContext : JsonSerializerContext;

    private sealed class OneByOne(System.Collections.Concurrent.ConcurrentBag<string> got) : EventPublisher
    {
        private bool _hasFailed;

        public string? FailsOnceAt { get; init; }

        public string? RejectsAt { get; init; }

        protected override ValueTask PublishAsync(BusEvent evt, CancellationToken cancellationToken)
        {
            if (evt.GetText() == RejectsAt)
                throw new RejectEventException("never");
            if (evt.GetText() == FailsOnceAt && !_hasFailed)
            {
                _hasFailed = true;
                throw new InvalidDataException("once");
            }
            got.Add("a class");
            return ValueTask.CompletedTask;
        }
    }
}
