using System.Diagnostics;

namespace EvBus.Benchmarks;

/// <summary>What the whole process costs: CPU when idle, memory when a million events wait. Against bounds, as there is no raw primitive.</summary>
internal static class ProcessCases
{
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(60);

    public static Row IdleCpu()
    {
        var bus = Start(_ => new CountingPublisher(long.MaxValue));
        bus.TryPut(new byte[200], default);
        Thread.Sleep(1000);
        var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        Thread.Sleep(s_idle);
        process.Refresh();
        var used = (process.TotalProcessorTime - before).TotalSeconds;
        bus.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return new Row("idle-cpu", used, 0.1, 0.1 / used, 0.1 / used, 0.1 / used, 0, "CPU s in 60 s against the bound");
    }

    public static Row MemoryOfAMillion()
    {
        var bus = Start(_ => new StuckPublisher());
        var body = new byte[200];
        for (var i = 0; i < 1_000_000; i++)
        {
            if (!bus.TryPut(body, default).IsAccepted)
                throw new InvalidOperationException("A million events did not fit.");
        }
        var process = Process.GetCurrentProcess();
        var mebibytes = process.WorkingSet64 / (1024.0 * 1024);
        bus.StopAsync(TimeSpan.Zero).GetAwaiter().GetResult();
        return new Row("memory-1M", mebibytes, 450, 450 / mebibytes, 450 / mebibytes, 450 / mebibytes, 0, "MiB resident against the bound");
    }

    private static EventBus Start(Func<IngressContext, IPublisher> create) => EventBus.StartAsync(o =>
    {
        o.Options = o.Options with { MaxEvents = 2_000_000, MaxBytes = 1L << 30, Seed = 1 };
        o.AddIngress(new IngressDescriptor { Name = "only", NeedsProfile = false, Create = create });
    }).GetAwaiter().GetResult();

    private sealed class StuckPublisher : IPublisher
    {
        public async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return PublishResult.Delivered;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
