using System.Diagnostics;

namespace EvBus.Benchmarks;

/// <summary>A journal on disk with a backlog: how long it takes to open, and how fast a lane catches up from disk.</summary>
internal static class BacklogCase
{
    private const int BodyBytes = 200;

    private static (double Seconds, double EventsPerSecond)? s_large;

    /// <summary>Opening with 10 M events against opening with 10 k.</summary>
    public static Row Open()
    {
        var small = Enumerable.Range(0, 5).Select(_ => MeasureAsync(10_000).GetAwaiter().GetResult().Item1).Order().ElementAt(2);
        var large = Large().Seconds;
        return new Row("journal-open-10M", large * 1000, small * 2000, small * 2 / large, small * 2 / large, small * 2 / large, 0, "ms against twice the time for 10 k events");
    }

    /// <summary>Events a second from disk to a counting publisher, against a million.</summary>
    public static Row CatchUp()
    {
        var rate = Large().EventsPerSecond;
        return new Row("journal-catch-up", rate, 1e6, rate / 1e6, rate / 1e6, rate / 1e6, 0, "events/s against the bound");
    }

    /// <summary>The same from an encrypted journal, against a plain one.</summary>
    public static double Rate(JournalKey? key) => MeasureAsync(1_000_000, key).GetAwaiter().GetResult().Item2;

    private static (double Seconds, double EventsPerSecond) Large() => s_large ??= MeasureAsync(10_000_000).GetAwaiter().GetResult();

    private static async Task<(double, double)> MeasureAsync(int events, JournalKey? key = null)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-bench-").FullName;
        try
        {
            await FillAsync(folder, events, key);
            var began = Stopwatch.GetTimestamp();
            var publisher = new CountingPublisher(events);
            await using var bus = Create(folder, publisher, key);
            await bus.StartAsync();
            var opened = Stopwatch.GetElapsedTime(began).TotalSeconds;
            began = Stopwatch.GetTimestamp();
            await publisher.Reached;
            return (opened, events / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static EventBus Create(string folder, IPublisher publisher, JournalKey? key) => EventBus.Create(o =>
    {
        o.Options = o.Options with { Seed = 1, Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = folder, Key = key } };
        o.AddIngress(new IngressDescriptor { Name = "count", NeedsProfile = false, Create = _ => publisher });
    });

    private static async Task FillAsync(string folder, int events, JournalKey? key)
    {
        await using var bus = Create(folder, new CountingPublisher(long.MaxValue), key);
        await bus.StartAsync();
        bus.Lanes.Pause("*");
        var body = new byte[BodyBytes];
        var attributes = default(EventAttributes);
        for (var i = 0; i < events; i++)
        {
            if (!bus.TryPut(body, in attributes).IsAccepted)
                await bus.PutAsync(new BusEvent(body));
        }
        await bus.PutAsync(new BusEvent(body), Receipt.Durable);
        await bus.StopAsync(TimeSpan.Zero);
    }
}
