namespace EvBus.Testing;

/// <summary>A publisher in a bus: chaos, and the ledger afterwards.</summary>
internal static class BusFacts
{
    private const int Count = 2000;

    public static IReadOnlyList<PublisherFact> All { get; } =
    [
        new("A_bus_delivers_all_and_its_ledger_is_even", trial => RunAsync(trial, hurt: null)),
        new("A_bus_loses_nothing_while_connections_are_cut", ChaosAsync),
    ];

    private static Task ChaosAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial.Harness.Cut, nameof(PublisherHarness.Cut), trial.Harness.Limits.Cut);
        return RunAsync(trial, trial.Harness.Cut);
    }

    private static async Task RunAsync(PublisherTrial trial, Func<ValueTask>? hurt)
    {
        var harness = trial.Harness;
        var events = trial.Events(Count);
        var lane = new LaneOptions { BatchEvents = 50, CallTimeout = harness.Patience, RetryInitial = TimeSpan.FromMilliseconds(10), RetryMax = TimeSpan.FromMilliseconds(200), MaxAttempts = 1000 };
        var bus = await EventBus.StartAsync(
            o =>
            {
                o.Options = o.Options with { Time = harness.Time, Seed = 1 };
                o.AddIngress(new IngressDescriptor { Name = "certify", NeedsProfile = false, Create = _ => harness.Create(trial.Context()) }, lane: lane);
            },
            trial.Token).ConfigureAwait(false);
        await using var disposed = bus.ConfigureAwait(false);
        foreach (var chunk in events.Chunk(Count / 10))
        {
            foreach (var evt in chunk)
                await bus.PutAsync(evt, cancellationToken: trial.Token).ConfigureAwait(false);
            if (hurt is null)
                continue;
            // Not before the lane is at work, or there is nothing to cut.
            var before = bus.GetStatus().Lanes[0].Delivered;
            await trial.WaitAsync(() => bus.GetStatus().Lanes[0] is var now && (now.Delivered > before || now.Queued == 0), harness.Patience / 10).ConfigureAwait(false);
            await hurt().ConfigureAwait(false);
        }
        await trial.WaitAsync(() => bus.GetStatus().Lanes[0].Queued == 0, harness.Patience).ConfigureAwait(false);
        var status = await bus.StopAsync(harness.Patience, trial.Token).ConfigureAwait(false);
        var ledger = status.Lanes[0];
        trial.Logger.Add(ledger.Trouble);
        if (ledger.Delivered != Count || !status.IsBalanced)
            throw new ContractViolationException($"Of {Count} events {ledger.Delivered} were delivered, {ledger.Dead} dead-lettered, {ledger.Dropped} dropped, {ledger.Queued} are queued. {ledger.Trouble}");
        if (harness.Limits.Reading is null)
            await trial.ExpectAsync(events, "after the bus has stopped").ConfigureAwait(false);
    }
}
