namespace EvBus.Tests.Events;

public class EventIdTests
{
    [Fact]
    public void Ids_of_one_bus_are_sorted_by_time()
    {
        var ids = new EventIds(seed: 7);
        var start = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var made = Enumerable.Range(0, 3000).Select(n => ids.Next(start.AddMilliseconds(n)).ToString()).ToList();
        Assert.Equal(made.Order(StringComparer.Ordinal), made);
        Assert.Equal(made.Count, made.Distinct().Count());
    }
}
