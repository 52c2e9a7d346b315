using EvBus.Testing;
using EvBus.Tests.Journal;

namespace EvBus.Tests.Lanes;

public class OutageTests
{
    private readonly FakeClock _clock = new();
    private readonly SaidLog _log = new();

    private EventBus Create(IPublisher publisher, LaneOptions? lane = null) => EventBus.Create(o =>
    {
        o.LoggerFactory = _log;
        o.Options = o.Options with { Time = _clock, Seed = 1, StopTimeout = TimeSpan.Zero, Lane = lane ?? new LaneOptions() };
        o.Publisher("a", publisher);
    });

    [Fact]
    public async Task A_connection_that_is_dropped_at_once_does_not_reset_the_back_off()
    {
        var publisher = new Watched { IsDropped = true };
        await using var bus = Create(publisher);
        await bus.StartAsync();
        var connects = 0;
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        for (var i = 0; i < 600; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            await look.WaitForNextTickAsync();
            if (publisher.Connects == connects)
                continue;
            connects = publisher.Connects;
            await Given.UntilAsync(() => bus.Lane("a").State == LaneState.Retrying);
        }
        Assert.InRange(connects, 2, 30);
        Assert.InRange(_log.Lines.Count(line => line.StartsWith("Warning", StringComparison.Ordinal) || line.StartsWith("Information", StringComparison.Ordinal)), 1, 12);
    }

    [Fact]
    public async Task A_connection_that_has_stood_is_no_part_of_the_outage_before_it()
    {
        var publisher = new Watched();
        await using var bus = Create(publisher);
        await bus.StartAsync();
        for (var i = 1; i <= 8; i++)
        {
            await Given.UntilAsync(() => publisher.Connects == i, _clock);
            await Given.UntilAsync(() => bus.Lane("a").State == LaneState.Flowing);
            Assert.Null(bus.Lane("a").Trouble);
            _clock.Advance(TimeSpan.FromMinutes(1));
            publisher.Drop();
        }
        // The loop has heard of the last one as well.
        await Given.UntilAsync(() => bus.Lane("a").State == LaneState.Retrying);
        await Given.UntilAsync(() => bus.Lane("a").Failures > 0);
        Assert.Equal(1, bus.Lane("a").Failures);
    }

    [Fact]
    public async Task An_abandoned_loop_does_not_keep_the_back_off_of_the_next_from_growing()
    {
        var publisher = new ScriptedPreparingPublisher();
        publisher.ThenHangUntilCancelled();
        publisher.OnConnect(_ => default);
        for (var i = 0; i < 2000; i++)
            publisher.OnConnect(_ => throw new EvBusException("nobody listens"));
        await using var bus = Create(publisher, new LaneOptions { CallTimeout = TimeSpan.FromSeconds(1) });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await publisher.WaitForCallsAsync(1).Soon();
        await Given.UntilAsync(() => publisher.Connects >= 2, _clock);
        var connects = publisher.Connects;
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        for (var i = 0; i < 1200; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            await look.WaitForNextTickAsync();
            connects = publisher.Connects;
        }
        Assert.InRange(connects, 2, 40);
    }

