using EvBus.Testing;

namespace EvBus.Tests.Lanes;

public class ConnectionWatchTests
{
    private readonly FakeClock _clock = new();
    private readonly WatchedPublisher _publisher = new();

    private EventBus Create(LaneOptions? lane = null, TimeProvider? time = null) => EventBus.Create(o =>
    {
        o.Options = o.Options with { Time = time ?? _clock, Seed = 1, Lane = lane ?? new LaneOptions() };
        o.Publisher("a", _publisher);
    });

    [Fact]
    public async Task Blocked_the_lane_says_so_at_once_and_no_time_out_counts()
    {
        var unblocked = new TaskCompletionSource();
        _publisher.ThenHang(unblocked.Task);
        await using var bus = Create(new LaneOptions { CallTimeout = TimeSpan.FromSeconds(1), MaxAbandonedCalls = 1 });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await _publisher.WaitForCallsAsync(1).Soon();
        _publisher.Become(ConnectionState.Blocked, "memory is low");
        Assert.Equal((LaneState.Retrying, "memory is low"), (bus.Lane("a").State, bus.Lane("a").Trouble));
        for (var i = 0; i < 100; i++)
            _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(LaneState.Retrying, bus.Lane("a").State);
        _publisher.Become(ConnectionState.Open);
        Assert.Equal((LaneState.Flowing, null), (bus.Lane("a").State, bus.Lane("a").Trouble));
        unblocked.SetResult();
        var status = await bus.StopAsync().Soon();
        Assert.Equal((1L, 0L), (status.Lanes[0].Delivered, status.Lanes[0].Retried));
    }

    [Fact]
    public async Task After_a_block_the_time_out_counts_from_its_end()
    {
        _publisher.ThenHang(Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, TestContext.Current.CancellationToken));
        await using var bus = Create(new LaneOptions { CallTimeout = TimeSpan.FromSeconds(10) });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await _publisher.WaitForCallsAsync(1).Soon();
        _publisher.Become(ConnectionState.Blocked, "memory is low");
        _clock.Advance(TimeSpan.FromMinutes(1));
        _publisher.Become(ConnectionState.Open);
        _clock.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(1, _publisher.Calls);
        _clock.Advance(TimeSpan.FromSeconds(11));
        await _publisher.WaitForCallsAsync(2).Soon();
        Assert.Equal(1, (await bus.StopAsync().Soon()).Lanes[0].Delivered);
    }

    [Fact]
    public async Task Lost_while_nothing_is_under_way_the_lane_connects_again_by_itself()
    {
        await using var bus = Create(time: TimeProvider.System);
        await bus.StartAsync();
        await _publisher.WaitForConnectsAsync(1);
        _publisher.Become(ConnectionState.Lost, "the cable");
        await _publisher.WaitForConnectsAsync(2).Soon();
        await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal((LaneState.Flowing, null), (bus.Lane("a").State, bus.Lane("a").Trouble));
        await bus.StopAsync().Soon();
    }

    [Fact]
    public async Task Some_of_a_batch_disconnected_the_lane_connects_again_before_it_sends_the_rest()
    {
        _publisher.Then(PublishResult.Mixed([new(Verdict.Delivered), new(Verdict.Disconnected, "gone"), new(Verdict.Disconnected, "gone")]));
        await using var bus = Create(new LaneOptions { MaxAttempts = 1 }, TimeProvider.System);
        for (var i = 0; i < 3; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await _publisher.WaitForConnectsAsync(2).Soon();
        var status = await bus.StopAsync().Soon();
        Assert.Equal((3L, 0L, 2L), (status.Lanes[0].Delivered, status.Lanes[0].Dead, status.Lanes[0].Retried));
    }

    [Fact]
    public async Task A_batch_is_no_larger_than_the_window()
    {
        _publisher.Window = 7;
        await using var bus = Create();
        for (var i = 0; i < 100; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await bus.StopAsync().Soon();
        Assert.All(_publisher.Batches, size => Assert.InRange(size, 1, 7));
    }

    [Fact]
    public async Task What_failed_in_one_large_batch_is_sent_again_in_small_ones_when_the_window_has_shrunk()
    {
        _publisher.Window = 100;
        _publisher.Then((_, _) =>
        {
            _publisher.Window = 7;
            return new(PublishResult.Disconnected("gone"));
        });
        await using var bus = Create(time: TimeProvider.System);
        for (var i = 0; i < 100; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await _publisher.WaitForConnectsAsync(2).Soon();
        await bus.StopAsync().Soon();
        Assert.All(_publisher.Batches.Skip(1), size => Assert.InRange(size, 1, 7));
        Assert.Equal(Enumerable.Range(0, 100), _publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_failure_of_many_batches_under_way_counts_as_one()
    {
        const int Batches = 20;
        var gone = new TaskCompletionSource();
        var failing = true;
        _publisher.Window = Batches;
        _publisher.Otherwise = async (_, _) =>
        {
            await gone.Task;
            return failing ? PublishResult.Disconnected("gone") : PublishResult.Delivered;
        };
        await using var bus = Create(new LaneOptions { BatchEvents = 1, RetryMax = TimeSpan.FromHours(10) }, TimeProvider.System);
        for (var i = 0; i < Batches; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await _publisher.WaitForCallsAsync(Batches).Soon();
        gone.SetResult();
        // One failure waits a tenth of a second at most; twenty would wait for hours.
        await _publisher.WaitForConnectsAsync(2).Soon();
        failing = false;
        await bus.StopAsync().Soon();
    }

    private sealed class WatchedPublisher : ScriptedWindowedPublisher, IConnectionWatch, IPublisher
    {
        private int _connects;

        public event Action? ConditionChanged;

        public ConnectionCondition Condition { get; private set; }

        public void Become(ConnectionState state, string? reason = null)
        {
            Condition = new ConnectionCondition(state, reason);
            ConditionChanged?.Invoke();
        }

        public async Task WaitForConnectsAsync(int count)
        {
            while (Volatile.Read(ref _connects) < count)
                await Task.Yield();
        }

        async ValueTask IPublisher.ConnectAsync(CancellationToken cancellationToken)
        {
            await ConnectAsync(cancellationToken);
            Condition = default;
            Interlocked.Increment(ref _connects);
        }
    }
}
