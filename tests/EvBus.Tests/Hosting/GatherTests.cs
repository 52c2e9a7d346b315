using EvBus.Testing;

namespace EvBus.Tests.Hosting;

/// <summary>When a gatherer is called, for what, and what becomes of what it made.</summary>
public class GatherTests
{
    private readonly FakeClock _clock = new();
    private readonly Gatherer _gatherer = new();

    private static Profile Profile(string name, params string[] destinations) =>
        new("mine", name, new Dictionary<string, object?> { ["to"] = destinations.ToList<object?>() });

    private EventBus Create(params Profile[] profiles) => Create(TimeSpan.FromDays(1), profiles);

    private EventBus Create(TimeSpan timeout, params Profile[] profiles) => EventBus.Create(o =>
    {
        o.Options = o.Options with { Time = _clock, Seed = 1, Lane = new LaneOptions { CallTimeout = timeout } };
        o.AddProfiles(new Lanes.WhoGetsAnEventTests.Profiles(profiles)).AddGatherer(_gatherer).AddIngress(new IngressDescriptor
        {
            Name = "mine", Destinations = profile => profile.GetStrings("to"),
            Create = context => new ScriptedPublisher().OnConnect(_ =>
            {
                _gatherer.Use(context);
                return ValueTask.CompletedTask;
            }),
        });
    });

    private Task UntilAsync(Func<bool> condition) => Given.UntilAsync(condition, _clock);

    [Fact]
    public async Task All_profiles_are_gathered_in_one_call_at_the_start_and_each_lane_takes_its_own()
    {
        await using var bus = Create(Profile("a"), Profile("b"), Profile("c"));
        await bus.StartAsync();
        await UntilAsync(() => _gatherer.Used.Count == 3);
        Assert.Equal(["a b c"], _gatherer.Calls);
        Assert.Equal(["mine/a: a", "mine/b: b", "mine/c: c"], _gatherer.Used.Order(StringComparer.Ordinal));
        await bus.StopAsync().Soon();
        Assert.All(_gatherer.Made, made => Assert.Equal(1, made.Disposals));
    }

    [Fact]
    public async Task Of_several_destinations_the_first_takes_the_shared_context_and_the_others_have_theirs_made()
    {
        await using var bus = Create(Profile("a", "x", "y"), Profile("b"));
        await bus.StartAsync();
        await UntilAsync(() => _gatherer.Used.Count == 3);
        Assert.Equal(["a", "a b"], _gatherer.Calls.Order(StringComparer.Ordinal));
        await bus.StopAsync().Soon();
        Assert.Equal(3, _gatherer.Made.Count);
        Assert.All(_gatherer.Made, made => Assert.Equal(1, made.Disposals));
    }

