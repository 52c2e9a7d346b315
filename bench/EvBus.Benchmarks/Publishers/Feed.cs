namespace EvBus.Benchmarks;

/// <summary>What goes into a lane that is measured, and as fast as it takes it.</summary>
internal static class Feed
{
    /// <summary>Puts events; ends when the only lane has delivered them.</summary>
    public static async Task PutAllAsync(EventBus bus, byte[] body, EventAttributes attributes, int events)
    {
        for (var i = 0; i < events; i++)
        {
            // A producer that waits for each place at a full door is not what is measured; nor a lane that ran dry while its producer slept, for two milliseconds and more.
            while (i % 1000 == 0 && bus.GetStatus().Lanes[0].Queued > 14_000)
                await Task.Delay(1);
            if (!bus.TryPut(body, in attributes).IsAccepted)
                await bus.PutAsync(new BusEvent(body, attributes));
        }
        while (bus.GetStatus().Lanes[0].Queued > 0)
            await Task.Delay(1);
    }
}

/// <summary>Profiles that are simply there.</summary>
internal sealed class FixedProfiles(params Profile[] profiles) : IProfileSource
{
    public string Description => "the benchmark";

    public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new(profiles);
}
