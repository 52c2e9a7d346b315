using System.Diagnostics;
using System.Threading.Channels;

namespace EvBus.Benchmarks;

/// <summary>
/// Events of 200 bytes from one producer to counting publishers, against one bounded channel per reader and a producer that does the
/// same honest work: stamps an id and a time, and copies the body once.
/// </summary>
internal static class LaneCase
{
    private const int BodyBytes = 200;
    private const int Capacity = 65_536;

    public static (double Seconds, double BytesPerEvent) Ours(int lanes, int events) => OursAsync(lanes, events).GetAwaiter().GetResult();

    public static double RawHonest(int readers, int events) => RawAsync(readers, events, static (body, ids) =>
    {
        var now = TimeProvider.System.GetUtcNow();
        return new Stamped(ids.Next(now), now, body.ToArray());
    }).GetAwaiter().GetResult();

    public static double RawPointer(int readers, int events)
    {
        var one = new Stamped(Guid.Empty, default, new byte[BodyBytes]);
        return RawAsync(readers, events, (_, _) => one).GetAwaiter().GetResult();
    }

    private static async Task<(double, double)> OursAsync(int lanes, int events)
    {
        // The first events fill pools and caches: the steady state is what is measured.
        var warmUp = events / 4;
        var publishers = Enumerable.Range(0, lanes).Select(_ => new CountingPublisher(warmUp + events)).ToArray();
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { MaxEvents = Capacity, Seed = 1 };
            for (var i = 0; i < lanes; i++)
            {
                var publisher = publishers[i];
                o.AddIngress(new IngressDescriptor { Name = $"count{i}", NeedsProfile = false, Create = _ => publisher });
            }
        });
        var body = new byte[BodyBytes];
        var attributes = default(EventAttributes);
        var before = 0L;
        var start = 0L;
        for (var i = -warmUp; i < events; i++)
        {
            if (i == 0)
            {
                before = GC.GetTotalAllocatedBytes(precise: true);
                start = Stopwatch.GetTimestamp();
            }
            if (!bus.TryPut(body, in attributes).IsAccepted)
            {
                // The journal is full: wait as an honest producer would.
                await bus.PutAsync(new BusEvent(body));
            }
        }
        await Task.WhenAll(publishers.Select(publisher => publisher.Reached));
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return (seconds, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)events);
    }

    private static async Task<double> RawAsync(int readers, int events, Func<ReadOnlyMemory<byte>, Ids, Stamped> make)
    {
        var channels = Enumerable.Range(0, readers).Select(_ => Channel.CreateBounded<Stamped>(
            new BoundedChannelOptions(Capacity) { SingleReader = true, SingleWriter = false })).ToArray();
        var reading = channels.Select(channel => Task.Run(async () =>
        {
            var count = 0L;
            while (await channel.Reader.WaitToReadAsync())
            {
                while (channel.Reader.TryRead(out _))
                    count++;
            }
            return count;
        })).ToArray();
        ReadOnlyMemory<byte> body = new byte[BodyBytes];
        var ids = new Ids();
        var start = 0L;
        for (var i = -(events / 4); i < events; i++)
        {
            if (i == 0)
                start = Stopwatch.GetTimestamp();
            var evt = make(body, ids);
            foreach (var channel in channels)
            {
                if (!channel.Writer.TryWrite(evt))
                    await channel.Writer.WriteAsync(evt);
            }
        }
        foreach (var channel in channels)
            channel.Writer.Complete();
        await Task.WhenAll(reading);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private sealed record Stamped(Guid Id, DateTimeOffset Time, byte[] Body);

    /// <summary>The same id generator as the bus's.</summary>
    private sealed class Ids
    {
        private readonly EventIds _ids = new(1);

        public Guid Next(DateTimeOffset now) => _ids.Next(now);
    }
}
