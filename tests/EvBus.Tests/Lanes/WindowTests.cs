using EvBus.Testing;

namespace EvBus.Tests.Lanes;

public class WindowTests
{
    private readonly FakeClock _clock = new();

    private EventBus Create(IPublisher publisher, LaneOptions lane) => EventBus.Create(o =>
    {
        o.Options = o.Options with { Time = _clock, Seed = 1, Lane = lane };
        o.Publisher("a", publisher);
    });

    [Fact]
    public async Task The_next_batch_is_written_before_the_last_is_acknowledged()
    {
        var acknowledge = new TaskCompletionSource();
        var publisher = new ScriptedWindowedPublisher();
        publisher.ThenHang(acknowledge.Task).ThenHang(acknowledge.Task);
        await using var bus = Create(publisher, new LaneOptions { BatchEvents = 1, CallTimeout = TimeSpan.FromDays(1) });
        bus.TryPut(Given.Event(1));
        bus.TryPut(Given.Event(2));
        await bus.StartAsync();
        await publisher.WaitForCallsAsync(2).Soon();
        acknowledge.SetResult();
        await bus.StopAsync();
        Assert.Equal([1, 2], publisher.Delivered.Numbers().Order());
    }

    [Fact]
    public async Task Strict_ordering_keeps_one_batch_under_way()
    {
        var underWay = 0;
        var most = 0;
        var publisher = new ScriptedWindowedPublisher
        {
            Otherwise = async (_, _) =>
            {
                most = Math.Max(most, ++underWay);
                await Task.Yield();
                underWay--;
                return PublishResult.Delivered;
            },
        };
        await using var bus = Create(publisher, new LaneOptions { BatchEvents = 1, Ordering = LaneOrdering.Strict, CallTimeout = TimeSpan.FromDays(1) });
        for (var i = 0; i < 50; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await bus.StopAsync().Soon();
        Assert.Equal(1, most);
        Assert.Equal(Enumerable.Range(0, 50), publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task The_window_bounds_what_is_written_and_not_acknowledged()
    {
        var acknowledge = new TaskCompletionSource();
        var publisher = new ScriptedWindowedPublisher { Window = 3 };
        publisher.Otherwise = async (_, _) =>
        {
            await acknowledge.Task;
            return PublishResult.Delivered;
        };
        await using var bus = Create(publisher, new LaneOptions { BatchEvents = 1, CallTimeout = TimeSpan.FromDays(1) });
        for (var i = 0; i < 10; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await publisher.WaitForCallsAsync(3).Soon();
        acknowledge.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(10, publisher.Delivered.Count);
    }

    [Fact]
    public async Task What_was_under_way_when_the_connection_went_is_sent_again_in_order()
    {
        var gone = new TaskCompletionSource();
        var publisher = new ScriptedWindowedPublisher { Window = 6 };
        for (var i = 0; i < 3; i++)
        {
            publisher.Then(async (_, _) =>
            {
                await gone.Task;
                return PublishResult.Disconnected("reset by peer");
            });
        }
        await using var bus = Create(publisher, new LaneOptions { BatchEvents = 2, CallTimeout = TimeSpan.FromDays(1) });
        for (var i = 0; i < 10; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await publisher.WaitForCallsAsync(3).Soon();
        gone.SetResult();
        await _clock.DriveAsync(publisher.WaitForEventsAsync(10));
        await bus.StopAsync().Soon();
        Assert.Equal(Enumerable.Range(0, 10), publisher.Delivered.Numbers());
        Assert.Equal(2, publisher.Connects);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task An_acknowledgement_that_never_comes_is_overdue_at_the_time_out()
    {
        var never = new TaskCompletionSource();
        var publisher = new ScriptedWindowedPublisher();
        publisher.ThenHang(never.Task);
        await using var bus = Create(publisher, new LaneOptions());
        bus.TryPut(Given.Event(1));
        await bus.StartAsync();
        await publisher.WaitForCallsAsync(1).Soon();
        // The lane waits for more events meanwhile; the watchdog does not.
        await _clock.WaitForTimersAsync(1).Soon();
        _clock.Advance(TimeSpan.FromSeconds(31));
        _clock.Advance(TimeSpan.FromSeconds(31));
        await publisher.WaitForEventsAsync(1).Soon();
        await bus.StopAsync().Soon();
        Assert.Equal(1, bus.Lane("a").Delivered);
        never.SetResult();
    }
}
