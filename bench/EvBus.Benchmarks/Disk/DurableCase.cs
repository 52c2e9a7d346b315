using System.Diagnostics;

namespace EvBus.Benchmarks;

/// <summary>
/// Durable puts of 256-byte bodies, so many under way, against a raw loop that writes and fsyncs one full group of that many records on a
/// preallocated file. Both on the same disk.
/// </summary>
internal static class DurableCase
{
    private const int BodyBytes = 256;
    private const int RecordBytes = 40 + BodyBytes;

    public static (double Seconds, double MeanGroup) Ours(int underWay, int events, JournalKey? key = null) => OursAsync(underWay, events, key).GetAwaiter().GetResult();

    public static double Raw(int underWay, int events)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("evbus-bench-").FullName, "raw");
        try
        {
            var group = new byte[RecordBytes * underWay];
            new Random(1).NextBytes(group);
            using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, PreallocationSize = Math.Max(64L << 20, (long)RecordBytes * events),
            });
            var began = Stopwatch.GetTimestamp();
            for (var left = events; left > 0; left -= underWay)
            {
                file.Write(group);
                EvBus.Files.UnixFile.Sync(file.SafeFileHandle, path);
            }
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    private static async Task<(double, double)> OursAsync(int underWay, int events, JournalKey? key)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-bench-").FullName;
        try
        {
            await using var bus = await EventBus.StartAsync(o =>
            {
                o.Options = o.Options with { Seed = 1, Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = folder, Key = key } };
                o.AddIngress(new IngressDescriptor { Name = "count", NeedsProfile = false, Create = _ => new CountingPublisher(long.MaxValue) });
            });
            await PutAsync(bus, underWay, events / 10);
            var (groups, inGroups) = bus.GroupsWritten;
            var began = Stopwatch.GetTimestamp();
            await PutAsync(bus, underWay, events);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var (groupsAfter, inGroupsAfter) = bus.GroupsWritten;
            return (seconds, (inGroupsAfter - inGroups) / (double)(groupsAfter - groups));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task PutAsync(EventBus bus, int underWay, int events)
    {
        var left = events;
        await Task.WhenAll(Enumerable.Range(0, underWay).Select(_ => Task.Run(async () =>
        {
            var body = new byte[BodyBytes];
            while (Interlocked.Decrement(ref left) >= 0)
                await bus.PutAsync(new BusEvent(body), Receipt.Durable);
        })));
    }
}
