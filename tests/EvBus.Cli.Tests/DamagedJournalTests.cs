using System.Text.Json;
using EvBus.Testing;

namespace EvBus.Cli.Tests;

/// <summary>Two hundred damaged journals through check and repair.</summary>
public class DamagedJournalTests(DamagedFixture fixture) : IClassFixture<DamagedFixture>
{
    public static TheoryData<int> Tens => [.. Enumerable.Range(0, 20).Select(n => n * 10)];

    [Theory]
    [MemberData(nameof(Tens))]
    public async Task Only_damaged_records_are_lost_and_each_is_named(int first)
    {
        for (var seed = first; seed < first + 10; seed++)
            await RepairAsync(seed);
    }

    private async Task RepairAsync(int seed)
    {
        using var run = new CliRun();
        var (what, lost) = fixture.Damage(run.Journal, seed);
        var (code, check) = await run.JsonAsync("check");
        Assert.True(code == 1, $"{what}: check found nothing");
        Assert.True(lost.SetEquals(Named(check.GetProperty("findings"))), $"{what}: lost {Say(lost)}, check says {check}");

        var (repaired, report) = await run.JsonAsync("repair");
        Assert.True(repaired == 0, $"{what}: {report}");
        Assert.True(lost.SetEquals(Named(report.GetProperty("found"))), $"{what}: {report}");
        var (after, again) = await run.JsonAsync("check");
        Assert.True(after == 0, $"{what}: after the repair {again}");
        var left = (await run.CatAsync()).Select(line => line.Sequence).ToList();
        Assert.True(Enumerable.Range(0, DamagedFixture.Events).Select(n => (ulong)n).Except(lost).SequenceEqual(left), $"{what}: lost {Say(lost)}, left {Say(left)}");

        var (_, second) = await run.JsonAsync("repair");
        Assert.True(second.GetProperty("done").GetArrayLength() == 0, $"{what}: repaired twice, {second}");
        await OpenAsync(run, what, left);
    }

    /// <summary>A bus on the repaired journal delivers exactly what is left, and its ledger balances.</summary>
    private static async Task OpenAsync(CliRun run, string what, List<ulong> left)
    {
        var all = new ScriptedPublisher();
        await using var bus = run.Bus(("fast", null, new ScriptedPublisher()), ("slow", "x*", new ScriptedPublisher()), ("all", null, all));
        await bus.StartAsync();
        Assert.True((await bus.PutAsync(new BusEvent("{\"n\":-1}"), Receipt.Delivered()).AsTask().WaitAsync(CliRun.Patience)).Outcome == PutOutcome.Delivered, what);
        var status = await bus.StopAsync();
        var delivered = all.Delivered.Select(evt => JsonDocument.Parse(evt.Body).RootElement.GetProperty("n").GetInt32()).ToList();
        Assert.True(left.Select(n => (int)n).Append(-1).SequenceEqual(delivered), $"{what}: delivered {string.Join(' ', delivered)}");
        Assert.All(status.Lanes, lane => Assert.True(lane.Matched == lane.Delivered + lane.Dead + lane.Dropped && lane.Queued == 0, $"{what}: {lane}"));
        var (balanced, stats) = await run.JsonAsync("stats");
        Assert.True(balanced == 0, $"{what}: {stats}");
    }

    private static HashSet<ulong> Named(JsonElement findings)
    {
        var named = new HashSet<ulong>();
        foreach (var finding in findings.EnumerateArray().Where(finding => finding.GetProperty("kind").GetString() is "records" or "missing"))
        {
            for (var i = 0UL; i < finding.GetProperty("events").GetUInt64(); i++)
                named.Add(finding.GetProperty("first_sequence").GetUInt64() + i);
        }
        return named;
    }

    private static string Say(IEnumerable<ulong> numbers) => string.Join(' ', numbers.Order());
}
