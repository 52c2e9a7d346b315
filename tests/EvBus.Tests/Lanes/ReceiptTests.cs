using EvBus.Testing;

namespace EvBus.Tests.Lanes;

/// <summary>Nothing of a receipt stays behind once it is answered, however often the event comes again.</summary>
public class ReceiptTests
{
    private const int Events = 50;

    private readonly FaultStorage _storage = new();

    private EventBus OnDisk(ScriptedPublisher publisher) => EventBus.Create(bus =>
    {
        bus.UseStorage(_storage).Publisher("a", publisher);
        bus.Options = bus.Options with { Journal = bus.Options.Journal with { Retain = new JournalRetention { Bytes = 1 << 20 } } };
    });

    private static Task<PutResult[]> PutAsync(EventBus bus) =>
        Task.WhenAll(Enumerable.Range(0, Events).Select(n => bus.PutAsync(Given.Event(n), Receipt.Delivered()).AsTask())).Soon();

    [Fact]
    public async Task A_receipt_that_is_answered_leaves_nothing_behind_whoever_was_first()
    {
        await using var bus = await EventBus.StartAsync(bus => bus.Publisher("a", new ScriptedPublisher()).Publisher("b", new ScriptedPublisher()));
        Assert.All(await PutAsync(bus), put => Assert.Equal(PutOutcome.Delivered, put.Outcome));
        Assert.Equal(0, bus.Awaited);
    }

    [Fact]
    public async Task Of_several_lanes_the_worst_outcome_counts()
    {
        var refusing = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Rejected("no")) };
        await using var bus = await EventBus.StartAsync(bus => bus.Publisher("a", new ScriptedPublisher()).Publisher("b", refusing).Publisher("c", new ScriptedPublisher()));
        Assert.All(await PutAsync(bus), put => Assert.Equal(PutOutcome.DeadLettered, put.Outcome));
    }

    [Fact]
    public async Task A_receipt_of_an_event_that_no_lane_wants_leaves_nothing_behind()
    {
        await using var bus = await EventBus.StartAsync(bus => bus.Publisher("a", new ScriptedPublisher(), "other"));
        for (var i = 0; i < Events; i++)
            Assert.Equal(PutOutcome.Unmatched, (await bus.PutAsync(Given.Event(i, "mine"), Receipt.Delivered()).AsTask().Soon()).Outcome);
        Assert.Equal(0, bus.Awaited);
    }

    [Fact]
    public async Task A_rewind_over_events_whose_receipts_are_answered_leaves_nothing_behind()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = OnDisk(publisher);
        await bus.StartAsync();
        await PutAsync(bus);
        Assert.Equal(Events, await bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask().Soon());
        await publisher.WaitForEventsAsync(2 * Events).Soon();
        await bus.Lanes.DrainAsync("a").AsTask().Soon();
        Assert.Equal(0, bus.Awaited);
    }

    [Fact]
    public async Task A_rewind_of_one_lane_while_another_is_waited_for_answers_once_and_leaves_nothing_behind()
    {
        var (quick, slow, open) = (new ScriptedPublisher(), new ScriptedPublisher(), new TaskCompletionSource());
        slow.Otherwise = async (_, cancellationToken) =>
        {
            await open.Task.WaitAsync(cancellationToken);
            return PublishResult.Delivered;
        };
        await using var bus = await EventBus.StartAsync(bus => bus.Publisher("quick", quick).Publisher("slow", slow));
        var puts = PutAsync(bus);
        await quick.WaitForEventsAsync(Events).Soon();
        Assert.Equal(Events, await bus.Lanes.RewindAsync("quick", LanePlace.Oldest).AsTask().Soon());
        await quick.WaitForEventsAsync(2 * Events).Soon();
        Assert.Equal(Events, bus.Awaited);
        open.SetResult();
        Assert.All(await puts, put => Assert.Equal(PutOutcome.Delivered, put.Outcome));
        Assert.Equal(0, bus.Awaited);
    }

    [Fact]
    public async Task What_was_waited_for_in_an_earlier_run_is_delivered_without_anybody_to_tell()
    {
        await using (var bus = OnDisk(new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }))
        {
            await bus.StartAsync();
            var puts = PutAsync(bus);
            await bus.StopAsync(TimeSpan.Zero).Soon();
            Assert.All(await puts, put => Assert.Equal(PutOutcome.Abandoned, put.Outcome));
            Assert.Equal(0, bus.Awaited);
        }
        var publisher = new ScriptedPublisher();
        await using var again = OnDisk(publisher);
        await again.StartAsync();
        await again.Lanes.DrainAsync("a").AsTask().Soon();
        Assert.Equal(Events, publisher.Delivered.Count);
        Assert.Equal(0, again.Awaited);
    }
}