    [Fact]
    public async Task When_the_common_call_fails_each_lane_tries_again_for_itself()
    {
        _gatherer.Answers.Enqueue(_ => throw new EvBusException("no vault"));
        await using var bus = Create(Profile("a"), Profile("b"));
        await bus.StartAsync();
        await UntilAsync(() => _gatherer.Used.Count == 2);
        Assert.Equal("a b", _gatherer.Calls[0]);
        Assert.Equal(["a", "b"], _gatherer.Calls.Skip(1).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_gatherer_that_returns_too_few_is_told_so_and_what_it_made_is_disposed()
    {
        _gatherer.Short = true;
        await using var bus = Create(Profile("a"), Profile("b"));
        await bus.StartAsync();
        // The clock stands: the next try would say something else.
        await Given.UntilAsync(() => bus.GetStatus().Lanes.Any(lane => lane.Trouble?.Contains("returned 1 contexts for 2 profiles", StringComparison.Ordinal) == true));
        Assert.Equal(1, _gatherer.Made[0].Disposals);
    }

    [Fact]
    public async Task A_gatherer_that_hangs_costs_only_its_lanes_and_not_the_stop()
    {
        var never = new TaskCompletionSource();
        _gatherer.Answers.Enqueue(_ => never.Task);
        var other = new ScriptedPublisher();
        await using var bus = Create(Profile("a"), Profile("b"));
        await bus.StartAsync();
        await bus.Lanes.AddAsync(new LaneDefinition { Id = "other", CreatePublisher = _ => new(other) });
        await Given.UntilAsync(() => _gatherer.Calls.Count == 1);
        bus.TryPut(Given.Event(1, "nobody"));
        await other.WaitForEventsAsync(1).Soon();
        // The clock stands: no deadline ends this stop.
        await bus.StopAsync().Soon();
        never.SetResult();
        await UntilAsync(() => _gatherer.Made.Count == 2 && _gatherer.Made.All(made => made.Disposals == 1));
    }

    [Fact]
    public async Task Lanes_that_waited_too_long_for_the_common_call_gather_for_themselves_and_what_comes_late_is_disposed()
    {
        var late = new TaskCompletionSource();
        _gatherer.Answers.Enqueue(_ => late.Task);
        await using var bus = Create(TimeSpan.FromSeconds(30), Profile("a"), Profile("b"));
        await bus.StartAsync();
        await Given.UntilAsync(() => _gatherer.Calls.Count == 1);
        await UntilAsync(() => _gatherer.Used.Count == 2);
        Assert.Equal("a b", _gatherer.Calls[0]);
        Assert.Equal(["a", "b"], _gatherer.Calls.Skip(1).Order(StringComparer.Ordinal));
        late.SetResult();
        await UntilAsync(() => _gatherer.Made.Count == 4 && _gatherer.Made.Count(made => made.Disposals == 1) == 2);
    }

    [Fact]
    public async Task The_common_call_is_cancelled_when_nobody_waits_for_it_any_more()
    {
        var cancelled = new TaskCompletionSource();
        _gatherer.Answers.Enqueue(async cancellationToken =>
        {
            await using var registration = cancellationToken.Register(cancelled.SetResult);
            await cancelled.Task;
            cancellationToken.ThrowIfCancellationRequested();
        });
        await using var bus = Create(TimeSpan.FromSeconds(30), Profile("a"), Profile("b"));
        await bus.StartAsync();
        await UntilAsync(() => cancelled.Task.IsCompleted);
        await UntilAsync(() => _gatherer.Used.Count == 2);
    }

    [Fact]
    public async Task What_nobody_took_is_disposed_at_stop()
    {
        await using var bus = Create(Profile("a"), Profile("b"));
        var common = new TaskCompletionSource();
        _gatherer.Answers.Enqueue(_ => common.Task);
        await bus.StartAsync();
        await Given.UntilAsync(() => _gatherer.Calls.Count == 1);
        await bus.Lanes.RemoveAsync("mine/b").AsTask().Soon();
        common.SetResult();
        await UntilAsync(() => _gatherer.Used.Count == 1);
        await bus.StopAsync().Soon();
        // Where b asked alone before a did, its going ended that call, and a made one of its own.
        await UntilAsync(() => _gatherer.Made.Count >= 2 && _gatherer.Made.All(made => made.Disposals == 1));
    }

    [Fact]
    public async Task A_publisher_with_a_window_keeps_it_on_a_gathered_context()
    {
        var acknowledge = new TaskCompletionSource();
        var publisher = new ScriptedWindowedPublisher();
        publisher.ThenHang(acknowledge.Task).ThenHang(acknowledge.Task);
        await using var bus = EventBus.Create(o => o
            .AddProfiles(new Lanes.WhoGetsAnEventTests.Profiles(Profile("a"))).AddGatherer(_gatherer)
            .AddIngress(new IngressDescriptor { Name = "mine", Create = _ => publisher }, lane: new LaneOptions { BatchEvents = 1 }));
        bus.TryPut(Given.Event(1));
        bus.TryPut(Given.Event(2));
        await bus.StartAsync();
        await publisher.WaitForCallsAsync(2).Soon();
        acknowledge.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(2, publisher.Delivered.Count);
    }

    private sealed class Gatherer : IProfileGatherer
    {
        private readonly Lock _lock = new();
        private readonly List<string> _calls = [];
        private readonly List<string> _used = [];
        private readonly List<Made> _made = [];

        public string Provider => "mine";

        public bool Short { get; set; }

        public System.Collections.Concurrent.ConcurrentQueue<Func<CancellationToken, Task>> Answers { get; } = new();

        /// <summary>The names of the profiles of each call.</summary>
        public IReadOnlyList<string> Calls => Copy(_calls);

        /// <summary>Which lane got what.</summary>
        public IReadOnlyList<string> Used => Copy(_used);

        public IReadOnlyList<Made> Made => Copy(_made);

        public void Use(IngressContext context)
        {
            lock (_lock)
                _used.Add($"{context.LaneId}: {context.Get<Made>().Name}");
        }

        public async ValueTask<IReadOnlyList<object>> GatherAsync(IReadOnlyList<Profile> profiles, CancellationToken cancellationToken)
        {
            lock (_lock)
                _calls.Add(string.Join(' ', profiles.Select(profile => profile.Name)));
            if (Answers.TryDequeue(out var answer))
                await answer(cancellationToken);
            var made = profiles.Skip(Short ? 1 : 0).Select(profile => new Made(profile.Name)).ToArray();
            lock (_lock)
                _made.AddRange(made);
            return made;
        }

        private List<T> Copy<T>(List<T> list)
        {
            lock (_lock)
                return [.. list];
        }
    }

    private sealed class Made(string name) : IDisposable
    {
        private int _disposals;

        public string Name => name;

        public int Disposals => Volatile.Read(ref _disposals);

        public void Dispose() => Interlocked.Increment(ref _disposals);
    }
}
