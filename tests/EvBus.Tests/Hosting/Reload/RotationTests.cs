using EvBus.Testing;
using Microsoft.Extensions.Logging;
using static EvBus.Tests.Hosting.Reload.ChangingProfiles;

namespace EvBus.Tests.Hosting.Reload;

/// <summary>A profile's values change while its lane runs.</summary>
public class RotationTests
{
    [Fact]
    public async Task The_new_publisher_is_connected_before_the_old_one_is_closed_and_nothing_is_lost_or_sent_twice()
    {
        await using var bed = new Bed(Profile("a", "1"));
        var closedAtConnect = -1;
        bed["2"].OnConnect(_ =>
        {
            closedAtConnect = bed["1"].Disposals;
            return ValueTask.CompletedTask;
        });
        await bed.StartAsync();
        bed.Put(0, 100);
        await bed["1"].WaitForEventsAsync(100).Soon();
        await bed.ChangeAsync(Profile("a", "2"));
        bed.Put(100, 100);
        await bed.UntilAsync(() => bed["1"].Disposals == 1);
        bed.Put(200, 100);
        await bed.Bus.StopAsync().Soon();
        Assert.Equal(0, closedAtConnect);
        Assert.Equal(Enumerable.Range(0, 300), bed["1"].Delivered.Concat(bed["2"].Delivered).Numbers());
        Assert.Equal((1, 1, 1, 1), (bed["1"].Connects, bed["1"].Disposals, bed["2"].Connects, bed["2"].Disposals));
        var lane = bed.Bus.Lane("mine/a");
        Assert.Equal((300, 300, 0), (lane.Matched, lane.Delivered, lane.Retried));
    }

    [Fact]
    public async Task The_window_moves_when_all_that_is_under_way_has_its_answer()
    {
        var acknowledge = new TaskCompletionSource();
        await using var bed = new Bed(Profile("a", "1")) { ["1"] = new ScriptedWindowedPublisher(), ["2"] = new ScriptedWindowedPublisher() };
        bed["1"].ThenHang(acknowledge.Task).ThenHang(acknowledge.Task);
        var connected = new TaskCompletionSource();
        bed["2"].OnConnect(_ =>
        {
            connected.SetResult();
            return ValueTask.CompletedTask;
        });
        await bed.StartAsync(lane: new LaneOptions { BatchEvents = 1, CallTimeout = TimeSpan.FromDays(1) });
        bed.Put(0, 2);
        await bed["1"].WaitForCallsAsync(2).Soon();
        await bed.ChangeAsync(Profile("a", "2"));
        await connected.Task.Soon();
        bed.Put(2, 3);
        Assert.Equal((0, 0), (bed["2"].Calls, bed["1"].Disposals));
        acknowledge.SetResult();
        await bed["2"].WaitForEventsAsync(3).Soon();
        await bed.UntilAsync(() => bed["1"].Disposals == 1);
        Assert.Equal([0, 1], bed["1"].Delivered.Numbers().Order());
        Assert.Equal([2, 3, 4], bed["2"].Delivered.Numbers());
    }

    [Fact]
    public async Task The_old_one_goes_on_while_the_new_one_cannot_connect_which_is_seen_in_the_status_and_said_once()
    {
        await using var bed = new Bed(Profile("a", "1"));
        for (var i = 0; i < 5; i++)
            bed["2"].OnConnect(_ => throw new EvBusException("refused by the other side"));
        var mended = new TaskCompletionSource();
        bed["2"].OnConnect(async _ => await mended.Task);
        await bed.StartAsync();
        await bed.ChangeAsync(Profile("a", "2"));
        await bed.UntilAsync(() => bed["2"].Connects == 6);
        bed.Put(0, 10);
        await bed["1"].WaitForEventsAsync(10).Soon();
        var lane = bed.Bus.Lane("mine/a");
        Assert.Equal(LaneState.Flowing, lane.State);
        Assert.Contains("the old one goes on: refused by the other side", lane.Trouble, StringComparison.Ordinal);
        Assert.Single(bed.Lines(LogLevel.Warning), line => line.Contains("refused by the other side", StringComparison.Ordinal));
        // Each that failed was closed: only the sixth is still being made.
        await bed.UntilAsync(() => bed["2"].Disposals == 5);
        mended.SetResult();
        await bed.UntilAsync(() => bed["1"].Disposals == 1);
        bed.Put(10, 10);
        await bed["2"].WaitForEventsAsync(10).Soon();
        Assert.Null(bed.Bus.Lane("mine/a").Trouble);
    }

