using EvBus.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using static EvBus.Tests.Hosting.Reload.ChangingProfiles;

namespace EvBus.Tests.Hosting.Reload;

/// <summary>What makes the bus read its profiles again, and what it makes of them.</summary>
public class ReloadTests
{
    [Fact]
    public async Task A_new_profile_is_a_new_lane_from_now_on()
    {
        await using var bed = await new Bed(Profile("a", "a")).StartAsync();
        bed.Put(0, 10);
        await bed["a"].WaitForEventsAsync(10).Soon();
        await bed.ChangeAsync(Profile("a", "a"), Profile("b", "b"));
        bed.Put(10, 10);
        await bed["b"].WaitForEventsAsync(10).Soon();
        Assert.Equal(Enumerable.Range(10, 10), bed["b"].Delivered.Numbers());
        Assert.Equal((1, 0), (bed["a"].Connects, bed["a"].Disposals));
    }

    [Fact]
    public async Task A_profile_that_was_renamed_leaves_no_gap()
    {
        await using var bed = await new Bed(Profile("a", "a")).StartAsync();
        using var over = new CancellationTokenSource();
        var putting = Task.Run(async () =>
        {
            for (var i = 0; !over.IsCancellationRequested; i++)
            {
                await bed.Bus.PutAsync(Given.Event(i));
                await Task.Yield();
            }
        });
        await bed.ChangeAsync(Profile("b", "b"));
        await over.CancelAsync();
        await putting.Soon();
        Assert.Equal(0, bed.Bus.GetStatus().Unmatched);
    }

    [Fact]
    public async Task A_source_that_cannot_be_read_changes_nothing_and_is_said_once()
    {
        await using var bed = await new Bed(Profile("a", "1")).StartAsync();
        bed.Source.OnLoad = _ => throw new EvBusException("the file is half written");
        for (var loads = bed.Source.Loads + 1; loads < 4; loads++)
        {
            bed.Source.Change(Profile("a", "2"));
            await bed.UntilAsync(() => bed.Source.Loads == loads);
        }
        bed.Put(0, 10);
        await bed["1"].WaitForEventsAsync(10).Soon();
        Assert.Single(bed.Lines(LogLevel.Error), line => line.Contains("the file is half written", StringComparison.Ordinal));
        bed.Source.OnLoad = null;
        await bed.ChangeAsync(Profile("a", "2"));
        await bed.UntilAsync(() => bed["1"].Disposals == 1);
    }

