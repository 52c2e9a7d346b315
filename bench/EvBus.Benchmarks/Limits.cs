using System.Diagnostics;
using System.Text.Json;

namespace EvBus.Benchmarks;

/// <summary>One line of the results. Ratio: higher is better, 1 is as good as the raw primitive (or just within the bound).</summary>
internal sealed record Row(string Case, double Ours, double Raw, double Ratio, double Lowest, double Highest, double BytesPerEvent, string Unit)
{
    public string ToJson() => JsonSerializer.Serialize(new
    {
        @case = Case, ours = Math.Round(Ours, 1), raw = Math.Round(Raw, 1), ratio = Math.Round(Ratio, 3), bytes_per_event = Math.Round(BytesPerEvent, 1),
        lowest = Math.Round(Lowest, 3), highest = Math.Round(Highest, 3), unit = Unit,
    });
}

/// <summary>The limits the project promises, each against its raw primitive in the same process, in alternating pairs.</summary>
internal static class Limits
{
    private const int Events = 2_000_000;

    private static readonly Dictionary<string, Func<int, Row>> s_cases = new()
    {
        ["lane-1"] = pairs => Lanes("lane-1", 1, pairs, LaneCase.RawHonest),
        ["lane-4"] = pairs => Lanes("lane-4", 4, pairs, LaneCase.RawHonest),
        ["lane-1-pointer"] = pairs => Lanes("lane-1-pointer", 1, pairs, LaneCase.RawPointer),
        ["lane-4-pointer"] = pairs => Lanes("lane-4-pointer", 4, pairs, LaneCase.RawPointer),
        ["durable-1"] = pairs => Durable("durable-1", 1, 3_000, pairs),
        ["durable-64"] = pairs => Durable("durable-64", 64, 600_000, pairs),
        ["durable-1024"] = pairs => Durable("durable-1024", 1024, 2_000_000, pairs),
        ["encrypted-1024"] = pairs => AtRestCases.Encrypted("encrypted-1024", pairs, key => 300_000 / DurableCase.Ours(1024, 300_000, key).Seconds),
        ["encrypted-catch-up"] = pairs => AtRestCases.Encrypted("encrypted-catch-up", pairs, BacklogCase.Rate),
        ["compress-json-300"] = _ => AtRestCases.Compressed("compress-json-300", 300, perRecord: true),
        ["compress-json-3000"] = _ => AtRestCases.Compressed("compress-json-3000", 3000, perRecord: true),
        ["compress-group"] = _ => AtRestCases.Compressed("compress-group", 300, perRecord: false),
        ["journal-open-10M"] = _ => BacklogCase.Open(),
        ["journal-catch-up"] = _ => BacklogCase.CatchUp(),
        ["latency-p50"] = _ => Latency("latency-p50", bound: 20, result => result.P50),
        ["latency-p99"] = _ => Latency("latency-p99", bound: 250, result => result.P99),
        ["fernet-1MB"] = Fernet,
        ["disk-10-lanes"] = _ => TenLanesCase.DiskBytes(),
        ["dead-lane-p99"] = pairs => TenLanesCase.DeadLane("dead-lane-p99", pairs),
        ["dead-lane-memory"] = pairs => TenLanesCase.DeadLane("dead-lane-memory", pairs),
        ["plugins-discover"] = PluginCase.Discover,
        ["idle-cpu"] = _ => ProcessCases.IdleCpu(),
        ["memory-1M"] = _ => ProcessCases.MemoryOfAMillion(),
    };

    private static (double P50, double P99)? s_latency;

    public static IReadOnlyCollection<string> Names => s_cases.Keys;

    public static IEnumerable<Row> Run(string[] wanted, int pairs) =>
        s_cases.Where(pair => wanted.Length == 0 || wanted.Contains(pair.Key)).Select(pair => pair.Value(pairs));

    private static Row Lanes(string name, int lanes, int pairs, Func<int, int, double> raw)
    {
        LaneCase.Ours(lanes, Events / 4);
        raw(lanes, Events / 4);
        var (ours, raws, ratios, garbage) = (new double[pairs], new double[pairs], new double[pairs], new double[pairs]);
        for (var i = 0; i < pairs; i++)
        {
            (ours[i], garbage[i]) = LaneCase.Ours(lanes, Events);
            raws[i] = raw(lanes, Events);
            ratios[i] = raws[i] / ours[i];
        }
        return new Row(name, Events / Median(ours), Events / Median(raws), Median(ratios), ratios.Min(), ratios.Max(), Median(garbage), "events/s");
    }

    private static Row Durable(string name, int underWay, int events, int pairs)
    {
        var (ours, raw, groups) = (new List<double>(), new List<double>(), new List<double>());
        for (var i = 0; i < pairs; i++)
        {
            var (seconds, group) = DurableCase.Ours(underWay, events);
            ours.Add(events / seconds);
            groups.Add(group);
            raw.Add(events / DurableCase.Raw(underWay, events));
        }
        var ratios = ours.Zip(raw, static (o, r) => o / r).Order().ToList();
        return new Row(name, Median([.. ours]), Median([.. raw]), Median([.. ratios]), ratios[0], ratios[^1], 0, $"events/s; mean group {Median([.. groups]):0}");
    }

    private static Row Fernet(int pairs)
    {
        const int Tokens = 200;
        FernetCase.Ours(Tokens);
        FernetCase.Raw(Tokens);
        var (ours, raws, ratios) = (new double[pairs], new double[pairs], new double[pairs]);
        for (var i = 0; i < pairs; i++)
        {
            ours[i] = FernetCase.Ours(Tokens);
            raws[i] = FernetCase.Raw(Tokens);
            ratios[i] = raws[i] / ours[i];
        }
        return new Row("fernet-1MB", Tokens / Median(ours), Tokens / Median(raws), Median(ratios), ratios.Min(), ratios.Max(), 0, "tokens of 1 MB/s");
    }

    private static Row Latency(string name, double bound, Func<(double P50, double P99), double> pick)
    {
        s_latency ??= LatencyCase.Run(5000, TimeSpan.FromMilliseconds(1));
        var value = pick(s_latency.Value);
        return new Row(name, value, bound, bound / value, bound / value, bound / value, 0, "µs against the bound");
    }

    public static double Median(double[] values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