    [Fact]
    public async Task A_lane_that_waits_to_connect_goes_straight_to_its_new_profile()
    {
        await using var bed = new Bed(Profile("a", "1"));
        bed["1"].OnConnect(_ => throw new EvBusException("wrong password"));
        await bed.StartAsync(lane: new LaneOptions { RetryInitial = TimeSpan.FromHours(1), RetryMax = TimeSpan.FromHours(1) });
        bed.Put(0, 10);
        await bed.UntilAsync(() => bed.Bus.Lane("mine/a").Trouble == "wrong password");
        await bed.ChangeAsync(Profile("a", "2"));
        await bed["2"].WaitForEventsAsync(10).Soon();
        await bed.UntilAsync(() => bed.Bus.Lane("mine/a") is { State: LaneState.Flowing, Trouble: null });
        Assert.Equal(1, bed["1"].Connects);
    }

    [Fact]
    public async Task A_connection_attempt_that_hangs_is_cut_short_by_the_new_profile()
    {
        await using var bed = new Bed(Profile("a", "1"));
        var hanging = new TaskCompletionSource();
        bed["1"].OnConnect(async cancellationToken =>
        {
            hanging.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        });
        await bed.StartAsync();
        bed.Put(0, 10);
        await hanging.Task.Soon();
        await bed.ChangeAsync(Profile("a", "2"));
        await bed["2"].WaitForEventsAsync(10).Soon();
        Assert.Empty(bed.Lines(LogLevel.Warning));
    }

    [Fact]
    public async Task A_call_that_never_ends_does_not_keep_the_new_profile_out()
    {
        var never = new TaskCompletionSource();
        await using var bed = new Bed(Profile("a", "1"));
        bed["1"].ThenHang(never.Task);
        await bed.StartAsync(lane: new LaneOptions());
        bed.Put(0, 10);
        await bed["1"].WaitForCallsAsync(1).Soon();
        await bed.ChangeAsync(Profile("a", "2"));
        var delivered = bed["2"].WaitForEventsAsync(10);
        await bed.UntilAsync(() => delivered.IsCompleted);
        Assert.Equal(Enumerable.Range(0, 10), bed["2"].Delivered.Numbers());
        never.SetResult();
        await bed.UntilAsync(() => bed["1"].Disposals == 1);
    }

    [Fact]
    public async Task A_new_publisher_that_hangs_is_tried_again_after_the_time_out_and_closed_when_it_ends()
    {
        var hang = new TaskCompletionSource();
        await using var bed = new Bed(Profile("a", "1"));
        bed["2"].OnConnect(async _ => await hang.Task);
        await bed.StartAsync(lane: new LaneOptions());
        await bed.ChangeAsync(Profile("a", "2"));
        await bed.UntilAsync(() => bed["1"].Disposals == 1);
        Assert.Equal((2, 0), (bed["2"].Connects, bed["2"].Disposals));
        Assert.Single(bed.Lines(LogLevel.Warning), line => line.Contains("did not connect within", StringComparison.Ordinal));
        hang.SetResult();
        await bed.UntilAsync(() => bed["2"].Disposals == 1);
    }

    [Fact]
    public async Task The_last_of_several_changes_wins_and_what_came_between_is_closed()
    {
        await using var bed = new Bed(Profile("a", "1"));
        var hanging = new TaskCompletionSource();
        bed["2"].OnConnect(async cancellationToken =>
        {
            hanging.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        });
        await bed.StartAsync();
        await bed.ChangeAsync(Profile("a", "2"));
        await hanging.Task.Soon();
        await bed.ChangeAsync(Profile("a", "3"));
        await bed.UntilAsync(() => bed["1"].Disposals == 1 && bed["2"].Disposals == 1);
        bed.Put(0, 10);
        await bed["3"].WaitForEventsAsync(10).Soon();
        Assert.Empty(bed["2"].Delivered);
    }