    [Fact]
    public async Task A_source_that_fails_in_its_own_way_shows_no_secret()
    {
        await using var bed = await new Bed(Profile("a", "1")).StartAsync();
        bed.Source.OnLoad = _ => throw new FormatException("line 3: password: hunter2");
        bed.Source.Signal();
        await bed.UntilAsync(() => bed.Lines(LogLevel.Error).Any());
        var line = Assert.Single(bed.Lines(LogLevel.Error));
        Assert.Contains("FormatException", line, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plan_with_an_error_changes_nothing_at_all()
    {
        await using var bed = await new Bed(Profile("a", "1")).StartAsync();
        bed.Source.Change(Profile("a", "2"), Profile("b", "invalid"), Profile("c", "c"));
        await bed.UntilAsync(() => bed.Lines(LogLevel.Error).Any());
        Assert.Contains("mine/b: v is invalid", Assert.Single(bed.Lines(LogLevel.Error)), StringComparison.Ordinal);
        Assert.Equal(["mine/a"], bed.Bus.Lanes.Ids);
        bed.Put(0, 10);
        await bed["1"].WaitForEventsAsync(10).Soon();
        Assert.Equal(0, bed["2"].Connects);
    }

    [Fact]
    public async Task A_lane_that_would_be_for_another_profile_is_refused_by_name()
    {
        await using var bed = await new Bed(Profile("a", "1", lane: "kept")).StartAsync();
        bed.Source.Change(Profile("b", "1", lane: "kept"));
        await bed.UntilAsync(() => bed.Lines(LogLevel.Error).Any());
        Assert.Contains("'mine/kept' would change from profile 'a' to 'b'", bed.Lines(LogLevel.Error).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lanes_that_code_added_are_left_alone()
    {
        await using var bed = await new Bed(Profile("a", "a")).StartAsync();
        var own = new ScriptedPublisher();
        await bed.Bus.Lanes.AddAsync(new LaneDefinition { Id = "mine/own", CreatePublisher = _ => new(own) });
        await bed.ChangeAsync(Profile("a", "2"));
        bed.Put(0, 10);
        await own.WaitForEventsAsync(10).Soon();
        Assert.Equal((1, 0), (own.Connects, own.Disposals));
        bed.Source.Change(Profile("a", "2"), Profile("own", "own"));
        await bed.UntilAsync(() => bed.Lines(LogLevel.Error).Any());
        Assert.Contains("'mine/own' already, added by code", bed.Lines(LogLevel.Error).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lane_removed_by_hand_stays_away()
    {
        await using var bed = await new Bed(Profile("a", "a"), Profile("b", "b")).StartAsync();
        await bed.Bus.Lanes.RemoveAsync("mine/a");
        await bed.ChangeAsync(Profile("a", "2"), Profile("b", "2"));
        Assert.Equal(["mine/b"], bed.Bus.Lanes.Ids);
    }

    [Fact]
    public async Task Signals_that_come_together_or_while_a_reload_runs_make_one_more()
    {
        await using var bed = await new Bed(Profile("a", "a")).StartAsync();
        var reading = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        bed.Source.OnLoad = async _ =>
        {
            reading.TrySetResult();
            await go.Task;
        };
        for (var i = 0; i < 50; i++)
            bed.Source.Signal();
        await bed.UntilAsync(() => reading.Task.IsCompleted);
        for (var i = 0; i < 50; i++)
            bed.Source.Signal();
        go.SetResult();
        await bed.UntilAsync(() => bed.Reloads == 2);
        // Had there been more, they would have come before this one.
        await bed.ChangeAsync(Profile("a", "2"));
        Assert.Equal((4, 3), (bed.Source.Loads, bed.Reloads));
    }

    [Fact]
    public async Task A_change_during_the_start_is_not_missed()
    {
        await using var bed = new Bed(Profile("a", "1"));
        var first = true;
        bed.Source.OnLoad = async _ =>
        {
            if (!first)
                return;
            first = false;
            await Task.Yield();
            bed.Source.Signal();
        };
        await bed.StartAsync();
        await bed.UntilAsync(() => bed.Reloads == 1);
        Assert.Equal(2, bed.Source.Loads);
    }

    [Fact]
    public async Task A_stop_ends_the_watching_even_while_a_source_hangs()
    {
        await using var bed = await new Bed(Profile("a", "1")).StartAsync();
        var reading = new TaskCompletionSource();
        bed.Source.OnLoad = async _ =>
        {
            reading.SetResult();
            await new TaskCompletionSource().Task;
        };
        Assert.Equal(1, bed.Source.Watches);
        bed.Source.Change(Profile("a", "2"));
        await bed.UntilAsync(() => reading.Task.IsCompleted);
        await bed.Bus.StopAsync().Soon();
        Assert.Equal(0, bed.Source.Watches);
    }

    [Fact]
    public async Task Profiles_of_a_configuration_are_followed_when_it_is_reloaded()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("P:mine:a:v", "1")]).Build();
        await using var bed = new Bed();
        await bed.StartAsync(more: o => o.AddProfiles(configuration.GetSection("P")));
        bed.Put(0, 1);
        await bed["1"].WaitForEventsAsync(1).Soon();
        configuration["P:mine:a:v"] = "2";
        configuration.Reload();
        await bed.UntilAsync(() => bed["1"].Disposals == 1);
        bed.Put(1, 1);
        await bed["2"].WaitForEventsAsync(1).Soon();
    }

    [Fact]
    public async Task Profiles_read_again_without_a_change_touch_nothing()
    {
        await using var bed = await new Bed(Profile("a", "1")).StartAsync();
        await bed.ChangeAsync(Profile("a", "1"));
        bed.Put(0, 1);
        await bed["1"].WaitForEventsAsync(1).Soon();
        Assert.Equal((1, 0), (bed["1"].Connects, bed["1"].Disposals));
    }
}
