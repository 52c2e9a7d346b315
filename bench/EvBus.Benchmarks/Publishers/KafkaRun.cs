using System.Globalization;

namespace EvBus.Benchmarks;

/// <summary>The Kafka lane against its raw client, in alternating pairs: median, and the lower end of the 95 % interval of the median (by ranks, without assuming a shape).</summary>
internal static class KafkaRun
{
    public static async Task<int> MainAsync(string[] args)
    {
        var isQuick = args.Contains("--quick");
        var (pairs, events) = isQuick ? (3, 100_000) : (11, 400_000);
        await using var kafka = await KafkaCase.StartAsync();
        if (args.Contains("--parts"))
            return await PartsAsync(kafka, pairs, events / 2);
        await kafka.OursAsync(events / 4);
        await kafka.RawAsync(events / 4, Header.Id);
        var (ours, bare, same) = (new Measured[pairs], new Measured[pairs], new Measured[pairs]);
        for (var i = 0; i < pairs; i++)
        {
            ours[i] = await kafka.OursAsync(events);
            same[i] = await kafka.RawAsync(events, Header.Id);
            bare[i] = await kafka.RawAsync(events, Header.None);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{events / ours[i].Seconds,10:N0} {events / same[i].Seconds,10:N0} {events / bare[i].Seconds,10:N0}"));
        }
        Print("kafka, against a producer that sends the same record (id header)", events, ours, same);
        Print("kafka, against a producer that sends the body alone", events, ours, bare);
        return 0;
    }

    /// <summary>Where the time of a record goes: what a header costs to make, and what it costs whoever carries it.</summary>
    private static async Task<int> PartsAsync(KafkaCase kafka, int rounds, int events)
    {
        (string Name, Func<Task<Measured>> Run)[] parts =
        [
            ("raw, body alone", () => kafka.RawAsync(events, Header.None)),
            ("raw, the same header each time", () => kafka.RawAsync(events, Header.Same)),
            ("raw, an id made for each", () => kafka.RawAsync(events, Header.Id)),
            ("lane", () => kafka.OursAsync(events)),
        ];
        var runs = Array.ConvertAll(parts, _ => new Measured[rounds]);
        for (var round = -1; round < rounds; round++)
        {
            for (var i = 0; i < parts.Length; i++)
            {
                var run = await parts[i].Run();
                // The first is to warm up.
                if (round >= 0)
                    runs[i][round] = run;
            }
        }
        for (var i = 0; i < parts.Length; i++)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{parts[i].Name,-32} {events / Median(runs[i], run => run.Seconds),10:N0} events/s  {Median(runs[i], run => run.CpuMicroseconds),6:N2} µs CPU/event  {Median(runs[i], run => run.BytesPerEvent),6:N0} B/event"));
        return 0;
    }

    private static void Print(string name, int events, Measured[] ours, Measured[] raw)
    {
        var ratios = ours.Zip(raw, (our, other) => other.Seconds / our.Seconds).Order().ToArray();
        var line = string.Create(CultureInfo.InvariantCulture, $"""
            {name}
              ours {events / Median(ours, run => run.Seconds),10:N0} events/s  {Median(ours, run => run.CpuMicroseconds),6:N2} µs CPU/event  {Median(ours, run => run.BytesPerEvent),6:N0} B/event
              raw  {events / Median(raw, run => run.Seconds),10:N0} events/s  {Median(raw, run => run.CpuMicroseconds),6:N2} µs CPU/event  {Median(raw, run => run.BytesPerEvent),6:N0} B/event
              ratio {ratios[ratios.Length / 2]:N3}, lower end of the 95 % interval {Interval.LowerEnd(ratios):N3} (all: {ratios[0]:N3}..{ratios[^1]:N3}, {ratios.Length} pairs)
            """);
        Console.WriteLine(line);
    }

    private static double Median(Measured[] runs, Func<Measured, double> pick) => runs.Select(pick).Order().ElementAt(runs.Length / 2);
}
