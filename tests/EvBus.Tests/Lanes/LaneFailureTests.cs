using EvBus.Testing;

namespace EvBus.Tests.Lanes;

/// <summary>What a lane does when its publisher fails; all in the time of a fake clock.</summary>
public class LaneFailureTests
{
    /// <summary>The clock is driven fast; only the tests of the time-out want one.</summary>
    private static readonly TimeSpan Patient = TimeSpan.FromDays(1);

    private readonly FakeClock _clock = new();

    private Task<EventBus> StartAsync(IPublisher publisher, LaneOptions? lane = null, IPublisher? neighbour = null) => EventBus.StartAsync(o =>
    {
        o.Options = o.Options with { Time = _clock, Seed = 1, Lane = lane is null ? new LaneOptions { CallTimeout = Patient } : lane };
        o.Publisher("a", publisher);
        if (neighbour is not null)
            o.Publisher("b", neighbour, lane: new LaneOptions { CallTimeout = Patient });
    });

    [Fact]
    public async Task A_batch_that_failed_is_sent_again_and_nothing_is_lost_or_doubled()
    {
        var publisher = new ScriptedPublisher().Then(PublishResult.Retry("busy")).ThenThrow(new InvalidOperationException("oops"));
        await using var bus = await StartAsync(publisher);
        bus.TryPut(Given.Event(1));
        await _clock.DriveAsync(publisher.WaitForEventsAsync(1));
        Assert.Equal([1], publisher.Delivered.Numbers());
        await bus.StopAsync();
        var lane = bus.Lane("a");
        Assert.Equal((1, 0, 2), (lane.Delivered, lane.Dead, lane.Retried));
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_list_of_verdicts_that_throws_is_a_failure_of_the_plugin_and_not_of_the_bus()
    {
        var broken = Enumerable.Range(0, 1).Select<int, EventVerdict>(_ => throw new InvalidOperationException("no list"));
        var publisher = new ScriptedPublisher().Then(PublishResult.Mixed(new Lazily(broken)));
        await using var bus = await StartAsync(publisher);
        bus.TryPut(Given.Event(1));
        await _clock.DriveAsync(publisher.WaitForEventsAsync(1));
        await bus.StopAsync();
        Assert.Equal((1, 0, 1), (bus.Lane("a").Delivered, bus.Lane("a").Dead, bus.Lane("a").Retried));
    }

    private sealed class Lazily(IEnumerable<EventVerdict> verdicts) : IReadOnlyList<EventVerdict>
    {
        public EventVerdict this[int index] => verdicts.ElementAt(index);

        public int Count => 1;

        public IEnumerator<EventVerdict> GetEnumerator() => verdicts.GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    [Fact]
    public async Task A_plugin_that_always_raises_makes_a_dead_letter_and_leaves_its_neighbour_alone()
    {
        var (bad, good) = (new ScriptedPublisher { Otherwise = (_, _) => throw new InvalidOperationException("broken") }, new ScriptedPublisher());
        await using var bus = await StartAsync(bad, new LaneOptions { CallTimeout = Patient, MaxAttempts = 3 }, good);
        var put = bus.PutAsync(Given.Event(1), Receipt.Delivered("a")).AsTask();
        await good.WaitForEventsAsync(1).Soon();
        await _clock.DriveAsync(put);
        Assert.Equal(PutOutcome.DeadLettered, (await put).Outcome);
        Assert.Equal(3, bad.Calls);
        var letter = Assert.Single(bus.Lanes.GetDeadLetters("a"));
        Assert.Contains("broken", letter.Reason, StringComparison.Ordinal);
        Assert.Equal((1, 3), (int.Parse(letter.Event.GetText()), letter.Attempts));
        Assert.Equal(1, bus.Lane("a").Dead);
    }

    [Fact]
    public async Task An_outage_reported_by_exception_uses_up_no_attempt()
    {
        var publisher = new ScriptedPublisher();
        for (var i = 0; i < 50; i++)
            publisher.ThenThrow(i % 2 == 0 ? new IOException("connection refused") : new EvBusException("down") { IsTransient = true });
        await using var bus = await StartAsync(publisher, new LaneOptions { CallTimeout = Patient, MaxAttempts = 1 });
        bus.TryPut(Given.Event(1));
        await _clock.DriveAsync(publisher.WaitForEventsAsync(1), TimeSpan.FromSeconds(10));
        Assert.Empty(bus.Lanes.GetDeadLetters("a"));
    }

    [Fact]
    public async Task After_disconnected_it_connects_again_before_it_sends_again()
    {
        var publisher = new ScriptedPublisher().Then(PublishResult.Disconnected("gone"));
        await using var bus = await StartAsync(publisher);
        bus.TryPut(Given.Event(1));
        await _clock.DriveAsync(publisher.WaitForEventsAsync(1));
        Assert.Equal(2, publisher.Connects);
        Assert.Equal(LaneState.Flowing, bus.Lane("a").State);
    }

    [Fact]
    public async Task A_failed_connect_is_tried_again_and_shown()
    {
        var publisher = new ScriptedPublisher().OnConnect(_ => throw new EvBusException("wrong password"));
        await using var bus = await StartAsync(publisher);
        bus.TryPut(Given.Event(1));
        await _clock.WaitForTimersAsync(2).Soon();
        Assert.Equal((LaneState.Retrying, "wrong password"), (bus.Lane("a").State, bus.Lane("a").Trouble));
        await _clock.DriveAsync(publisher.WaitForEventsAsync(1));
        Assert.Equal(2, publisher.Connects);
    }

    [Fact]
    public async Task Only_the_rejected_event_of_a_batch_becomes_a_dead_letter()
    {
        var publisher = new ScriptedPublisher
        {
            Otherwise = (batch, _) => new(batch.Any(evt => evt.GetText() == "13") ? PublishResult.Rejected("unlucky") : PublishResult.Delivered),
        };
        await using var bus = EventBus.Create(o => o.Publisher("a", publisher));
        for (var i = 0; i < 100; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await bus.StopAsync();
        Assert.Equal(Enumerable.Range(0, 100).Where(i => i != 13), publisher.Delivered.Numbers());
        Assert.Equal("unlucky", Assert.Single(bus.Lanes.GetDeadLetters("a")).Reason);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_batch_that_fails_three_times_by_exception_is_bisected_down_to_the_event_that_does_it()
    {
        var publisher = new ScriptedPublisher
        {
            Otherwise = (batch, _) => batch.Any(evt => evt.GetText() == "13") ? throw new InvalidOperationException("cannot digest") : new(PublishResult.Delivered),
        };
        await using var bus = EventBus.Create(o =>
        {
            o.Options = o.Options with { Time = _clock, Seed = 1, Lane = new LaneOptions { CallTimeout = Patient, MaxAttempts = 2 } };
            o.Publisher("a", publisher);
        });
        for (var i = 0; i < 32; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await _clock.DriveAsync(publisher.WaitForEventsAsync(31));
        await _clock.DriveAsync(bus.StopAsync());
        Assert.Equal(Enumerable.Range(0, 32).Where(i => i != 13), publisher.Delivered.Numbers());
        Assert.Equal("13", Assert.Single(bus.Lanes.GetDeadLetters("a")).Event.GetText());
    }

    [Fact]
    public async Task Mixed_verdicts_are_taken_one_by_one()
    {
        var publisher = new ScriptedPublisher().Then(PublishResult.Mixed([default, new(Verdict.Rejected, "no"), new(Verdict.Retry, "later"), default]));
        await using var bus = EventBus.Create(o =>
        {
            o.Options = o.Options with { Time = _clock, Seed = 1, Lane = new LaneOptions { CallTimeout = Patient } };
            o.Publisher("a", publisher);
        });
        for (var i = 0; i < 4; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await _clock.DriveAsync(publisher.WaitForEventsAsync(3));
        await bus.StopAsync();
        Assert.Equal([0, 3, 2], publisher.Delivered.Numbers());
        Assert.Equal((3, 1), (bus.Lane("a").Delivered, bus.Lane("a").Dead));
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_publisher_that_lies_about_the_number_of_verdicts_is_asked_again()
    {
        var publisher = new ScriptedPublisher().Then(PublishResult.Mixed([default, default, default]));
        publisher.Otherwise = (_, _) => new(PublishResult.Delivered);
        await using var bus = await StartAsync(new Liar());
        bus.TryPut(Given.Event(1));
        await _clock.DriveAsync(Until(() => bus.Lane("a").Delivered == 1));
        Assert.Equal(1, bus.Lane("a").Retried);
    }

    [Fact]
    public async Task A_call_that_hangs_is_abandoned_at_its_time_out_and_a_new_instance_takes_over()
    {
        var release = new TaskCompletionSource();
        var publisher = new ScriptedPublisher().ThenHang(release.Task);
        var instances = 0;
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Time = _clock, Seed = 1 };
            o.AddIngress(new IngressDescriptor { Name = "a", NeedsProfile = false, Create = _ => { instances++; return publisher; } });
        });
        for (var i = 0; i < 3; i++)
            bus.TryPut(Given.Event(i));
        await publisher.WaitForCallsAsync(1).Soon();
        _clock.Advance(TimeSpan.FromSeconds(31));
        await Until(() => bus.Lane("a").Delivered == 3).Soon();
        Assert.Equal(2, instances);
        // The late answer changes nothing any more.
        release.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(3, bus.Lane("a").Delivered);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_publisher_that_blocks_its_thread_is_noticed_as_well_and_costs_its_neighbour_nothing()
    {
        var release = new TaskCompletionSource();
        var (bad, good) = (new ScriptedPublisher().ThenBlock(release.Task), new ScriptedPublisher());
        await using var bus = await StartAsync(bad, new LaneOptions(), good);
        bus.TryPut(Given.Event(1));
        await bad.WaitForCallsAsync(1).Soon();
        for (var i = 2; i < 1000; i++)
            bus.TryPut(Given.Event(i));
        await good.WaitForEventsAsync(999).Soon();
        _clock.Advance(TimeSpan.FromSeconds(31));
        await Until(() => bus.Lane("a").Delivered == 999).Soon();
        release.SetResult();
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task Too_many_calls_that_never_end_detach_the_lane_and_an_operator_brings_it_back()
    {
        var release = new TaskCompletionSource();
        var publisher = new ScriptedPublisher().ThenHang(release.Task).ThenHang(release.Task);
        await using var bus = await StartAsync(publisher, new LaneOptions { MaxAbandonedCalls = 1 });
        bus.TryPut(Given.Event(1));
        await publisher.WaitForCallsAsync(1).Soon();
        _clock.Advance(TimeSpan.FromSeconds(31));
        await publisher.WaitForCallsAsync(2).Soon();
        _clock.Advance(TimeSpan.FromSeconds(31));
        await Until(() => bus.Lane("a").State == LaneState.Detached).Soon();
        bus.TryPut(Given.Event(2));
        var lane = bus.Lane("a");
        Assert.Equal((2, 1, 1), (lane.Matched, lane.Queued, lane.DroppedByReason[DropReasons.Detached]));
        release.SetResult();
        Assert.Equal(1, bus.Lanes.Resume("a"));
        bus.TryPut(Given.Event(3));
        await Until(() => bus.Lane("a").Delivered == 2).Soon();
        lane = bus.Lane("a");
        Assert.Equal((3, 0, 1), (lane.Matched, lane.Queued, lane.Dropped));
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task An_event_beyond_the_maximum_age_is_given_up_at_its_next_failure()
    {
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) };
        await using var bus = await StartAsync(publisher, new LaneOptions { CallTimeout = Patient, MaxAge = TimeSpan.FromSeconds(10) });
        bus.TryPut(Given.Event(1));
        await _clock.DriveAsync(Until(() => bus.Lane("a").Dead == 1), TimeSpan.FromSeconds(1));
        Assert.Contains("down", Assert.Single(bus.Lanes.GetDeadLetters("a")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_publisher_s_own_wait_is_respected()
    {
        var publisher = new ScriptedPublisher().Then(PublishResult.Retry("429", TimeSpan.FromMinutes(10)));
        await using var bus = await StartAsync(publisher);
        bus.TryPut(Given.Event(1));
        await _clock.WaitForTimersAsync(2).Soon();
        _clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(1, publisher.Calls);
        await _clock.DriveAsync(publisher.WaitForEventsAsync(1), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Dead_letters_are_bounded_counted_and_replayed_with_the_same_id()
    {
        var reject = true;
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(reject ? PublishResult.Rejected("no") : PublishResult.Delivered) };
        await using var bus = await StartAsync(publisher, new LaneOptions { DeadLetters = 2, BatchEvents = 1 });
        for (var i = 0; i < 3; i++)
            await bus.PutAsync(Given.Event(i), Receipt.Delivered());
        var letters = bus.Lanes.GetDeadLetters("a");
        Assert.Equal(["1", "2"], letters.Select(letter => letter.Event.GetText()));
        Assert.Equal(3, bus.Lane("a").Dead);
        reject = false;
        Assert.Equal(1, bus.Lanes.ReplayDeadLetters("a", letter => letter.Event.GetText() == "2"));
        await publisher.WaitForEventsAsync(1).Soon();
        await bus.StopAsync();
        var again = Assert.Single(publisher.Delivered);
        Assert.Equal(letters[1].Event.Id, again.Id);
        var lane = bus.Lane("a");
        Assert.Equal((3, 2, 1, 0), (lane.Matched, lane.Dead, lane.Delivered, lane.Queued));
    }

    [Fact]
    public async Task A_replayed_event_goes_to_its_own_lane_only()
    {
        var reject = true;
        var (a, b) = (new ScriptedPublisher { Otherwise = (_, _) => new(reject ? PublishResult.Rejected("no") : PublishResult.Delivered) }, new ScriptedPublisher());
        await using var bus = await StartAsync(a, neighbour: b);
        await bus.PutAsync(Given.Event(1), Receipt.Delivered());
        reject = false;
        bus.Lanes.ReplayDeadLetters("a");
        await a.WaitForEventsAsync(1).Soon();
        await bus.PutAsync(Given.Event(2), Receipt.Delivered());
        Assert.Equal([1, 2], a.Delivered.Numbers());
        Assert.Equal([1, 2], b.Delivered.Numbers());
        Assert.Equal(2, bus.GetStatus().Accepted);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_stop_ends_at_its_deadline_and_says_what_is_left()
    {
        var publisher = new ScriptedPublisher().ThenHang(new TaskCompletionSource().Task);
        await using var bus = await StartAsync(publisher);
        var put = bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask();
        bus.TryPut(Given.Event(2));
        await publisher.WaitForCallsAsync(1).Soon();
        var status = await bus.StopAsync(TimeSpan.Zero).Soon();
        Assert.Equal(2, status.Lanes[0].Queued);
        Assert.Equal(PutOutcome.Abandoned, (await put.Soon()).Outcome);
    }

    private static async Task Until(Func<bool> reached)
    {
        while (!reached())
            await Task.Yield();
    }

    private sealed class Liar : IPublisher
    {
        private int _calls;

        public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) =>
            new(_calls++ == 0 ? PublishResult.Mixed([default, default]) : PublishResult.Delivered);

        public ValueTask DisposeAsync() => throw new InvalidOperationException("also throws from dispose");
    }
}
