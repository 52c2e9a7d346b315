using EvBus.Testing;

namespace EvBus.Tests.Journal;

/// <summary>What happens when there is no room.</summary>
public class LimitTests
{
    private static readonly TimeSpan Patient = TimeSpan.FromDays(1);

    private readonly FakeClock _clock = new();

    private Task<EventBus> StartAsync(BusOptions options, params (string Name, IPublisher Publisher, LaneOptions? Lane)[] lanes) => EventBus.StartAsync(o =>
    {
        o.Options = options with { Time = _clock, Seed = 1, Lane = options.Lane with { CallTimeout = Patient } };
        foreach (var (name, publisher, lane) in lanes)
            o.Publisher(name, publisher, lane: lane is null ? null : lane with { CallTimeout = Patient });
    });

    [Fact]
    public async Task The_door_blocks_while_a_flowing_lane_is_full_and_lets_in_one_after_the_other()
    {
        var release = new TaskCompletionSource();
        var publisher = new ScriptedPublisher().ThenHang(release.Task);
        await using var bus = await StartAsync(new BusOptions { MaxEvents = 3 }, ("a", publisher, null));
        for (var i = 0; i < 3; i++)
            Assert.True(bus.TryPut(Given.Event(i)).IsAccepted);
        Assert.Equal(RefusalReason.Full, bus.TryPut(Given.Event(99)).Refusal);
        var waiting = Enumerable.Range(3, 5).Select(i => bus.PutAsync(Given.Event(i)).AsTask()).ToArray();
        Assert.All(waiting, put => Assert.False(put.IsCompleted));
        // Nobody overtakes those who wait.
        Assert.Equal(RefusalReason.Full, bus.TryPut(Given.Event(98)).Refusal);
        release.SetResult();
        await Task.WhenAll(waiting).Soon();
        await bus.StopAsync().Soon();
        Assert.Equal(Enumerable.Range(0, 8), publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_put_that_waits_may_be_cancelled_and_accepts_nothing()
    {
        var release = new TaskCompletionSource();
        var publisher = new ScriptedPublisher().ThenHang(release.Task);
        await using var bus = await StartAsync(new BusOptions { MaxEvents = 1 }, ("a", publisher, null));
        bus.TryPut(Given.Event(0));
        using var cancel = new CancellationTokenSource();
        var waiting = bus.PutAsync(Given.Event(1), cancellationToken: cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting).Soon();
        release.SetResult();
        Assert.True((await bus.PutAsync(Given.Event(2))).IsAccepted);
        await bus.StopAsync().Soon();
        Assert.Equal([0, 2], publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_put_waits_no_longer_than_the_door_s_time_out()
    {
        var publisher = new ScriptedPublisher().ThenHang(new TaskCompletionSource().Task);
        await using var bus = await StartAsync(new BusOptions { MaxEvents = 1, DoorTimeout = TimeSpan.FromSeconds(5), StopTimeout = TimeSpan.Zero }, ("a", publisher, null));
        bus.TryPut(Given.Event(0));
        await publisher.WaitForCallsAsync(1).Soon();
        var waiting = bus.PutAsync(Given.Event(1)).AsTask();
        await _clock.WaitForTimersAsync(2).Soon();
        _clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(RefusalReason.TimedOut, (await waiting.Soon()).Refusal);
        Assert.Equal(1, bus.GetStatus().Refused[RefusalReason.TimedOut]);
    }

    [Fact]
    public async Task A_door_that_rejects_does_not_wait()
    {
        var publisher = new ScriptedPublisher().ThenHang(new TaskCompletionSource().Task);
        await using var bus = await StartAsync(new BusOptions { MaxEvents = 1, WhenFull = DoorPolicy.Reject, StopTimeout = TimeSpan.Zero }, ("a", publisher, null));
        bus.TryPut(Given.Event(0));
        Assert.Equal(RefusalReason.Full, (await bus.PutAsync(Given.Event(1)).AsTask().Soon()).Refusal);
    }

    [Fact]
    public async Task A_door_that_drops_the_newest_counts_them_apart()
    {
        var publisher = new ScriptedPublisher().ThenHang(new TaskCompletionSource().Task);
        await using var bus = await StartAsync(new BusOptions { MaxEvents = 1, WhenFull = DoorPolicy.DropNewest, StopTimeout = TimeSpan.Zero }, ("a", publisher, null));
        bus.TryPut(Given.Event(0));
        Assert.Equal(RefusalReason.DroppedNewest, (await bus.PutAsync(Given.Event(1)).AsTask().Soon()).Refusal);
        Assert.Equal(1, bus.GetStatus().Refused[RefusalReason.DroppedNewest]);
    }

    [Fact]
    public async Task Those_who_wait_at_the_stop_are_refused()
    {
        var publisher = new ScriptedPublisher().ThenHang(new TaskCompletionSource().Task);
        await using var bus = await StartAsync(new BusOptions { MaxEvents = 1 }, ("a", publisher, null));
        bus.TryPut(Given.Event(0));
        var waiting = bus.PutAsync(Given.Event(1)).AsTask();
        await bus.StopAsync(TimeSpan.Zero).Soon();
        Assert.Equal(RefusalReason.Stopped, (await waiting.Soon()).Refusal);
    }

    [Fact]
    public async Task The_bound_on_bytes_holds_as_well()
    {
        var publisher = new ScriptedPublisher().ThenHang(new TaskCompletionSource().Task);
        await using var bus = await StartAsync(new BusOptions { MaxBytes = 64 << 10, WhenFull = DoorPolicy.Reject, StopTimeout = TimeSpan.Zero }, ("a", publisher, null));
        var accepted = 0;
        while (bus.TryPut(new byte[1000], default).IsAccepted)
            accepted++;
        Assert.Equal((64 << 10) / 1040, accepted);
    }

    [Fact]
    public async Task In_a_full_memory_journal_a_lane_that_does_not_flow_loses_its_oldest_and_nobody_waits()
    {
        var (dead, good) = (new ScriptedPublisher().OnConnect(_ => throw new EvBusException("down")), new ScriptedPublisher());
        for (var i = 0; i < 20; i++)
            dead.OnConnect(_ => throw new EvBusException("down"));
        await using var bus = await StartAsync(new BusOptions { MaxEvents = 100 }, ("dead", dead, null), ("good", good, null));
        await dead_tried();
        for (var i = 0; i < 1000; i++)
            await bus.PutAsync(Given.Event(i), Receipt.Delivered("good")).AsTask().Soon();
        Assert.Equal(Enumerable.Range(0, 1000), good.Delivered.Numbers());
        var lane = bus.Lane("dead");
        Assert.Equal((1000, 0), (lane.Matched, lane.Delivered));
        Assert.InRange(lane.Queued, 1, 100);
        Assert.Equal(1000 - lane.Queued, lane.DroppedByReason[DropReasons.Overflow]);
        await _clock.DriveAsync(dead.WaitForEventsAsync((int)lane.Queued), TimeSpan.FromSeconds(30));
        // What it kept is the newest, and in order.
        Assert.Equal(Enumerable.Range(1000 - (int)lane.Queued, (int)lane.Queued), dead.Delivered.Numbers());
        bus.GetStatus().AssertBalanced();

        async Task dead_tried()
        {
            while (bus.Lane("dead").State != LaneState.Retrying)
                await Task.Yield();
        }
    }

    [Theory]
    [InlineData(LimitPolicy.DropOldest)]
    [InlineData(LimitPolicy.DeadLetter)]
    [InlineData(LimitPolicy.Detach)]
    [InlineData(LimitPolicy.Block)]
    public async Task At_a_lane_s_own_limit_its_policy_decides(LimitPolicy policy)
    {
        var release = new TaskCompletionSource();
        var slow = new ScriptedPublisher().ThenHang(release.Task);
        var good = new ScriptedPublisher();
        await using var bus = await StartAsync(new BusOptions(), ("slow", slow, new LaneOptions { LimitEvents = 5, OnLimit = policy, BatchEvents = 1 }), ("good", good, null));
        bus.TryPut(Given.Event(0));
        await slow.WaitForCallsAsync(1).Soon();
        var receipt = bus.PutAsync(Given.Event(1), Receipt.Delivered("slow")).AsTask();
        var accepted = 2;
        for (var i = 2; i < 10; i++)
            accepted += bus.TryPut(Given.Event(i)).IsAccepted ? 1 : 0;
        var lane = bus.Lane("slow");
        switch (policy)
        {
            case LimitPolicy.Block:
                Assert.Equal((5, 5, 0), (accepted, lane.Queued, lane.Dropped));
                break;
            case LimitPolicy.DropOldest:
                Assert.Equal((10, 5, 5), (accepted, lane.Queued, lane.DroppedByReason[DropReasons.LaneLimit]));
                Assert.Equal((PutOutcome.Dropped, DropReasons.LaneLimit), ((await receipt.Soon()).Outcome, (await receipt).Reason));
                break;
            case LimitPolicy.DeadLetter:
                Assert.Equal((10, 5, 5), (accepted, lane.Queued, lane.Dead));
                Assert.Equal(PutOutcome.DeadLettered, (await receipt.Soon()).Outcome);
                Assert.Equal([1, 2, 3, 4, 5], bus.Lanes.GetDeadLetters("slow").Select(letter => letter.Event).Numbers());
                break;
            default:
                Assert.Equal((10, LaneState.Detached, 5, 5), (accepted, lane.State, lane.Queued, lane.DroppedByReason[DropReasons.Detached]));
                break;
        }
        bus.GetStatus().AssertBalanced();
        release.SetResult();
        await bus.StopAsync().Soon();
        Assert.Equal(Enumerable.Range(0, accepted), good.Delivered.Numbers());
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task Events_older_than_a_lane_s_limit_on_age_expire_unread()
    {
        var release = new TaskCompletionSource();
        var slow = new ScriptedPublisher().ThenHang(release.Task);
        await using var bus = await StartAsync(new BusOptions(), ("slow", slow, new LaneOptions { LimitAge = TimeSpan.FromMinutes(1), OnLimit = LimitPolicy.DropOldest, BatchEvents = 1 }));
        bus.TryPut(Given.Event(0));
        await slow.WaitForCallsAsync(1).Soon();
        bus.TryPut(Given.Event(1));
        _clock.Advance(TimeSpan.FromMinutes(2));
        bus.TryPut(Given.Event(2));
        Assert.Equal(1, bus.Lane("slow").DroppedByReason[DropReasons.Expired]);
        release.SetResult();
        await slow.WaitForEventsAsync(2).Soon();
        Assert.Equal([0, 2], slow.Delivered.Numbers());
    }

    [Fact]
    public async Task A_paused_lane_keeps_what_comes_and_goes_on_where_it_stopped()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await StartAsync(new BusOptions(), ("x/a", publisher, null), ("y", new ScriptedPublisher(), null));
        await bus.PutAsync(Given.Event(0), Receipt.Delivered());
        Assert.Equal(1, bus.Lanes.Pause("x/*"));
        await bus.PutAsync(Given.Event(1), Receipt.Delivered("y"));
        Assert.Equal((LaneState.Paused, 1), (bus.Lane("x/a").State, bus.Lane("x/a").Queued));
        bus.Lanes.Resume("x/a");
        await publisher.WaitForEventsAsync(2).Soon();
        Assert.Equal([0, 1], publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_lane_that_appears_later_starts_at_now_and_one_that_goes_is_forgotten()
    {
        var (late, oldest) = (new ScriptedPublisher(), new ScriptedPublisher());
        await using var bus = await StartAsync(new BusOptions(), ("a", new ScriptedPublisher(), null), ("stuck", new ScriptedPublisher().ThenHangUntilCancelled(), null));
        await bus.PutAsync(Given.Event(0), Receipt.Delivered("a"));
        await bus.Lanes.AddAsync(new LaneDefinition { Id = "late", CreatePublisher = _ => new(late) });
        await bus.Lanes.AddAsync(new LaneDefinition { Id = "oldest", CreatePublisher = _ => new(oldest), Options = new LaneOptions { Start = LaneStart.Oldest } });
        await bus.PutAsync(Given.Event(1), Receipt.Delivered("late"));
        await oldest.WaitForEventsAsync(2).Soon();
        Assert.Equal([1], late.Delivered.Numbers());
        Assert.Equal([0, 1], oldest.Delivered.Numbers());
        Assert.Equal(2, bus.Lane("oldest").Matched);
        Assert.True(await bus.Lanes.RemoveAsync("stuck"));
        Assert.False(await bus.Lanes.RemoveAsync("stuck"));
        Assert.Equal(["a", "late", "oldest"], bus.Lanes.Ids);
        await Assert.ThrowsAsync<ArgumentException>(async () => await bus.Lanes.AddAsync(new LaneDefinition { Id = "late", CreatePublisher = _ => new(late) }));
    }

    [Fact]
    public async Task Memory_is_not_used_again_while_a_batch_may_still_be_read()
    {
        // Released memory is filled with 0xDD; whoever reads it after its time shows.
        var wrong = 0;
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.PoisonReleasedMemory = true;
            o.Options = o.Options with { MaxBytes = 1 << 20 };
            for (var lane = 0; lane < 3; lane++)
            {
                o.Publisher($"lane{lane}", new ScriptedPublisher
                {
                    Otherwise = async (batch, _) =>
                    {
                        await Task.Yield();
                        foreach (var evt in batch)
                            wrong += evt.Body.Span.ContainsAnyExcept((byte)7) ? 1 : 0;
                        return PublishResult.Delivered;
                    },
                });
            }
        });
        var body = new byte[1000];
        body.AsSpan().Fill(7);
        for (var i = 0; i < 20_000; i++)
            await bus.PutAsync(new BusEvent(body));
        await bus.StopAsync().Soon();
        Assert.Equal(0, wrong);
        Assert.All(bus.GetStatus().Lanes, lane => Assert.Equal(20_000, lane.Delivered));
    }

    [Fact]
    public async Task An_event_that_a_delegate_keeps_is_its_own_when_the_memory_behind_it_is_used_again()
    {
        var kept = new List<BusEvent>();
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.PoisonReleasedMemory = true;
            o.Options = o.Options with { MaxBytes = 1 << 20 };
            o.AddIngress("keeps", (evt, _) =>
            {
                kept.Add(evt);
                return ValueTask.CompletedTask;
            });
        });
        for (var i = 0; i < 20_000; i++)
        {
            var body = new byte[1000];
            body.AsSpan().Fill((byte)i);
            await bus.PutAsync(new BusEvent(body, new EventAttributes { Subject = $"s{i}" }));
        }
        await bus.StopAsync().Soon();
        Assert.Equal(20_000, kept.Count);
        Assert.All(kept, static (evt, i) =>
        {
            Assert.False(evt.Body.Span.ContainsAnyExcept((byte)i), $"event {i}");
            Assert.Equal($"s{i}", evt.Attributes.Subject);
        });
    }

    [Fact]
    public async Task A_view_kept_beyond_its_batch_throws()
    {
        EventView kept = default;
        var publisher = new ScriptedPublisher { Otherwise = (batch, _) => { kept = batch[0]; return new(PublishResult.Delivered); } };
        await using var bus = await StartAsync(new BusOptions(), ("a", publisher, null));
        await bus.PutAsync(Given.Event(1), Receipt.Delivered());
        await bus.StopAsync().Soon();
        Assert.Throws<ObjectDisposedException>(() => kept.Body);
        Assert.Equal("1", publisher.Delivered[0].GetText());
    }
}
