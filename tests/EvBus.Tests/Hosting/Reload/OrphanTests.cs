using EvBus.Hosting;
using EvBus.Testing;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using static EvBus.Tests.Hosting.Reload.ChangingProfiles;

namespace EvBus.Tests.Hosting.Reload;

/// <summary>A profile goes away while its lane runs.</summary>
public class OrphanTests
{
    /// <summary>A bed whose lane <c>mine/a</c> is an orphan with the events 0 to 9 queued; <c>mine/b</c> flows.</summary>
    private static async Task<Bed> WithOrphanAsync(BusOptions? options = null)
    {
        var bed = new Bed(Profile("a", "a"), Profile("b", "b"));
        await bed.StartAsync(options);
        await bed.UntilAsync(() => bed["a"].Connects == 1);
        bed.Bus.Lanes.Pause("mine/a");
        bed.Put(0, 10);
        await bed["b"].WaitForEventsAsync(10).Soon();
        await bed.ChangeAsync(Profile("b", "b"));
        bed.Bus.Lanes.Resume("mine/a");
        await bed.UntilAsync(() => bed["a"].Disposals == 1);
        return bed;
    }

    [Fact]
    public async Task A_lane_whose_profile_is_gone_keeps_what_it_has_and_gets_nothing_more()
    {
        await using var bed = await WithOrphanAsync();
        var before = bed.Bus.Lane("mine/a");
        bed.Put(10, 10);
        await bed["b"].WaitForEventsAsync(20).Soon();
        var lane = bed.Bus.Lane("mine/a");
        Assert.Equal((LaneState.Orphaned, 10, 10), (lane.State, lane.Matched, lane.Queued));
        Assert.Equal(before.Cursor, lane.Cursor);
        Assert.Empty(bed["a"].Delivered);
        bed.Bus.GetStatus().AssertBalanced();
        Assert.Single(bed.Lines(LogLevel.Warning), line => line.Contains("mine/a is an orphan", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_event_for_the_profile_that_is_gone_is_unmatched()
    {
        await using var bed = await WithOrphanAsync();
        var put = await bed.Bus.PutAsync(Given.Event(10, "a"), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(PutOutcome.Unmatched, put.Outcome);
        Assert.Equal(1, bed.Bus.GetStatus().Unmatched);
    }

    [Fact]
    public async Task When_the_profile_comes_back_the_lane_goes_on_with_what_was_queued_and_then_from_now()
    {
        await using var bed = await WithOrphanAsync();
        bed.Put(10, 5000);
        await bed["b"].WaitForEventsAsync(5010).Soon();
        await bed.ChangeAsync(Profile("a", "anew"), Profile("b", "b"));
        bed.Put(5010, 10);
        await bed["anew"].WaitForEventsAsync(20).Soon();
        await bed.Bus.StopAsync().Soon();
        Assert.Equal([.. Enumerable.Range(0, 10), .. Enumerable.Range(5010, 10)], bed["anew"].Delivered.Numbers());
        var lane = bed.Bus.Lane("mine/a");
        Assert.Equal((20, 20, 0), (lane.Matched, lane.Delivered, lane.Dropped));
    }

    /// <summary>What a kill at this moment would leave.</summary>
    private static BusOptions CopyOf(string folder)
    {
        var copy = Directory.CreateDirectory($"{folder}-copy").FullName;
        foreach (var file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock"))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using var from = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var to = File.Create(target);
            from.CopyTo(to);
        }
        return new BusOptions { Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = copy } };
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_kill_an_orphan_is_still_one_and_a_lane_whose_profile_came_back_has_lost_nothing(bool isBack)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-orphan-");
        try
        {
            await using var bed = await WithOrphanAsync(new BusOptions { StopTimeout = TimeSpan.Zero, Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = folder.FullName } });
            bed.Put(10, 10);
            await bed["b"].WaitForEventsAsync(20).Soon();
            if (isBack)
            {
                // It cannot connect, so nothing is settled after its return.
                bed["anew"].OnConnect(cancellationToken => new(Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken)));
                await bed.ChangeAsync(Profile("a", "anew"), Profile("b", "b"));
            }
            for (var i = 20; i < 25; i++)
                await bed.Bus.PutAsync(Given.Event(i), Receipt.Durable);
            await using var next = new Bed(Profile("a", "a"), Profile("b", "b"));
            await next.StartAsync(CopyOf(folder.FullName));
            int[] expected = isBack ? [.. Enumerable.Range(0, 10), .. Enumerable.Range(20, 5), 99] : [.. Enumerable.Range(0, 10), 99];
            next.Put(99, 1);
            await next["a"].WaitForEventsAsync(expected.Length).Soon();
            await next.Bus.StopAsync().Soon();
            Assert.Equal(expected, next["a"].Delivered.Numbers());
            Assert.Equal((expected.Length, expected.Length, 0), (next.Bus.Lane("mine/a").Matched, next.Bus.Lane("mine/a").Delivered, next.Bus.Lane("mine/a").Dropped));
        }
        finally
        {
            folder.Delete(recursive: true);
            Directory.Delete($"{folder.FullName}-copy", recursive: true);
        }
    }

    [Fact]
    public async Task With_a_journal_on_disk_it_is_the_same()
    {
        var folder = Directory.CreateTempSubdirectory("evbus-orphan-");
        try
        {
            await using var bed = await WithOrphanAsync(new BusOptions { Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = folder.FullName } });
            bed.Put(10, 5000);
            await bed["b"].WaitForEventsAsync(5010).Soon();
            Assert.Equal((LaneState.Orphaned, 10, 10, 0), (bed.Bus.Lane("mine/a").State, bed.Bus.Lane("mine/a").Matched, bed.Bus.Lane("mine/a").Queued, bed.Bus.Lane("mine/a").Dropped));
            await bed.ChangeAsync(Profile("a", "anew"), Profile("b", "b"));
            bed.Put(5010, 10);
            await bed["anew"].WaitForEventsAsync(20).Soon();
            await bed.Bus.StopAsync().Soon();
            Assert.Equal([.. Enumerable.Range(0, 10), .. Enumerable.Range(5010, 10)], bed["anew"].Delivered.Numbers());
            Assert.Equal((20, 20, 0), (bed.Bus.Lane("mine/a").Matched, bed.Bus.Lane("mine/a").Delivered, bed.Bus.Lane("mine/a").Dropped));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task What_was_under_way_gets_its_answer_before_the_publisher_is_closed()
    {
        var release = new TaskCompletionSource();
        await using var bed = new Bed(Profile("a", "a"));
        bed["a"].ThenHang(release.Task);
        await bed.StartAsync();
        bed.Put(0, 5);
        await bed["a"].WaitForCallsAsync(1).Soon();
        bed.Put(5, 5);
        await bed.ChangeAsync();
        Assert.Equal(0, bed["a"].Disposals);
        release.SetResult();
        await bed.UntilAsync(() => bed["a"].Disposals == 1);
        var (lane, delivered) = (bed.Bus.Lane("mine/a"), bed["a"].Delivered.Count);
        Assert.Equal((LaneState.Orphaned, 10, 10), (lane.State, lane.Matched, lane.Delivered + lane.Queued));
        Assert.Equal(delivered, lane.Delivered);
        await bed.ChangeAsync(Profile("a", "a"));
        await bed["a"].WaitForEventsAsync(10).Soon();
        Assert.Equal(Enumerable.Range(0, 10), bed["a"].Delivered.Numbers());
    }

    [Fact]
    public async Task A_profile_that_is_back_before_the_last_call_has_ended_connects_anew()
    {
        var release = new TaskCompletionSource();
        await using var bed = new Bed(Profile("a", "a"));
        bed["a"].ThenHang(release.Task);
        await bed.StartAsync();
        bed.Put(0, 5);
        await bed["a"].WaitForCallsAsync(1).Soon();
        await bed.ChangeAsync();
        await bed.ChangeAsync(Profile("a", "anew"));
        bed.Put(5, 5);
        release.SetResult();
        await bed.UntilAsync(() => bed["a"].Delivered.Count + bed["anew"].Delivered.Count == 10);
        Assert.Equal(Enumerable.Range(0, 10), bed["a"].Delivered.Concat(bed["anew"].Delivered).Numbers());
        await bed.UntilAsync(() => bed["a"].Disposals == 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task However_many_gaps_there_are_in_what_is_queued_the_lane_reads_on(bool isOnDisk)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-orphan-");
        try
        {
            var journal = isOnDisk ? new JournalOptions { Mode = JournalMode.Disk, Directory = folder.FullName } : new JournalOptions();
            await using var bed = await new Bed(Profile("a", "a")).StartAsync(new BusOptions { Journal = journal });
            var lane = ((LaneTable)bed.Bus.Lanes).Find("mine/a")!;
            lane.Pause();
            var definition = new LaneDefinition { Id = "mine/a", CreatePublisher = _ => new(bed["a"]) };
            for (var i = 0; i < 1200; i++)
            {
                bed.Put(i, 1);
                lane.Orphan();
                bed.Put(-1, 1);
                lane.Adopt(definition);
            }
            lane.Resume();
            await bed["a"].WaitForEventsAsync(1200).Soon();
            Assert.Equal(Enumerable.Range(0, 1200), bed["a"].Delivered.Numbers());
            bed.Bus.GetStatus().AssertBalanced();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_orphan_is_released_after_its_retention_and_what_it_had_is_dropped_by_name()
    {
        await using var bed = new Bed(Profile("a", "a"), Profile("b", "b"));
        await bed.StartAsync();
        bed.Bus.Lanes.Pause("mine/a");
        var awaited = bed.Bus.PutAsync(Given.Event(0), Receipt.Delivered("mine/a")).AsTask();
        await bed.ChangeAsync(Profile("b", "b"));
        bed.Clock.Advance(TimeSpan.FromDays(7) - TimeSpan.FromMinutes(1));
        Assert.Equal(1, bed.Bus.Lane("mine/a").Queued);
        Assert.False(awaited.IsCompleted);
        bed.Clock.Advance(TimeSpan.FromMinutes(1));
        var put = await awaited.Soon();
        Assert.Equal((PutOutcome.Dropped, DropReasons.Orphaned), (put.Outcome, put.Reason));
        Assert.Equal(["mine/b"], bed.Bus.Lanes.Ids);
        await bed.UntilAsync(() => bed.Lines(LogLevel.Error).Any(line => line.Contains("mine/a", StringComparison.Ordinal) && line.Contains("1 events are dropped (orphaned)", StringComparison.Ordinal)));
        // A profile of that name is a new one from now on.
        await bed.ChangeAsync(Profile("a", "a"), Profile("b", "b"));
        bed.Put(1, 1);
        await bed["a"].WaitForEventsAsync(1).Soon();
        Assert.Equal([1], bed["a"].Delivered.Numbers());
    }

    [Fact]
    public async Task A_profile_that_came_back_in_time_is_not_released_later()
    {
        await using var bed = await WithOrphanAsync();
        await bed.ChangeAsync(Profile("a", "a"), Profile("b", "b"));
        await bed["a"].WaitForEventsAsync(10).Soon();
        bed.Clock.Advance(TimeSpan.FromDays(8));
        Assert.Equal(["mine/a", "mine/b"], bed.Bus.Lanes.Ids);
    }

    [Fact]
    public async Task An_orphan_can_be_released_by_hand()
    {
        await using var bed = await WithOrphanAsync();
        Assert.True(await bed.Bus.Lanes.RemoveAsync("mine/a"));
        Assert.Equal(["mine/b"], bed.Bus.Lanes.Ids);
        bed.Clock.Advance(TimeSpan.FromDays(8));
        await bed.ChangeAsync(Profile("a", "anew"), Profile("b", "b"));
        Assert.Equal(0, bed.Bus.Lane("mine/a").Matched);
    }

    [Fact]
    public async Task An_orphan_does_not_hold_up_a_stop_and_is_in_the_last_ledger()
    {
        await using var bed = await WithOrphanAsync(new BusOptions { StopTimeout = TimeSpan.FromHours(20) });
        var status = await bed.Bus.StopAsync().Soon();
        Assert.Equal((LaneState.Orphaned, 10), (status.Lanes[0].State, status.Lanes[0].Queued));
        status.AssertBalanced();
    }

    [Fact]
    public async Task An_orphan_whose_last_call_never_ends_does_not_hold_up_a_stop_either()
    {
        await using var bed = new Bed(Profile("a", "a"));
        bed["a"].ThenHangUntilCancelled();
        await bed.StartAsync(new BusOptions { StopTimeout = TimeSpan.FromHours(20) });
        bed.Put(0, 5);
        await bed["a"].WaitForCallsAsync(1).Soon();
        await bed.ChangeAsync();
        var status = await bed.Bus.StopAsync().Soon();
        Assert.Equal(5, status.Lanes[0].Queued);
        Assert.Equal(1, bed["a"].Disposals);
    }

    [Fact]
    public async Task What_orphans_keep_gives_way_when_memory_runs_short_and_nothing_is_refused()
    {
        await using var bed = await WithOrphanAsync(new BusOptions { MaxEvents = 15 });
        var release = new TaskCompletionSource();
        bed["b"].ThenHang(release.Task);
        bed.Put(10, 1);
        await bed["b"].WaitForCallsAsync(2).Soon();
        bed.Put(11, 14);
        var lane = bed.Bus.Lane("mine/a");
        Assert.Equal(0, lane.Queued);
        Assert.Equal(10, lane.DroppedByReason[DropReasons.Overflow]);
        Assert.Equal(RefusalReason.Full, bed.Bus.TryPut(Given.Event(99)).Refusal);
        release.SetResult();
        await bed["b"].WaitForEventsAsync(25).Soon();
        bed.Bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task An_orphan_with_events_is_a_hint_to_health_and_no_more()
    {
        await using var bed = await WithOrphanAsync();
        var health = await new EvBusHealthCheck(bed.Bus).CheckHealthAsync(new HealthCheckContext());
        Assert.Equal(HealthStatus.Degraded, health.Status);
        Assert.Contains("mine/a", health.Description, StringComparison.Ordinal);
        await bed.Bus.Lanes.RemoveAsync("mine/a");
        Assert.Equal(HealthStatus.Healthy, (await new EvBusHealthCheck(bed.Bus).CheckHealthAsync(new HealthCheckContext())).Status);
    }

    [Fact]
    public async Task Pausing_resuming_and_replaying_leave_an_orphan_as_it_is()
    {
        await using var bed = new Bed(Profile("a", "a"));
        bed["a"].Then(PublishResult.Rejected("no"));
        await bed.StartAsync();
        bed.Put(0, 1);
        await bed.UntilAsync(() => bed.Bus.Lane("mine/a").Dead == 1);
        await bed.ChangeAsync();
        bed.Bus.Lanes.Pause("*");
        bed.Bus.Lanes.Resume("*");
        Assert.Equal(0, bed.Bus.Lanes.ReplayDeadLetters("mine/a"));
        Assert.Equal((LaneState.Orphaned, 1), (bed.Bus.Lane("mine/a").State, bed.Bus.Lane("mine/a").Dead));
        await bed.ChangeAsync(Profile("a", "a"));
        Assert.Equal(1, bed.Bus.Lanes.ReplayDeadLetters("mine/a"));
        await bed["a"].WaitForEventsAsync(1).Soon();
    }
}
