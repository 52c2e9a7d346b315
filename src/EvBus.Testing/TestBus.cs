namespace EvBus.Testing;

/// <summary>
/// A bus in memory on a clock that stands still, with one publisher that remembers what it was given: what a test of code that puts events needs. Nothing touches disk or
/// network. Safe from any thread.
/// </summary>
public sealed class TestBus : IAsyncDisposable
{
    private TestBus(EventBus bus, FakeClock clock, ScriptedPublisher publisher)
    {
        Bus = bus;
        Clock = clock;
        Publisher = publisher;
    }

    /// <summary>The bus, which runs.</summary>
    public EventBus Bus { get; }

    /// <summary>Its clock: back-off and time-outs wait until it is advanced.</summary>
    public FakeClock Clock { get; }

    /// <summary>Its publisher, which every event goes to: lane <c>test</c>.</summary>
    public ScriptedPublisher Publisher { get; }

    /// <summary>Starts one.</summary>
    /// <param name="configure">Adds further publishers, profiles or options. Default: nothing.</param>
    public static async Task<TestBus> StartAsync(Action<EvBusBuilder>? configure = null)
    {
        var clock = new FakeClock();
        var publisher = new ScriptedPublisher();
        var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Time = clock, Seed = 1 };
            o.AddIngress(new IngressDescriptor { Name = "test", NeedsProfile = false, Create = _ => publisher });
            configure?.Invoke(o);
        }).ConfigureAwait(false);
        return new TestBus(bus, clock, publisher);
    }

    /// <summary>The events that were delivered, as soon as there are so many.</summary>
    /// <param name="count">How many to wait for.</param>
    /// <param name="patience">How long, by the system's clock, before it throws <see cref="TimeoutException"/>. Default: 30 s.</param>
    public async Task<IReadOnlyList<BusEvent>> DeliveredAsync(int count, TimeSpan? patience = null)
    {
        await Publisher.WaitForEventsAsync(count).WaitAsync(patience ?? TimeSpan.FromSeconds(30)).ConfigureAwait(false);
        return Publisher.Delivered;
    }

    /// <summary>Stops the bus. Its deadline is counted by <see cref="Clock"/>: a publisher that hangs for ever has to be released first.</summary>
    public ValueTask DisposeAsync() => Bus.DisposeAsync();
}
