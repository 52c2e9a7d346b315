using EvBus.Testing;
using EvBus.Tools.Cli.Commands;

namespace EvBus.Cli.Tests;

/// <summary>Commands that change a lane: rewind, lanes forget.</summary>
public sealed class RewindTests : IDisposable
{
    private readonly CliRun _run = new();

    public void Dispose() => _run.Dispose();

    private async Task FillAsync(int count = 30)
    {
        var fast = new ScriptedPublisher();
        await using var bus = _run.Bus(("fast", null, fast), ("slow", "x*", CliRun.Down()));
        await bus.StartAsync();
        await CliRun.PutAsync(bus, count);
        await fast.WaitForEventsAsync(count).WaitAsync(CliRun.Patience);
        await bus.StopAsync(TimeSpan.Zero);
    }

    private LaneStats Lane(string name) => StatsCommand.Measure(_run.Journal).Lanes.Single(lane => lane.Lane == name);

    [Theory]
    [InlineData("oldest", 30)]
    [InlineData("25", 5)]
    [InlineData("2001-01-01T00:00:00Z", 30)]
    [InlineData("now", 0)]
    public async Task A_rewound_lane_gets_again_what_comes_from_there_on_and_the_ledger_balances(string to, int expected)
    {
        await FillAsync();
        var (code, json) = await _run.JsonAsync("rewind", "--lane", "fast", "--to", to, "--yes");
        Assert.Equal((0, expected, expected), (code, json.GetProperty("queued").GetInt32(), json.GetProperty("again").GetInt32()));
        var lane = Lane("fast");
        Assert.Equal((30L, 30L - expected, expected, true), (lane.Matched, lane.Delivered, lane.Queued, lane.Balances));
        Assert.Equal(0, (await _run.RunAsync("journal", "check", _run.Journal)).Code);

        var fast = new ScriptedPublisher();
        await using var bus = _run.Bus(("fast", null, fast), ("slow", "x*", CliRun.Down()));
        await bus.StartAsync();
        await fast.WaitForEventsAsync(expected).WaitAsync(CliRun.Patience);
        var status = (await bus.StopAsync(TimeSpan.FromMilliseconds(1))).Lanes.Single(each => each.Id == "fast");
        Assert.Equal((30L, 30L, 0L), (status.Matched, status.Delivered, status.Queued));
        Assert.Equal(expected, fast.Delivered.Count);
    }

    [Fact]
    public async Task A_lane_set_forward_skips_what_it_had_queued_and_counts_it()
    {
        await FillAsync();
        var (_, json) = await _run.JsonAsync("rewind", "--lane", "slow", "--to", "now", "--yes");
        Assert.Equal(20, json.GetProperty("skipped").GetInt32());
        var lane = Lane("slow");
        Assert.Equal((20L, 20L, 0L, true), (lane.Matched, lane.Dropped["skipped"], lane.Queued, lane.Balances));
    }

    [Fact]
    public async Task A_rewind_to_the_middle_and_back_keeps_every_event_once_in_the_ledger()
    {
        await FillAsync();
        foreach (var to in new[] { "7", "oldest", "now", "12", "29", "0" })
        {
            await _run.JsonAsync("rewind", "--lane", "slow", "--to", to, "--yes");
            Assert.True(Lane("slow").Balances);
        }
        Assert.Equal(20, Lane("slow").Queued);
    }

    [Fact]
    public async Task A_rewind_beyond_what_is_kept_is_refused_with_the_oldest_there_is()
    {
        // Several files; "fast" alone, so that those it is through with go.
        var fast = new ScriptedPublisher();
        await using (var bus = _run.Bus(("fast", null, fast)))
        {
            await bus.StartAsync();
            for (var i = 0; i < 4; i++)
            {
                await CliRun.PutAsync(bus, 100, i);
                await fast.WaitForEventsAsync((i + 1) * 100).WaitAsync(CliRun.Patience);
            }
            await CliRun.UntilAsync(() => StatsCommand.Measure(_run.Journal).FirstSequence > 0);
            fast.Otherwise = (_, _) => new(PublishResult.Retry("down"));
            await CliRun.PutAsync(bus, 5);
            await bus.StopAsync(TimeSpan.Zero);
        }
        var first = StatsCommand.Measure(_run.Journal).FirstSequence;
        foreach (var to in new[] { "0", "2001-01-01" })
        {
            var (code, _, error) = await _run.RunAsync("journal", "rewind", _run.Journal, "--lane", "fast", "--to", to, "--yes");
            Assert.Equal(2, code);
            Assert.Contains($"before event {first}, accepted at 20", error, StringComparison.Ordinal);
        }
        var beyond = await _run.RunAsync("journal", "rewind", _run.Journal, "--lane", "fast", "--to", "99999");
        Assert.Equal(2, beyond.Code);
        Assert.Contains("ends before event 405", beyond.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lanes_are_listed_and_a_forgotten_one_is_gone()
    {
        await FillAsync();
        var (_, listed) = await _run.JsonAsync("lanes list");
        Assert.Equal(["fast 0", "slow 20"], listed.EnumerateArray().Select(lane => $"{lane.GetProperty("lane").GetString()} {lane.GetProperty("queued").GetInt32()}"));
        var (code, json) = await _run.JsonAsync("lanes forget", "slow", "--yes");
        Assert.Equal((0, 20), (code, json.GetProperty("given_up").GetInt32()));
        Assert.Equal(["fast"], StatsCommand.Measure(_run.Journal).Lanes.Select(lane => lane.Lane));
        var again = await _run.RunAsync("journal", "lanes", "forget", _run.Journal, "slow", "--yes");
        Assert.Equal(2, again.Code);
        Assert.Contains("no lane 'slow'. It has 'fast'", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lane_that_nobody_asked_for_any_more_is_shown_as_an_orphan_with_what_it_keeps()
    {
        await FillAsync();
        await using (var bus = _run.Bus(("fast", null, new ScriptedPublisher())))
        {
            await bus.StartAsync();
            await CliRun.PutAsync(bus, 3);
            await bus.StopAsync();
        }
        var (_, json) = await _run.JsonAsync("lanes list");
        var slow = json.EnumerateArray().Single(lane => lane.GetProperty("lane").GetString() == "slow");
        Assert.Equal(("orphan", 20), (slow.GetProperty("state").GetString(), slow.GetProperty("queued").GetInt32()));
        Assert.StartsWith("20", slow.GetProperty("orphaned_since").GetString(), StringComparison.Ordinal);
        Assert.True(StatsCommand.Measure(_run.Journal).Balances);
        Assert.Equal(0, (await _run.RunAsync("journal", "check", _run.Journal)).Code);
    }

    [Theory]
    [InlineData("rewind", "--lane", "slow", "--to", "now", "--yes")]
    [InlineData("lanes forget", "slow", "--yes")]
    public async Task A_live_journal_is_not_changed(string command, params string[] more)
    {
        await using var bus = _run.Bus(("slow", null, CliRun.Down()));
        await bus.StartAsync();
        var (code, _, error) = await _run.RunAsync(["journal", .. command.Split(' '), _run.Journal, .. more]);
        Assert.Equal(2, code);
        Assert.Contains("is in use by", error, StringComparison.Ordinal);
        await bus.StopAsync(TimeSpan.Zero);
    }
}