    [Fact]
    public async Task A_lane_that_is_down_all_night_says_so_now_and_then_and_never_that_it_is_connected()
    {
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Disconnected("Connection refused")) };
        await using var bus = Create(publisher);
        await bus.StartAsync();
        bus.TryPut("x"u8, new EventAttributes { Id = "the-first" });
        await Given.UntilAsync(() => bus.Lane("a").Failures > 0);
        var began = _clock.GetUtcNow();
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        while (_clock.GetUtcNow() - began < TimeSpan.FromMinutes(32))
        {
            await look.WaitForNextTickAsync();
            _clock.Advance(TimeSpan.FromSeconds(1));
        }
        var lane = bus.Lane("a");
        // Not the dispose's deadline, which no clock would bring.
        await bus.StopAsync(TimeSpan.Zero).Soon();
        Assert.Equal((LaneState.Retrying, "Connection refused", "the-first"), (lane.State, lane.Trouble, lane.FailingEvent));
        Assert.InRange(lane.TroubleSince!.Value, began - TimeSpan.FromMinutes(1), began);
        Assert.Single(_log.Lines, line => line.Contains("a connected", StringComparison.Ordinal) && line.StartsWith("Information", StringComparison.Ordinal));
        var said = _log.Lines.Where(line => line.StartsWith("Warning", StringComparison.Ordinal)).ToList();
        Assert.Equal(1, said.Count(line => line.Contains("(1 events wait", StringComparison.Ordinal)));
        Assert.InRange(said.Count(line => line.Contains("has been failing for", StringComparison.Ordinal) && line.Contains("the-first", StringComparison.Ordinal)), 3, 5);
    }

    [Fact]
    public async Task After_a_call_that_was_abandoned_the_trouble_ends_with_the_next_success()
    {
        var publisher = new ScriptedPublisher();
        publisher.ThenHangUntilCancelled();
        await using var bus = Create(publisher, new LaneOptions { CallTimeout = TimeSpan.FromSeconds(1) });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await publisher.WaitForCallsAsync(1).Soon();
        await Given.UntilAsync(() => bus.Lane("a").Delivered == 1, _clock);
        await Given.UntilAsync(() => bus.Lane("a").Trouble is null);
        Assert.Equal((LaneState.Flowing, 0), (bus.Lane("a").State, bus.Lane("a").Failures));
    }

    [Fact]
    public async Task A_publisher_that_makes_progress_is_not_abandoned_and_one_that_stands_still_is()
    {
        var release = new TaskCompletionSource();
        var publisher = new Reporting();
        publisher.ThenHang(release.Task);
        await using var bus = Create(publisher, new LaneOptions { CallTimeout = TimeSpan.FromSeconds(10) });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await publisher.WaitForCallsAsync(1).Soon();
        for (var i = 0; i < 60; i++)
        {
            publisher.Progress++;
            _clock.Advance(TimeSpan.FromSeconds(5));
        }
        Assert.Equal((1, 0L), (publisher.Calls, bus.Lane("a").Retried));
        for (var i = 0; i < 5; i++)
            _clock.Advance(TimeSpan.FromSeconds(5));
        await publisher.WaitForCallsAsync(2).Soon();
        release.SetResult();
    }

    [Fact]
    public async Task A_publisher_with_more_patience_than_the_lane_ends_its_call_by_its_own_words()
    {
        var publisher = new Reporting { Patience = TimeSpan.FromSeconds(60) };
        publisher.Then(async (_, cancellationToken) =>
        {
            await Task.Delay(TimeSpan.FromSeconds(60), _clock, cancellationToken);
            return PublishResult.Disconnected("it confirmed nothing for 60 s");
        });
        await using var bus = Create(publisher, new LaneOptions { CallTimeout = TimeSpan.FromSeconds(30) });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await publisher.WaitForCallsAsync(1).Soon();
        await Given.UntilAsync(() => bus.Lane("a").Failures > 0 || bus.Lane("a").Delivered > 0, _clock);
        Assert.DoesNotContain(_log.Lines, line => line.Contains("abandoned", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Decorators_hand_on_how_far_a_publisher_has_come()
    {
        var release = new TaskCompletionSource();
        var publisher = new Reporting();
        publisher.ThenHang(release.Task);
        await using var bus = EventBus.Create(o =>
        {
            o.Options = o.Options with { Time = _clock, Lane = new LaneOptions { CallTimeout = TimeSpan.FromSeconds(10) } };
            o.Publisher("a", publisher).Decorate((_, batch, next, cancellationToken) => next(batch, cancellationToken));
        });
        await bus.StartAsync();
        bus.TryPut(Given.Event(1));
        await publisher.WaitForCallsAsync(1).Soon();
        for (var i = 0; i < 12; i++)
        {
            publisher.Progress++;
            _clock.Advance(TimeSpan.FromSeconds(5));
        }
        Assert.Equal((1, 0L), (publisher.Calls, bus.Lane("a").Retried));
        release.SetResult();
    }

    [Fact]
    public async Task A_nack_that_stays_is_said_to_hold_up_the_rest_once_the_lane_reads_no_further()
    {
        var publisher = new ScriptedWindowedPublisher { Window = 6000 };
        // Of the first events every second one is refused for good.
        publisher.Otherwise = (batch, _) => new(PublishResult.Mixed([.. batch.Select(evt => evt.ToEvent().GetText().EndsWith('1') ? new EventVerdict(Verdict.Retry, "the queue is full") : new EventVerdict(Verdict.Delivered))]));
        await using var bus = Create(publisher, new LaneOptions { MaxAttempts = 1_000_000, BatchEvents = 5000 });
        for (var i = 0; i < 5000; i++)
            bus.TryPut(Given.Event((i * 10) + (i % 2)));
        await bus.StartAsync();
        try
        {
            await Given.UntilAsync(() => _log.Lines.Any(line => line.Contains("sends no new events", StringComparison.Ordinal)), _clock);
        }
        finally
        {
            // Not the dispose's deadline, which no clock would bring.
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        Assert.Single(_log.Lines, line => line.Contains("sends no new events", StringComparison.Ordinal));
    }

    private sealed class Reporting : ScriptedPublisher, IProgressReport
    {
        private long _progress;

        public long Progress
        {
            get => Interlocked.Read(ref _progress);
            set => Interlocked.Exchange(ref _progress, value);
        }

        public TimeSpan? Patience { get; init; }
    }

    private sealed class Watched : ScriptedPublisher, IConnectionWatch, IPublisher
    {
        private ConnectionCondition _condition;

        public event Action? ConditionChanged;

        public bool IsDropped { get; init; }

        public ConnectionCondition Condition => _condition;

        public void Drop()
        {
            _condition = new ConnectionCondition(ConnectionState.Lost, "closed by the other side");
            ConditionChanged?.Invoke();
        }

        async ValueTask IPublisher.ConnectAsync(CancellationToken cancellationToken)
        {
            _condition = default;
            await ConnectAsync(cancellationToken);
            if (IsDropped)
                Drop();
        }
    }
}
