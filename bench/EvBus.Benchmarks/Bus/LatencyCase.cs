using System.Diagnostics;

namespace EvBus.Benchmarks;

/// <summary>Put → publish on an idle bus: one event, then quiet, again and again.</summary>
internal static class LatencyCase
{
    public static (double P50, double P99) Run(int rounds, TimeSpan quiet)
    {
        var publisher = new TimingPublisher();
        var bus = EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Seed = 1 };
            o.AddIngress(new IngressDescriptor { Name = "timing", NeedsProfile = false, Create = _ => publisher });
        }).GetAwaiter().GetResult();
        var microseconds = new double[rounds];
        var body = new byte[200];
        for (var i = -500; i < rounds; i++)
        {
            Thread.Sleep(quiet);
            publisher.Arm();
            var start = Stopwatch.GetTimestamp();
            bus.TryPut(body, default);
            var end = publisher.Wait();
            if (i >= 0)
                microseconds[i] = Stopwatch.GetElapsedTime(start, end).TotalMicroseconds;
        }
        bus.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Array.Sort(microseconds);
        return (microseconds[rounds / 2], microseconds[(int)(rounds * 0.99)]);
    }

    private sealed class TimingPublisher : IPublisher
    {
        private readonly ManualResetEventSlim _done = new();
        private long _at;

        public void Arm() => _done.Reset();

        public long Wait()
        {
            _done.Wait();
            return _at;
        }

        public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            _at = Stopwatch.GetTimestamp();
            _done.Set();
            return ValueTask.FromResult(PublishResult.Delivered);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
