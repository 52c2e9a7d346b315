using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace EvBus.Benchmarks;

/// <summary>What one run took.</summary>
internal readonly record struct Run(double EventsPerSecond, double CpuMicroseconds, double BytesPerEvent)
{
    /// <summary>Measures <paramref name="work"/>, which carries <paramref name="events"/> events; its task ends when the last is confirmed.</summary>
    public static async Task<Run> MeasureAsync(int events, Func<Task> work)
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        var (cpu, bytes, start) = (process.TotalProcessorTime, GC.GetTotalAllocatedBytes(precise: true), Stopwatch.GetTimestamp());
        await work();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        process.Refresh();
        return new Run(
            events / seconds, (process.TotalProcessorTime - cpu).TotalMicroseconds / events, (GC.GetTotalAllocatedBytes(precise: true) - bytes) / (double)events);
    }
}

/// <summary>Ours and the raw client in turn against one broker, so that what the machine does meanwhile happens to both.</summary>
internal static class BrokerPairs
{
    public static async Task RunAsync(string name, int pairs, bool json, Func<Task<Run>> ours, Func<Task<Run>> raw, (string Ours, string Raw)? called = null)
    {
        await ours();
        await raw();
        var (mine, theirs) = (new Run[pairs], new Run[pairs]);
        for (var i = 0; i < pairs; i++)
        {
            // Who goes first changes too.
            if (i % 2 == 0)
                (mine[i], theirs[i]) = (await ours(), await raw());
            else
                (theirs[i], mine[i]) = (await raw(), await ours());
        }
        var ratios = mine.Zip(theirs, (one, other) => one.EventsPerSecond / other.EventsPerSecond).Order().ToArray();
        var low = Interval.LowerEnd(ratios);
        var row = (
            Ours: Median(mine, run => run.EventsPerSecond), Raw: Median(theirs, run => run.EventsPerSecond), Cpu: Median(mine, run => run.CpuMicroseconds), RawCpu: Median(theirs, run => run.CpuMicroseconds),
            Bytes: Median(mine, run => run.BytesPerEvent), RawBytes: Median(theirs, run => run.BytesPerEvent));
        Console.WriteLine(json
            ? JsonSerializer.Serialize(new
            {
                @case = name, ours = Math.Round(row.Ours), raw = Math.Round(row.Raw), ratio = Math.Round(ratios[pairs / 2], 3), low95 = Math.Round(low, 3),
                cpu_us = Math.Round(row.Cpu, 1), raw_cpu_us = Math.Round(row.RawCpu, 1), bytes_per_event = Math.Round(row.Bytes), raw_bytes_per_event = Math.Round(row.RawBytes),
            })
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{name,-22} {called?.Ours ?? "ours"} {row.Ours,9:N0}/s  {called?.Raw ?? "raw"} {row.Raw,9:N0}/s  ratio {ratios[pairs / 2]:N3} (95 %: from {low:N3})  CPU {row.Cpu,5:N1} / {row.RawCpu,5:N1} µs  garbage {row.Bytes,5:N0} / {row.RawBytes,5:N0} B an event"));
    }

    private static double Median(Run[] runs, Func<Run, double> pick) => Limits.Median(Array.ConvertAll(runs, run => pick(run)));
}
