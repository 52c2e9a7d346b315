using System.Globalization;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>Numbered events through a real bus while something goes wrong, and the comparison at the end.</summary>
internal static class Flow
{
    public const int Events = 20_000;

    /// <summary>Puts the events evenly over a time, so that whatever happens meanwhile happens in the midst of them.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="over">The time.</param>
    /// <param name="events">How many.</param>
    /// <param name="bodyBytes">How long each is at least.</param>
    /// <param name="lastAfter">What the last quarter waits for: a fault that only events that come after it can meet.</param>
    public static Task PutAsync(EventBus bus, TimeSpan over, int events = Events, int bodyBytes = 0, Task? lastAfter = null) => Task.Run(async () =>
    {
        const int Steps = 100;
        for (var i = 0; i < events; i++)
        {
            if (i == events * 3 / 4 && lastAfter is not null)
                await lastAfter;
            var text = i.ToString(CultureInfo.InvariantCulture);
            Assert.True((await bus.PutAsync(new BusEvent(text.PadLeft(Math.Max(text.Length, bodyBytes), '0')))).IsAccepted);
            if (i % (events / Steps) == 0)
                await Task.Delay(over / Steps, TimeProvider.System);
        }
    });

    /// <summary>Waits until nothing is queued, and compares the ledger with what an independent client finds: nothing missing, nothing strange, first occurrences in order.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="servers">Where the independent client connects.</param>
    /// <param name="topic">A topic of one partition.</param>
    /// <param name="dead">The numbers that must have become dead letters, and nothing else.</param>
    /// <param name="events">How many were put.</param>
    public static async Task AssertAllArrivedAsync(EventBus bus, string servers, string topic, int[]? dead = null, int events = Events)
    {
        dead ??= [];
        await Given.UntilAsync(() => bus.Lane().Queued == 0, () => $"nothing queued; the lane: {bus.Lane()}", TimeSpan.FromSeconds(60));
        var lane = bus.Lane();
        bus.AssertBalanced();
        Assert.Equal(events, lane.Matched);
        Assert.Equal(dead.Length, lane.Dead);
        Assert.Equal(events - dead.Length, lane.Delivered);
        var numbers = await Given.NumbersAsync(servers, topic);
        Assert.Equal(Enumerable.Range(0, events).Except(dead), numbers.Distinct());
        Assert.InRange(numbers.Length - numbers.Distinct().Count(), 0, new KafkaIngressOptions().Window + 500);
    }
}
