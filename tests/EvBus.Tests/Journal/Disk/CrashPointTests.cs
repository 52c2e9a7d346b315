using System.Collections.Concurrent;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>
/// Every place where the journal touches the storage is a point. For each the power goes there, or the process is killed there; then the
/// journal is opened again, and what was promised is checked.
/// </summary>
public class CrashPointTests
{
    private const int Events = 120;
    private const int UnderWay = 16;

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task At_every_point_a_crash_loses_no_durable_receipt_invents_nothing_and_keeps_the_order(bool power, bool encrypted)
    {
        var key = encrypted ? JournalKey.Generate() : null;
        var whole = new FaultStorage();
        await RunAsync(whole, new ScriptedPublisher(), key);
        var points = whole.Points;
        Assert.True(points > 60, $"There were only {points} points.");
        for (var point = 1; point <= points; point++)
            await CrashAtAsync(point, power ? new Random(point) : null, key);
    }

    private static async Task CrashAtAsync(int point, Random? chance, JournalKey? key)
    {
        var storage = new FaultStorage { CrashAt = point };
        var first = new ScriptedPublisher();
        var (accepted, durable) = await RunAsync(storage, first, key);
        var before = first.Delivered.Select(evt => evt.Id!).ToHashSet();

        var where = $"Crash at point {point}, {(chance is null ? "kill" : "power")}: ";
        var second = new ScriptedPublisher();
        var disk = storage.AfterCrash(chance);
        where += $"found {string.Join(", ", disk.Files.OrderBy(file => file.Key).Select(file => $"{file.Key} ({file.Value})"))}; ";
        BusStatus status;
        await using (var bus = Create(disk, second, key))
        {
            await bus.StartAsync();
            status = await bus.StopAsync(Given.Patience).Soon();
        }
        var after = second.Delivered.Select(evt => evt.Id!).ToArray();
        Assert.All(durable, id => Assert.True(before.Contains(id) || after.Contains(id), $"{where}{id} had its receipt and is missing."));
        Assert.All(after, id => Assert.True(accepted.Contains(id), $"{where}{id} was never put."));
        var numbers = second.Delivered.Numbers();
        Assert.True(numbers.SequenceEqual(numbers.Order().Distinct()), $"{where}out of order: {string.Join(' ', numbers)}");
        var lane = status.Lanes.Single();
        Assert.True(lane.Queued == 0 && lane.Matched == lane.Delivered + lane.Dropped && lane.Matched == status.Accepted, $"{where}accepted {status.Accepted}, {lane}");
    }

    private static EventBus Create(FaultStorage storage, ScriptedPublisher publisher, JournalKey? key) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage).Publisher("a", publisher, lane: new LaneOptions { BatchEvents = 7, Start = LaneStart.Oldest });
        bus.Options = bus.Options with { Journal = bus.Options.Journal with { Key = key } };
    });

    private static async Task<(HashSet<string> Accepted, HashSet<string> Durable)> RunAsync(FaultStorage storage, ScriptedPublisher publisher, JournalKey? key)
    {
        var accepted = new HashSet<string>();
        var durable = new ConcurrentBag<string>();
        EventBus bus;
        try
        {
            bus = Create(storage, publisher, key);
        }
        catch (EvBusException)
        {
            return (accepted, []);
        }
        await using (bus)
        {
            try
            {
                await bus.StartAsync();
            }
            catch (IOException)
            {
                return (accepted, []);
            }
            using var line = new SemaphoreSlim(UnderWay);
            var puts = new List<Task>();
            for (var i = 0; i < Events; i++)
            {
                var id = $"id-{i}";
                accepted.Add(id);
                await line.WaitAsync();
                // Bodies of a size that makes files roll.
                puts.Add(PutAsync(bus, new BusEvent($"{i}" + new string(' ', i % 3 * 1000), new EventAttributes { Id = id }), durable, line));
            }
            await Task.WhenAll(puts).Soon();
            await bus.StopAsync(storage.HasCrashed ? TimeSpan.Zero : null).Soon();
        }
        return (accepted, [.. durable]);
    }

    private static async Task PutAsync(EventBus bus, BusEvent evt, ConcurrentBag<string> durable, SemaphoreSlim line)
    {
        var result = await bus.PutAsync(evt, Receipt.Durable);
        if (result.Outcome == PutOutcome.Durable)
            durable.Add(evt.Attributes.Id!);
        line.Release();
    }
}
