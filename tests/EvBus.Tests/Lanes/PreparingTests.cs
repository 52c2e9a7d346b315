using EvBus.Testing;

namespace EvBus.Tests.Lanes;

/// <summary>A publisher that prepares the next batch while one is under way; two events make a batch.</summary>
public class PreparingTests
{
    private readonly FakeClock _clock = new();
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string> _sent = [];
    private readonly ScriptedPreparingPublisher _publisher;

    public PreparingTests()
    {
        _publisher = new ScriptedPreparingPublisher { Otherwise = (batch, _) => new(Note(batch, PublishResult.Delivered)) };
    }

    private static LaneOptions Lane => new() { BatchEvents = 2, CallTimeout = TimeSpan.FromDays(1) };

    private PublishResult Note(EventBatch batch, PublishResult result)
    {
        lock (_sent)
            _sent.Add(string.Join(' ', batch.Select(evt => evt.GetText())));
        return result;
    }

    private IReadOnlyList<string> Sent
    {
        get
        {
            lock (_sent)
                return [.. _sent];
        }
    }

    /// <summary>The next answer comes when the gate opens.</summary>
    private void ThenAtTheGate(Func<PublishResult> answer) => _publisher.Then(async (batch, _) =>
    {
        Note(batch, PublishResult.Delivered);
        await _gate.Task;
        return answer();
    });

