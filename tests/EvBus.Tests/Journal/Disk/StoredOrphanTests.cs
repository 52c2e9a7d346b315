using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>Lanes of an earlier run that nobody asks for now: kept, shown, released in time, and given back.</summary>
public class StoredOrphanTests
{
    private readonly FaultStorage _storage = new();
    private readonly FakeClock _clock = new();

    private EventBus Create(params (string Name, IPublisher Publisher)[] lanes) => EventBus.Create(bus =>
    {
        bus.UseStorage(_storage);
        bus.Options = bus.Options with { Time = _clock, Lane = new LaneOptions { CallTimeout = TimeSpan.FromDays(1) } };
        foreach (var (name, publisher) in lanes)
            bus.Publisher(name, publisher);
    });

    private async Task LeaveQueuedAsync(int events)
    {
        await using var bus = Create(("a", new ScriptedPublisher()), ("b", new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }));
        await bus.StartAsync();
        for (var i = 0; i < events; i++)
            await bus.PutAsync(Given.Event(i), Receipt.Durable).AsTask().Soon();
        await StopAsync(bus);
    }

    private async Task<BusStatus> StopAsync(EventBus bus)
    {
        var stopping = bus.StopAsync(TimeSpan.FromSeconds(1));
        await _clock.DriveAsync(stopping);
        return await stopping;
    }

    [Fact]
    public async Task An_orphan_of_an_earlier_run_is_shown_with_what_it_has_queued()
    {
        await LeaveQueuedAsync(3);
        await using var bus = Create(("a", new ScriptedPublisher()));
        await bus.StartAsync();
        var orphan = bus.Lane("b");
        Assert.Equal((LaneState.Orphaned, 3L, 3L), (orphan.State, orphan.Queued, orphan.Matched));
        await bus.PutAsync(Given.Event(3), Receipt.Durable).AsTask().Soon();
        Assert.Equal(3, bus.Lane("b").Matched);
        (await StopAsync(bus)).AssertBalanced();
    }

    [Fact]
    public async Task When_it_comes_back_it_delivers_what_was_queued_and_nothing_of_the_time_between()
    {
        await LeaveQueuedAsync(3);
        await using (var between = Create(("a", new ScriptedPublisher())))
        {
            await between.StartAsync();
            await between.PutAsync(Given.Event(3), Receipt.Durable).AsTask().Soon();
            await StopAsync(between);
        }
        var back = new ScriptedPublisher();
        await using var bus = Create(("a", new ScriptedPublisher()), ("b", back));
        await bus.StartAsync();
        await bus.PutAsync(Given.Event(4), Receipt.Durable).AsTask().Soon();
        await back.WaitForEventsAsync(4).Soon();
        var status = await StopAsync(bus);
        Assert.Equal([0, 1, 2, 4], back.Delivered.Numbers());
        status.AssertBalanced();
        Assert.Equal(0, status.Lanes.Single(lane => lane.Id == "b").Queued);
    }

    [Fact]
    public async Task It_is_released_when_its_time_is_over_counting_earlier_runs()
    {
        await LeaveQueuedAsync(3);
        await using (var between = Create(("a", new ScriptedPublisher())))
        {
            await between.StartAsync();
            await StopAsync(between);
        }
        _clock.Advance(TimeSpan.FromDays(8));
        await using var bus = Create(("a", new ScriptedPublisher()));
        await bus.StartAsync();
        var gone = Task.Run(async () =>
        {
            while (bus.GetStatus().Lanes.Any(lane => lane.Id == "b"))
                await Task.Yield();
        });
        await _clock.DriveAsync(gone);
        Assert.DoesNotContain(_storage.Files.Keys, name => name == "lanes/b.cursor");
        await StopAsync(bus);
    }

    [Fact]
    public async Task Code_that_asks_for_its_id_gets_it_back()
    {
        await LeaveQueuedAsync(2);
        var back = new ScriptedPublisher();
        await using var bus = Create(("a", new ScriptedPublisher()));
        await bus.StartAsync();
        await bus.Lanes.AddAsync(new LaneDefinition { Id = "b", CreatePublisher = _ => new(back) });
        await back.WaitForEventsAsync(2).Soon();
        Assert.Equal([0, 1], back.Delivered.Numbers());
        (await StopAsync(bus)).AssertBalanced();
    }
}