    [Fact]
    public async Task An_exclusive_destination_has_one_instance_at_a_time()
    {
        await using var bed = new Bed(Profile("a", "1"));
        var closedAtConnect = -1;
        bed["2"].OnConnect(_ =>
        {
            closedAtConnect = bed["1"].Disposals;
            return ValueTask.CompletedTask;
        });
        await bed.StartAsync(isExclusive: true);
        bed.Put(0, 10);
        await bed["1"].WaitForEventsAsync(10).Soon();
        await bed.ChangeAsync(Profile("a", "2"));
        bed.Put(10, 10);
        await bed.UntilAsync(() => bed["1"].Delivered.Count + bed["2"].Delivered.Count == 20);
        Assert.Equal(1, closedAtConnect);
        Assert.Equal(Enumerable.Range(0, 20), bed["1"].Delivered.Concat(bed["2"].Delivered).Numbers());
    }

    [Fact]
    public async Task A_paused_lane_changes_too_and_stays_paused()
    {
        await using var bed = new Bed(Profile("a", "1"));
        await bed.StartAsync();
        await bed.UntilAsync(() => bed["1"].Connects == 1);
        bed.Bus.Lanes.Pause("mine/a");
        bed.Put(0, 10);
        await bed.ChangeAsync(Profile("a", "2"));
        await bed.UntilAsync(() => bed["1"].Disposals == 1);
        Assert.Equal((LaneState.Paused, 10), (bed.Bus.Lane("mine/a").State, bed.Bus.Lane("mine/a").Queued));
        bed.Bus.Lanes.Resume("mine/a");
        await bed["2"].WaitForEventsAsync(10).Soon();
    }

    [Fact]
    public async Task Neither_the_old_nor_the_new_publisher_gets_a_password_into_the_log_or_the_status()
    {
        static Profile Secret(string version) =>
            new("mine", "a", new Dictionary<string, object?> { ["v"] = version, ["password"] = $"hunter-number-{version}" });
        await using var bed = new Bed(Secret("1")) { ["1"] = new Talker("hunter-number-1"), ["2"] = new Talker("hunter-number-2") };
        bed["2"].OnConnect(_ => throw new EvBusException("hunter-number-2 is wrong"));
        await bed.StartAsync();
        await bed.ChangeAsync(Secret("2"));
        await bed.UntilAsync(() => bed.Bus.Lane("mine/a").Trouble is not null || bed["1"].Disposals == 1);
        Assert.DoesNotContain("hunter", bed.Bus.Lane("mine/a").Trouble ?? "", StringComparison.Ordinal);
        await bed.UntilAsync(() => bed.Lines(LogLevel.Warning).Count(line => line.Contains("while it was disposed", StringComparison.Ordinal)) == 2);
        Assert.DoesNotContain(Enum.GetValues<LogLevel>().SelectMany(bed.Lines), line => line.Contains("hunter", StringComparison.Ordinal));
    }

    private sealed class Talker(string password) : ScriptedPublisher, IPublisher
    {
        async ValueTask IAsyncDisposable.DisposeAsync()
        {
            await DisposeAsync();
            throw new EvBusException($"closing the connection of {password} failed");
        }
    }

    [Fact]
    public async Task A_stop_in_the_midst_of_a_change_closes_both()
    {
        await using var bed = new Bed(Profile("a", "1"));
        var hanging = new TaskCompletionSource();
        bed["2"].OnConnect(async cancellationToken =>
        {
            hanging.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        });
        await bed.StartAsync();
        await bed.ChangeAsync(Profile("a", "2"));
        await hanging.Task.Soon();
        bed.Put(0, 10);
        await bed.Bus.StopAsync().Soon();
        Assert.Equal(10, bed["1"].Delivered.Count);
        Assert.Equal((1, 1), (bed["1"].Disposals, bed["2"].Disposals));
    }
}
