using System.Diagnostics;
using System.Runtime.InteropServices;

namespace EvBus.Benchmarks;

/// <summary>Ten lanes on one journal on disk: what they cost in bytes, and what one that is dead costs the other nine.</summary>
internal static class TenLanesCase
{
    private const int BodyBytes = 256;
    private const int EventsPerSecond = 5_000;

    /// <summary>Bytes in the journal's folder for one lane over those for ten, when nothing of 200,000 events is delivered yet.</summary>
    public static Row DiskBytes()
    {
        var (one, ten) = (Fill(1), Fill(10));
        return new Row("disk-10-lanes", ten, one, 1.3 * one / ten, 1.3 * one / ten, 1.3 * one / ten, 0, $"bytes of ten lanes and of one; ten are {ten / one:0.000} times one; the ratio is to the bound of 1.3");
    }

    /// <summary>Runs without the dead lane, with it, without it: the 99th percentiles of put to publish of the nine, and the memory of the run with it.</summary>
    public static Row DeadLane(string name, int pairs) => (s_deadLane ??= [.. DeadLane(TimeSpan.FromSeconds(pairs < 11 ? 10 : 60))]).Single(row => row.Case == name);

    private static List<Row>? s_deadLane;

    private static IEnumerable<Row> DeadLane(TimeSpan each)
    {
        Run(TimeSpan.FromSeconds(5), hasDead: false);
        var (before, with, after) = (Run(each, hasDead: false), Run(each, hasDead: true), Run(each, hasDead: false));
        var without = Math.Min(before.P99, after.P99);
        var bound = Math.Max(1.25 * without, Math.Max(before.P99, after.P99));
        yield return new Row("dead-lane-p99", with.P99, without, bound / with.P99, bound / with.P99, bound / with.P99, 0,
            $"µs with the dead lane and without; two equal runs without it: {before.P99:0} and {after.P99:0}; the ratio is to the bound");
        var flat = with.Memory.Max() / with.Memory.Min();
        yield return new Row("dead-lane-memory", with.Memory.Max(), with.Memory.Min(), 1.2 / flat, 1.2 / flat, 1.2 / flat, 0,
            $"most and least MiB resident of {with.Memory.Count} looks after the first quarter; flat is within 10 % of the middle");
    }

    private static double Fill(int lanes)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-bench-").FullName;
        try
        {
            var bus = Start(folder, [.. Enumerable.Range(0, lanes).Select(_ => new DeadPublisher())]);
            var body = new byte[BodyBytes];
            for (var i = 0; i < 200_000; i++)
                bus.PutAsync(new BusEvent(body)).AsTask().GetAwaiter().GetResult();
            bus.StopAsync(TimeSpan.Zero).GetAwaiter().GetResult();
            return Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Sum(file => (double)new FileInfo(file).Length);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (double P99, List<double> Memory) Run(TimeSpan length, bool hasDead)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-bench-").FullName;
        try
        {
            var timing = Enumerable.Range(0, 9).Select(_ => new TimingPublisher()).ToArray();
            var bus = Start(folder, [.. timing, .. hasDead ? [new DeadPublisher()] : Array.Empty<IPublisher>()]);
            var memory = Flow(bus, length);
            bus.StopAsync(TimeSpan.Zero).GetAwaiter().GetResult();
            return (Percentile99(timing), memory);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Percentile99(TimingPublisher[] publishers)
    {
        var left = publishers.Sum(publisher => publisher.Microseconds.Sum()) / 100;
        var at = TimingPublisher.Longest;
        while (at > 0 && (left -= publishers.Sum(publisher => publisher.Microseconds[at])) > 0)
            at--;
        return at;
    }

    private static List<double> Flow(EventBus bus, TimeSpan length)
    {
        var memory = new List<double>();
        var body = new byte[BodyBytes];
        var began = Stopwatch.GetTimestamp();
        var (put, looks) = (0L, 0);
        while (Stopwatch.GetElapsedTime(began) is var elapsed && elapsed < length)
        {
            for (; put < elapsed.TotalSeconds * EventsPerSecond; put++)
            {
                var now = Stopwatch.GetTimestamp();
                MemoryMarshal.Write(body, in now);
                bus.TryPut(body, default);
            }
            // Memory that fills up to its share in the first quarter is no growth.
            if (elapsed > length / 4 && elapsed > looks * (length / 40))
            {
                looks = (int)(elapsed / (length / 40)) + 1;
                using var process = Process.GetCurrentProcess();
                memory.Add(process.WorkingSet64 / (1024.0 * 1024));
            }
            Thread.Sleep(1);
        }
        return memory;
    }

    private static EventBus Start(string folder, IPublisher[] publishers) => EventBus.StartAsync(o =>
    {
        o.Options = o.Options with { Seed = 1, Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = folder } };
        for (var i = 0; i < publishers.Length; i++)
        {
            var publisher = publishers[i];
            o.AddIngress(new IngressDescriptor { Name = $"lane{i}", NeedsProfile = false, Create = _ => publisher });
        }
    }).GetAwaiter().GetResult();

    private sealed class DeadPublisher : IPublisher
    {
        public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => new(PublishResult.Disconnected("its broker is gone"));

        public ValueTask DisposeAsync() => default;
    }

    private sealed class TimingPublisher : IPublisher
    {
        public const int Longest = 1_000_000;

        /// <summary>How many took so many microseconds: room that does not grow.</summary>
        public long[] Microseconds { get; } = [.. Enumerable.Repeat(0L, Longest + 1)];

        public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            var now = Stopwatch.GetTimestamp();
            foreach (var evt in batch)
                Microseconds[(int)Math.Min(Longest, Stopwatch.GetElapsedTime(MemoryMarshal.Read<long>(evt.Body.Span), now).TotalMicroseconds)]++;
            return new(PublishResult.Delivered);
        }

        public ValueTask DisposeAsync() => default;
    }
}
