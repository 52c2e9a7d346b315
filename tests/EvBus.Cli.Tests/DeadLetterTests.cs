using EvBus.Testing;
using EvBus.Tools.Cli.Commands;

namespace EvBus.Cli.Tests;

/// <summary>Dead letters on disk: list, show, replay, purge, and what check and repair make of them when they are damaged.</summary>
public sealed class DeadLetterTests : IDisposable
{
    private readonly CliRun _run = new();

    public void Dispose() => _run.Dispose();

    private string File => Path.Combine(_run.Journal, "dead", "picky.dead");

    /// <summary>Every third event is rejected.</summary>
    private async Task FillAsync(int count = 15)
    {
        var picky = new ScriptedPublisher
        {
            Otherwise = (batch, _) => new(PublishResult.Mixed([.. batch.Select(evt => evt.Profile is null ? new EventVerdict(Verdict.Rejected, "not wanted") : new EventVerdict(Verdict.Delivered))])),
        };
        await using var bus = _run.Bus(("picky", null, picky));
        await bus.StartAsync();
        await CliRun.PutAsync(bus, count);
        await CliRun.UntilAsync(() => bus.GetStatus().Lanes.Single() is { Queued: 0 } lane && lane.Delivered + lane.Dead == count);
        await bus.StopAsync();
    }

    [Fact]
    public async Task They_are_listed_and_shown_with_reason_attempts_and_event()
    {
        await FillAsync();
        var (code, json) = await _run.JsonAsync("dead list");
        Assert.Equal((0, 5), (code, json.GetArrayLength()));
        Assert.Equal(("picky", 1, "not wanted", 1), (json[0].GetProperty("lane").GetString(), json[0].GetProperty("number").GetInt32(), json[0].GetProperty("reason").GetString(), json[0].GetProperty("attempts").GetInt32()));
        var (_, shown) = await _run.JsonAsync("dead show", "--lane", "picky", "2");
        Assert.Equal(3, shown.GetProperty("event").GetProperty("data").GetProperty("n").GetInt32());
        Assert.Equal(json[1].GetProperty("id").GetString(), shown.GetProperty("event").GetProperty("id").GetString());
        var (_, words, _) = await _run.RunAsync("journal", "dead", "show", _run.Journal, "--lane", "picky", "2");
        Assert.Contains("not wanted", words, StringComparison.Ordinal);
        Assert.Equal(0, (await _run.RunAsync("journal", "check", _run.Journal)).Code);
    }

    [Fact]
    public async Task Those_replayed_come_again_with_their_ids_and_the_ledger_balances()
    {
        await FillAsync();
        var (_, listed) = await _run.JsonAsync("dead list");
        var (code, json) = await _run.JsonAsync("dead replay", "--lane", "picky", "2", "4");
        Assert.Equal((0, 2, 3), (code, json.GetProperty("letters").GetInt32(), json.GetProperty("left").GetInt32()));
        var lane = StatsCommand.Measure(_run.Journal).Lanes.Single();
        Assert.Equal((15L, 10L, 3L, 2L, true), (lane.Matched, lane.Delivered, lane.Dead, lane.Queued, lane.Balances));
        Assert.Equal(0, (await _run.RunAsync("journal", "check", _run.Journal)).Code);
        Assert.Equal([1UL, 3, 5], (await _run.JsonAsync("dead list")).Json.EnumerateArray().Select(letter => letter.GetProperty("number").GetUInt64()));

        var kind = new ScriptedPublisher();
        await using var bus = _run.Bus(("picky", null, kind));
        await bus.StartAsync();
        await kind.WaitForEventsAsync(2).WaitAsync(CliRun.Patience);
        var status = (await bus.StopAsync()).Lanes.Single();
        Assert.Equal((15L, 12L, 3L, 0L), (status.Matched, status.Delivered, status.Dead, status.Queued));
        Assert.Equal([listed[1].GetProperty("id").GetString(), listed[3].GetProperty("id").GetString()], kind.Delivered.Select(evt => evt.Id));
    }

    [Fact]
    public async Task Those_purged_are_gone_and_stay_counted_as_dead()
    {
        await FillAsync();
        await _run.JsonAsync("dead purge", "--lane", "picky", "1", "--yes");
        Assert.Equal(4, (await _run.JsonAsync("dead list", "--lane", "picky")).Json.GetArrayLength());
        var (_, json) = await _run.JsonAsync("dead purge", "--lane", "picky", "--all", "--yes");
        Assert.Equal((4, 0), (json.GetProperty("letters").GetInt32(), json.GetProperty("left").GetInt32()));
        Assert.Equal((5L, true), (StatsCommand.Measure(_run.Journal).Lanes.Single().Dead, StatsCommand.Measure(_run.Journal).Balances));
    }

    [Theory]
    [InlineData("Name the numbers", "dead purge", "--lane", "picky")]
    [InlineData("contradict", "dead replay", "--lane", "picky", "--all", "1")]
    [InlineData("no dead letter 99", "dead replay", "--lane", "picky", "99")]
    [InlineData("no dead letter 99", "dead show", "--lane", "picky", "99")]
    [InlineData("no lane 'ghost'", "dead list", "--lane", "ghost")]
    [InlineData("--help", "dead show", "--lane", "picky", "one")]
    public async Task Wrong_use_is_one_clear_line(string expected, string command, params string[] more)
    {
        await FillAsync(3);
        var (code, output, error) = await _run.RunAsync(["journal", .. command.Split(' '), _run.Journal, .. more]);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Equal(1, error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("dead purge")]
    [InlineData("dead replay")]
    public async Task A_live_journal_is_not_changed(string command)
    {
        await FillAsync();
        await using var bus = _run.Bus(("picky", null, CliRun.Down()));
        await bus.StartAsync();
        var (code, _, error) = await _run.RunAsync(["journal", .. command.Split(' '), _run.Journal, "--lane", "picky", "--all"]);
        Assert.Equal(2, code);
        Assert.Contains("is in use by", error, StringComparison.Ordinal);
        Assert.Equal(5, (await _run.JsonAsync("dead list")).Json.GetArrayLength());
        await bus.StopAsync(TimeSpan.Zero);
    }

    [Theory]
    [InlineData(3, 5)]
    [InlineData(40, 4)]
    [InlineData(-10, 4)]
    public async Task A_damaged_file_is_found_and_repaired_and_only_the_damaged_letter_is_lost(int at, int left)
    {
        await FillAsync();
        var bytes = System.IO.File.ReadAllBytes(File);
        bytes[at < 0 ? bytes.Length + at : at] ^= 4;
        System.IO.File.WriteAllBytes(File, bytes);
        var (code, check) = await _run.JsonAsync("check");
        Assert.Equal((1, "dead/picky.dead"), (code, check.GetProperty("findings")[0].GetProperty("file").GetString()));
        if (at > 0)
            Assert.Equal(1, (await _run.RunAsync("journal", "dead", "purge", _run.Journal, "--lane", "picky", "--all", "--yes")).Code);
        var (repaired, report) = await _run.JsonAsync("repair");
        Assert.True(repaired == 0, report.ToString());
        Assert.Equal(0, (await _run.RunAsync("journal", "check", _run.Journal)).Code);
        Assert.Equal(left, (await _run.JsonAsync("dead list")).Json.GetArrayLength());
        Assert.Equal(left == 5 ? 0 : 1, Directory.Exists(Path.Combine(_run.Journal, "aside")) ? Directory.GetFiles(Path.Combine(_run.Journal, "aside")).Length : 0);
    }
}
