using EvBus.Testing;

namespace EvBus.Tests;

/// <summary>Small beginnings that most tests share.</summary>
internal static class Given
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static EvBusBuilder Publisher(this EvBusBuilder bus, string name, IPublisher publisher, string? pattern = null, LaneOptions? lane = null) =>
        bus.AddIngress(new IngressDescriptor { Name = name, NeedsProfile = false, Create = _ => publisher }, pattern, lane);

    public static BusEvent Event(string text, string? profile = null) => new(text, new EventAttributes { Profile = profile });

    public static BusEvent Event(int number, string? profile = null) => Event(number.ToString(System.Globalization.CultureInfo.InvariantCulture), profile);

    public static int[] Numbers(this IEnumerable<BusEvent> events) => [.. events.Select(evt => int.Parse(evt.GetText(), System.Globalization.CultureInfo.InvariantCulture))];

    /// <summary>A test must not wait for ever; nor must it depend on how long it took.</summary>
    public static Task Soon(this Task task) => task.WaitAsync(Patience);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Patience);

    /// <summary>Lets time go on whenever somebody waits for it, until the work is done.</summary>
    public static async Task DriveAsync(this FakeClock clock, Task until, TimeSpan? step = null)
    {
        var end = TimeProvider.System.GetUtcNow() + Patience;
        while (!until.IsCompleted && TimeProvider.System.GetUtcNow() < end)
        {
            await Task.WhenAny(until, clock.WaitForTimersAsync());
            clock.Advance(step ?? TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }
        await until.Soon();
    }

    /// <summary>Looks until something is so; with a clock, time goes on meanwhile, fast, but not so fast that work that takes real moments would be overdue.</summary>
    public static async Task UntilAsync(Func<bool> condition, FakeClock? clock = null)
    {
        var end = TimeProvider.System.GetUtcNow() + Patience;
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetUtcNow() < end, "what was waited for did not come");
            clock?.Advance(TimeSpan.FromMilliseconds(50));
            await look.WaitForNextTickAsync();
        }
    }

    public static LaneStatus Lane(this EventBus bus, string id) => bus.GetStatus().Lanes.Single(lane => lane.Id == id);

    public static void AssertBalanced(this BusStatus status) => Assert.All(status.Lanes, lane =>
        Assert.Equal(lane.Matched, lane.Delivered + lane.Dead + lane.Dropped + lane.Queued));
}