    /// <summary>The first batch is being sent and the second one is ready.</summary>
    private async Task<EventBus> StartAsync(int events, LaneOptions? lane = null)
    {
        var bus = EventBus.Create(o =>
        {
            o.Options = o.Options with { Time = _clock, Seed = 1 };
            o.Publisher("a", _publisher, lane: lane ?? Lane);
        });
        for (var i = 0; i < events; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await _publisher.WaitForPreparationsAsync(2).Soon();
        return bus;
    }

    [Fact]
    public async Task The_next_batch_is_prepared_while_one_is_under_way_and_sent_when_that_is_delivered()
    {
        ThenAtTheGate(() => PublishResult.Delivered);
        await using var bus = await StartAsync(7);
        Assert.Equal((1, 2, 7L), (_publisher.Calls, _publisher.Preparations, bus.Lane("a").Queued));
        _gate.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1", "2 3", "4 5", "6"], Sent);
        Assert.Equal((4, 7, 0), (_publisher.Preparations, bus.Lane("a").Delivered, bus.Lane("a").Retried));
    }

    [Theory]
    [InlineData("retry", LaneOrdering.Window, "0 1")]
    [InlineData("retry", LaneOrdering.Strict, "0 1")]
    [InlineData("throw", LaneOrdering.Window, "0 1")]
    [InlineData("mixed", LaneOrdering.Window, "1")]
    [InlineData("disconnected", LaneOrdering.Window, "0 1")]
    [InlineData("disconnected", LaneOrdering.Strict, "0 1")]
    public async Task Nothing_behind_a_failure_is_sent_before_it_and_what_was_ready_counts_as_never_tried(string failure, LaneOrdering ordering, string again)
    {
        ThenAtTheGate(() => failure switch
        {
            "retry" => PublishResult.Retry("busy"),
            "mixed" => PublishResult.Mixed([default, new EventVerdict(Verdict.Retry, "busy")]),
            "disconnected" => PublishResult.Disconnected("gone"),
            _ => throw new InvalidOperationException("oops"),
        });
        await using var bus = await StartAsync(6, Lane with { Ordering = ordering });
        _gate.SetResult();
        await _clock.DriveAsync(_publisher.WaitForEventsAsync(6));
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1", again, "2 3", "4 5"], Sent);
        Assert.Equal(Enumerable.Range(0, 6), _publisher.Delivered.Numbers());
        Assert.Equal((again.Split(' ').Length, 0), (bus.Lane("a").Retried, bus.Lane("a").Dead));
        Assert.Equal(failure == "disconnected" ? 2 : 1, _publisher.Connects);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_rejected_batch_is_halved_before_what_was_ready_behind_it()
    {
        ThenAtTheGate(() => PublishResult.Rejected("one of them"));
        _publisher.Then((batch, _) => new(Note(batch, PublishResult.Delivered))).Then((batch, _) => new(Note(batch, PublishResult.Rejected("this one"))));
        await using var bus = await StartAsync(6);
        _gate.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1", "0", "1", "2 3", "4 5"], Sent);
        Assert.Equal((5, 1, 2), (bus.Lane("a").Delivered, bus.Lane("a").Dead, bus.Lane("a").Retried));
        Assert.Equal("1", Assert.Single(bus.Lanes.GetDeadLetters("a")).Event.GetText());
    }

    [Fact]
    public async Task A_pause_lets_the_batch_under_way_end_and_keeps_the_one_that_is_ready()
    {
        ThenAtTheGate(() => PublishResult.Delivered);
        await using var bus = await StartAsync(6);
        bus.Lanes.Pause("a");
        _gate.SetResult();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 4);
        bus.GetStatus().AssertBalanced();
        Assert.Equal(["0 1"], Sent);
        bus.Lanes.Resume("a");
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1", "2 3", "4 5"], Sent);
        Assert.Equal(0, bus.Lane("a").Retried);
    }

    [Fact]
    public async Task A_stop_that_waits_for_nobody_leaves_what_is_ready_queued()
    {
        ThenAtTheGate(() => PublishResult.Delivered);
        await using var bus = await StartAsync(6);
        var status = await bus.StopAsync(TimeSpan.Zero).Soon();
        _gate.SetResult();
        Assert.Equal(6, status.Lanes[0].Queued);
        status.AssertBalanced();
        Assert.Equal(["0 1"], Sent);
    }

    [Fact]
    public async Task A_stop_waits_a_moment_for_the_call_under_way_and_believes_it()
    {
        _publisher.Then(async (batch, cancellationToken) =>
        {
            var stopped = new TaskCompletionSource();
            await using (cancellationToken.Register(stopped.SetResult))
                await stopped.Task;
            return Note(batch, PublishResult.Delivered);
        });
        await using var bus = await StartAsync(6);
        var status = await bus.StopAsync(TimeSpan.Zero).Soon();
        Assert.Equal((2, 4, 1), (status.Lanes[0].Delivered, status.Lanes[0].Queued, _publisher.Disposals));
        Assert.Equal(["0 1"], Sent);
    }

    [Fact]
    public async Task A_send_that_hangs_is_given_up_at_its_time_out_and_all_is_sent_again_in_order()
    {
        ThenAtTheGate(() => PublishResult.Delivered);
        await using var bus = await StartAsync(6, new LaneOptions { BatchEvents = 2 });
        _clock.Advance(TimeSpan.FromSeconds(31));
        await _publisher.WaitForEventsAsync(6).Soon();
        await Given.UntilAsync(() => bus.Lane("a").Queued == 0);
        // The late answer changes nothing any more.
        _gate.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1", "0 1", "2 3", "4 5"], Sent);
        Assert.Equal((6, 2), (bus.Lane("a").Delivered, bus.Lane("a").Retried));
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_publisher_that_blocks_while_it_prepares_is_given_up_as_well()
    {
        var blocked = 0;
        _publisher.OnPrepare = batch =>
        {
            if (batch[0].GetText() == "2" && Interlocked.Increment(ref blocked) == 1)
                ((IAsyncResult)_gate.Task).AsyncWaitHandle.WaitOne();
        };
        ThenAtTheGate(() => PublishResult.Delivered);
        await using var bus = await StartAsync(6, new LaneOptions { BatchEvents = 2 });
        _clock.Advance(TimeSpan.FromSeconds(31));
        await Given.UntilAsync(() => bus.Lane("a").Delivered == 6);
        _gate.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1", "0 1", "2 3", "4 5"], Sent);
        // The blocked instance is closed by itself, when it is free.
        await Given.UntilAsync(() => _publisher.Disposals == 2);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task What_cannot_be_prepared_is_a_dead_letter_when_its_turn_comes()
    {
        _publisher.OnPrepare = batch =>
        {
            if (batch.Any(evt => evt.GetText() == "3"))
                throw new RejectEventException("three");
        };
        ThenAtTheGate(() => PublishResult.Delivered);
        await using var bus = await StartAsync(6);
        Assert.Equal(0, bus.Lane("a").Dead);
        _gate.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1", "2", "4 5"], Sent);
        Assert.Equal(("3", "three"), (bus.Lanes.GetDeadLetters("a")[0].Event.GetText(), bus.Lanes.GetDeadLetters("a")[0].Reason));
    }

    [Fact]
    public async Task A_batch_that_is_not_full_is_left_to_grow_until_its_turn()
    {
        ThenAtTheGate(() => PublishResult.Delivered);
        await using var bus = EventBus.Create(o => o.Publisher("a", _publisher, lane: Lane with { BatchEvents = 3 }));
        for (var i = 0; i < 5; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await _publisher.WaitForCallsAsync(1).Soon();
        bus.TryPut(Given.Event(5));
        _gate.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1 2", "3 4 5"], Sent);
    }

    [Fact]
    public async Task A_receipt_waits_for_no_further_event()
    {
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", _publisher, lane: Lane));
        for (var i = 0; i < 5; i++)
            Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask().Soon()).Outcome);
        Assert.Equal(["0", "1", "2", "3", "4"], Sent);
    }

    [Fact]
    public async Task A_lane_rewound_with_a_batch_ready_gets_everything_again_in_order()
    {
        ThenAtTheGate(() => PublishResult.Delivered);
        var away = new ScriptedPublisher().ThenHangUntilCancelled();
        await using var bus = EventBus.Create(o => o.Publisher("a", _publisher, lane: Lane).Publisher("b", away));
        for (var i = 0; i < 6; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await _publisher.WaitForPreparationsAsync(2).Soon();
        var rewound = bus.Lanes.RewindAsync("a", LanePlace.Oldest).AsTask();
        _gate.SetResult();
        Assert.Equal(2, await rewound.Soon());
        await _publisher.WaitForEventsAsync(8).Soon();
        Assert.Equal(["0 1", "0 1", "2 3", "4 5"], Sent);
        bus.GetStatus().AssertBalanced();
        await bus.StopAsync(TimeSpan.Zero).Soon();
    }

    [Fact]
    public async Task Behind_a_decorator_it_is_called_as_any_publisher()
    {
        var seen = 0;
        await using var bus = EventBus.Create(o => o.Publisher("a", _publisher, lane: Lane).Decorate((_, batch, next, cancellationToken) =>
        {
            seen += batch.Count;
            return next(batch, cancellationToken);
        }));
        for (var i = 0; i < 6; i++)
            bus.TryPut(Given.Event(i));
        await bus.StartAsync();
        await bus.StopAsync().Soon();
        Assert.Equal(["0 1", "2 3", "4 5"], Sent);
        Assert.Equal((6, 0), (seen, _publisher.Preparations));
    }
}
