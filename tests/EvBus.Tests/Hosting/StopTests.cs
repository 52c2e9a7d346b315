using EvBus.Testing;
using EvBus.Tests.Journal;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Tests.Hosting;

public class StopTests
{
    private readonly SaidLog _log = new();

    [Fact]
    public async Task A_step_of_the_stop_that_throws_keeps_none_of_the_others_from_being_done_and_can_be_repeated()
    {
        var storage = new FaultStorage();
        var publisher = new ScriptedPublisher();
        var source = new Throwing();
        var bus = EventBus.Create(o =>
        {
            o.LoggerFactory = _log;
            o.UseStorage(storage);
            o.Publisher("a", publisher).AddProfiles(source);
        });
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(1), Receipt.Durable).AsTask().Soon();
        var thrown = await Assert.ThrowsAsync<EvBusException>(() => bus.StopAsync().Soon());
        Assert.Contains("ending the watch on profiles failed", thrown.Message, StringComparison.Ordinal);
        Assert.Equal((BusState.Stopped, 1, 1L), (bus.GetStatus().State, publisher.Disposals, bus.Lane("a").Delivered));
        Assert.Single(_log.Of(21));
        var again = await bus.StopAsync().Soon();
        Assert.Equal((BusState.Stopped, 1L), (again.State, again.Accepted));
        Assert.Single(_log.Of(2));
        // The journal is not locked any more.
        await using var next = EventBus.Create(o => o.UseStorage(storage).Publisher("a", publisher));
        await next.StartAsync();
    }

    [Fact]
    public async Task Disposing_does_not_throw_what_a_step_of_the_stop_threw()
    {
        await using var bus = EventBus.Create(o =>
        {
            o.LoggerFactory = _log;
            o.AddProfiles(new Throwing());
        });
        await bus.StartAsync();
    }

    [Theory]
    [InlineData(-5_000)]
    [InlineData(-1)]
    [InlineData(60L * 24 * 3600 * 1000)]
    [InlineData(long.MaxValue / 10_000)]
    public async Task Any_deadline_works(long milliseconds)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", publisher));
        await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(BusState.Stopped, (await bus.StopAsync(TimeSpan.FromMilliseconds(milliseconds)).Soon()).State);
    }

    [Fact]
    public async Task A_lane_that_detaches_during_the_stop_ends_it()
    {
        var clock = new FakeClock();
        var release = new TaskCompletionSource();
        var publisher = new ScriptedPublisher { Otherwise = async (_, _) => { await release.Task; return PublishResult.Delivered; } };
        await using var bus = EventBus.Create(o =>
        {
            o.LoggerFactory = _log;
            o.Options = o.Options with { Time = clock };
            o.Publisher("a", publisher, lane: new LaneOptions { CallTimeout = TimeSpan.FromSeconds(1), MaxAbandonedCalls = 1 });
        });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await publisher.WaitForCallsAsync(1).Soon();
        var began = clock.GetUtcNow();
        var stop = bus.StopAsync(TimeSpan.FromHours(1));
        await Given.UntilAsync(() => stop.IsCompleted, clock);
        Assert.InRange(clock.GetUtcNow() - began, TimeSpan.Zero, TimeSpan.FromMinutes(30));
        Assert.Equal(1, (await stop).Lanes[0].Queued);
        Assert.Single(_log.Of(106));
        release.SetResult();
    }

    [Fact]
    public async Task A_move_that_waits_for_a_call_of_a_lane_that_detaches_is_answered()
    {
        var clock = new FakeClock();
        var release = new TaskCompletionSource();
        var publisher = new ScriptedPublisher { Otherwise = async (_, _) => { await release.Task; return PublishResult.Delivered; } };
        await using var bus = EventBus.Create(o =>
        {
            o.LoggerFactory = _log;
            o.Options = o.Options with { Time = clock };
            o.Publisher("a", publisher, lane: new LaneOptions { CallTimeout = TimeSpan.FromSeconds(1), MaxAbandonedCalls = 1 });
        });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await publisher.WaitForCallsAsync(1).Soon();
        clock.Advance(TimeSpan.FromSeconds(2));
        await publisher.WaitForCallsAsync(2).Soon();
        var move = bus.Lanes.RewindAsync("a", LanePlace.Oldest, TestContext.Current.CancellationToken).AsTask();
        clock.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<EvBusException>(() => move.Soon());
        release.SetResult();
    }

    [Fact]
    public async Task No_lane_is_added_to_a_bus_that_has_stopped()
    {
        var bus = await EventBus.StartAsync(o => o.LoggerFactory = _log);
        await bus.StopAsync().Soon();
        var publisher = new ScriptedPublisher();
        var thrown = await Assert.ThrowsAsync<InvalidOperationException>(async () => await bus.Lanes.AddAsync(new LaneDefinition { Id = "late", CreatePublisher = _ => new(publisher) }));
        Assert.Contains("'late'", thrown.Message, StringComparison.Ordinal);
        Assert.Equal((0, 0), (publisher.Connects, bus.GetStatus().Lanes.Count));
    }

    [Fact]
    public async Task What_is_said_to_a_builder_after_its_bus_was_made_is_refused()
    {
        EvBusBuilder? kept = null;
        await using var bus = await EventBus.StartAsync(o =>
        {
            kept = o;
            o.LoggerFactory = NullLoggerFactory.Instance;
        });
        Assert.Throws<InvalidOperationException>(() => kept!.AddIngress("late", (BusEvent _) => { }));
        Assert.Throws<InvalidOperationException>(() => kept!.AddInternalQueue("late"));
        Assert.Throws<InvalidOperationException>(() => kept!.AddProfiles(new Throwing()));
        Assert.Throws<InvalidOperationException>(() => kept!.Options = new BusOptions());
        Assert.Throws<InvalidOperationException>(() => kept!.Decorate((_, batch, next, cancellationToken) => next(batch, cancellationToken)));
    }

    [Fact]
    public async Task An_internal_queue_has_the_capacity_it_was_given_also_when_its_reader_comes_first()
    {
        await using var bus = EventBus.Create(o => o.AddInternalQueue("q", capacity: 10));
        var reader = bus.Queues.ReadAllAsync("q", TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        for (var i = 0; i < 100; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await Given.UntilAsync(() => bus.Lane("internal/q").Delivered == 10);
        Assert.True(await reader.MoveNextAsync());
        await Given.UntilAsync(() => bus.Lane("internal/q").Delivered == 11);
        Assert.False(bus.Queues.TryRead("of nobody", out _));
        Assert.DoesNotContain("of nobody", bus.Queues.RoutingKeys);
        await bus.StopAsync(TimeSpan.Zero).Soon();
    }

    [Fact]
    public async Task A_seed_repeats_the_waits_of_the_lanes()
    {
        var waits = new List<string[]>();
        for (var run = 0; run < 2; run++)
        {
            var log = new SaidLog();
            var clock = new FakeClock();
            var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
            await using var bus = EventBus.Create(o =>
            {
                o.LoggerFactory = log;
                o.Options = o.Options with { Time = clock, Seed = 42 };
                o.Publisher("a", publisher);
            });
            await bus.StartAsync();
            bus.TryPut(Given.Event(1));
            await Given.UntilAsync(() => log.All.Count(line => line.Contains("next try", StringComparison.Ordinal)) >= 4, clock);
            waits.Add([.. log.All.Where(line => line.Contains("next try", StringComparison.Ordinal)).Take(4).Select(line => line[line.IndexOf("next try", StringComparison.Ordinal)..])]);
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        Assert.Equal(waits[0], waits[1]);
        // Of this seed in any process: what HashCode gives differs from one process to the next.
        Assert.StartsWith(Expected, string.Join(' ', waits[0]), StringComparison.Ordinal);
    }

    private const string Expected = "next try in 0.06 s) next try in 0.062 s)";

    private sealed class Throwing : IProfileSource
    {
        public string Description => "a source";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new([]);

        public IDisposable Watch(Action changed) => new Watching();

        private sealed class Watching : IDisposable
        {
            public void Dispose() => throw new InvalidDataException("thrown by a source's watch");
        }
    }
}
