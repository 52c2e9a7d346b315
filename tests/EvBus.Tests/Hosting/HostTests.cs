using EvBus.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace EvBus.Tests.Hosting;

public class HostTests
{
    private static HostApplicationBuilder Builder() => Host.CreateEmptyApplicationBuilder(null);

    [Fact]
    public async Task A_bus_in_a_host_starts_and_stops_with_it()
    {
        var publisher = new ScriptedPublisher();
        var builder = Builder();
        builder.Services.AddEvBus(bus => bus.Publisher("a", publisher));
        using var host = builder.Build();
        var bus = host.Services.GetRequiredService<IEventBus>();
        await bus.PutAsync(new { n = 1 });
        await host.StartAsync();
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(new { n = 2 }, receipt: Receipt.Delivered())).Outcome);
        await host.StopAsync();
        Assert.Equal(["{\"n\": 1}", "{\"n\": 2}"], publisher.Delivered.Select(evt => evt.GetText()));
        Assert.Equal(RefusalReason.Stopped, (await bus.PutAsync(new { n = 3 })).Refusal);
    }

    [Fact]
    public async Task Several_named_buses_live_in_one_host()
    {
        var (one, two) = (new ScriptedPublisher(), new ScriptedPublisher());
        var builder = Builder();
        builder.Services.AddEvBus(bus => bus.Publisher("a", one), "one");
        builder.Services.AddEvBus(bus => bus.Publisher("a", two), "two");
        Assert.Throws<ArgumentException>(() => builder.Services.AddEvBus(_ => { }, "two"));
        using var host = builder.Build();
        await host.StartAsync();
        await host.Services.GetRequiredKeyedService<IEventBus>("two").PutAsync("only two", receipt: Receipt.Delivered());
        Assert.Equal((0, 1), (one.Delivered.Count, two.Delivered.Count));
        await host.StopAsync();
    }

    [Fact]
    public async Task Health_tells_a_lane_that_does_not_flow_and_one_that_is_detached()
    {
        var builder = Builder();
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
        builder.Services.AddEvBus(bus =>
        {
            bus.Options = bus.Options with { StopTimeout = TimeSpan.Zero };
            bus.Publisher("a", publisher);
        });
        using var host = builder.Build();
        var health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync()).Status);
        await host.StartAsync();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync()).Status);
        await host.Services.GetRequiredService<IEventBus>().PutAsync("x");
        await publisher.WaitForCallsAsync(2).Soon();
        Assert.Equal(HealthStatus.Degraded, (await health.CheckHealthAsync()).Status);
        await host.StopAsync();
    }

    [Fact]
    public async Task Profiles_come_from_configuration_and_from_the_environment_as_well()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Profiles:mine:one:host"] = "h1", ["Profiles:mine:one:channels:0"] = "c0", ["Profiles:mine:one:channels:1"] = "c1",
        }).Build();
        var environment = new Dictionary<string, string> { ["X__mine__two__host"] = "h2", ["X__mine__two__channels__0"] = "c2", ["OTHER__mine__three__host"] = "h3" };
        var seen = new List<string>();
        await using var bus = await EventBus.StartAsync(o => o
            .AddProfiles(configuration.GetSection("Profiles"))
            .AddProfilesFromEnvironment("X", environment)
            .AddIngress("mine", (IngressContext ctx, BusEvent _, CancellationToken _) =>
            {
                lock (seen)
                    seen.Add($"{ctx.LaneId} {ctx.Profile!.GetRequiredString("host")} {string.Join(",", ctx.Profile.GetStrings("channels"))}");
                return ValueTask.CompletedTask;
            }));
        await bus.PutAsync("x", receipt: Receipt.Delivered());
        Assert.Equal(["mine/one h1 c0,c1", "mine/two h2 c2"], seen.Order());
    }

    [Fact]
    public async Task What_a_gatherer_makes_is_in_the_context_disposed_with_the_lane_and_made_again_after_disconnected()
    {
        var gatherer = new Gatherer();
        var tries = 0;
        var published = new List<string>();
        await using (var bus = await EventBus.StartAsync(o => o
            .AddProfiles(new Lanes.WhoGetsAnEventTests.Profiles(new Profile("mine", "p", new Dictionary<string, object?> { ["host"] = "h" })))
            .AddGatherer(gatherer)
            .AddIngress(new IngressDescriptor
            {
                Name = "mine",
                Create = ctx => new ScriptedPublisher
                {
                    Otherwise = (batch, _) =>
                    {
                        if (tries++ == 0)
                            return new(PublishResult.Disconnected("reset"));
                        published.Add($"{ctx.Get<Connection>().Host} {ctx["channels"]} {batch[0].GetText()}");
                        return new(PublishResult.Delivered);
                    },
                },
            }, lane: new LaneOptions { RetryInitial = TimeSpan.FromMilliseconds(1) })))
        {
            await bus.PutAsync(Given.Event(1), Receipt.Delivered());
        }
        Assert.Equal(["h c 1"], published);
        Assert.Equal((2, 2), (gatherer.Made.Count, gatherer.Made.Count(connection => connection.IsDisposed)));
    }

    [Fact]
    public async Task An_internal_profile_with_nothing_under_it_has_a_queue_of_its_own_name()
    {
        await using var bus = await EventBus.StartAsync(o => o.AddProfiles(new Lanes.WhoGetsAnEventTests.Profiles(
            new Profile("internal", "default", new Dictionary<string, object?>()), new Profile("internal", "p", new Dictionary<string, object?> { ["routing_key"] = "q1" }))));
        await bus.PutAsync(Given.Event(1), Receipt.Delivered());
        Assert.True(bus.Queues.TryRead("default", out var one));
        Assert.True(bus.Queues.TryRead("q1", out var other));
        Assert.Equal(("1", "1"), (one.GetText(), other.GetText()));
    }

    [Fact]
    public async Task An_internal_queue_is_read_until_the_bus_has_stopped()
    {
        await using var bus = await EventBus.StartAsync(o => o.AddInternalQueue("q", capacity: 10));
        var reading = Task.Run(async () =>
        {
            var read = new List<BusEvent>();
            await foreach (var evt in bus.Queues.ReadAllAsync("q"))
                read.Add(evt);
            return read;
        });
        for (var i = 0; i < 1000; i++)
            await bus.PutAsync(Given.Event(i));
        await bus.StopAsync().Soon();
        Assert.Equal(Enumerable.Range(0, 1000), (await reading.Soon()).Numbers());
    }

    [Fact]
    public async Task Two_slow_publishers_work_at_the_same_time()
    {
        var (first, second) = (new TaskCompletionSource(), new TaskCompletionSource());
        // Each waits for the other to have begun: one after the other, neither would ever end.
        await using var bus = await EventBus.StartAsync(o => o
            .AddIngress("a", async (BusEvent _, CancellationToken _) => { first.SetResult(); await second.Task; })
            .AddIngress("b", async (BusEvent _, CancellationToken _) => { second.SetResult(); await first.Task; }));
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon()).Outcome);
    }

    [Fact]
    public async Task One_publisher_instance_serves_a_lane_for_all_its_events()
    {
        var made = 0;
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o => o.AddIngress(new IngressDescriptor
        {
            Name = "a", NeedsProfile = false, Create = _ => { made++; return publisher; },
        }));
        for (var i = 0; i < 5000; i++)
            await bus.PutAsync(Given.Event(i));
        await bus.StopAsync();
        Assert.Equal((1, 1), (made, publisher.Connects));
    }

    [Fact]
    public async Task The_trace_of_the_caller_travels_with_the_event()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", publisher));
        using var activity = new System.Diagnostics.Activity("put").SetIdFormat(System.Diagnostics.ActivityIdFormat.W3C).Start();
        await bus.PutAsync(Given.Event(1), Receipt.Delivered());
        Assert.Equal(activity.Id, publisher.Delivered[0].Attributes.TraceParent);
    }

    [Fact]
    public async Task The_ledger_is_there_as_metrics()
    {
        var seen = new Dictionary<string, double>();
        using var listener = new System.Diagnostics.Metrics.MeterListener
        {
            InstrumentPublished = (instrument, it) =>
            {
                if (instrument.Meter.Name == "EvBus")
                    it.EnableMeasurementEvents(instrument);
            },
        };
        void Keep(string name, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var (key, tag) in tags)
            {
                if (key == "lane" && tag as string != "metered")
                    return;
            }
            seen[name] = value;
        }
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Keep(instrument.Name, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Keep(instrument.Name, value, tags));
        listener.Start();
        await using var bus = await EventBus.StartAsync(o => o.Publisher("metered", new ScriptedPublisher()));
        await bus.PutAsync(Given.Event(1), Receipt.Delivered());
        listener.RecordObservableInstruments();
        foreach (var name in new[] { "matched", "delivered", "dead", "retried", "lag.events", "lag.bytes", "lag.seconds", "flowing" })
            Assert.True(seen.ContainsKey($"evbus.lane.{name}"), name);
        Assert.Equal((1, 1, 0), (seen["evbus.lane.matched"], seen["evbus.lane.delivered"], seen["evbus.lane.lag.events"]));
    }

    private sealed class Connection(string host) : IDisposable
    {
        public string Host { get; } = host;

        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    private sealed class Gatherer : IProfileGatherer
    {
        public List<Connection> Made { get; } = [];

        public string Provider => "mine";

        public ValueTask<IReadOnlyList<object>> GatherAsync(IReadOnlyList<Profile> profiles, CancellationToken cancellationToken)
        {
            var connection = new Connection(profiles[0].GetRequiredString("host"));
            Made.Add(connection);
            return new([new Dictionary<string, object?> { ["connection"] = connection, ["channels"] = "c" }]);
        }
    }
}
