using System.Runtime.CompilerServices;

namespace EvBus.Testing;

/// <summary>How a publisher begins and ends.</summary>
internal static class LifeFacts
{
    public static IReadOnlyList<PublisherFact> All { get; } =
    [
        new("Making_one_does_not_connect", MakingAsync),
        new("Connecting_twice_is_harmless", TwiceConnectedAsync),
        new("Trying_the_connection_sends_nothing", TryingAsync),
        new("Disposing_twice_is_harmless", TwiceDisposedAsync),
        new("Disposing_without_a_connection_is_harmless", UnconnectedAsync),
        new("The_next_instance_goes_on_where_the_last_one_ended", NextAsync),
        new("No_connection_is_left_behind", ConnectionsAsync),
        new("No_task_is_left_behind", TasksAsync),
    ];

    private static async Task MakingAsync(PublisherTrial trial)
    {
        if (trial.Harness.MissingProfile is { } missing)
        {
            // A constructor that connects would fail, or wait, here.
            await trial.HearAsync("Create", () => Task.Run(() => trial.Create(missing))).ConfigureAwait(false);
        }
        trial.Create();
        if (trial.Harness.OpenConnections is { } open && open() is > 0 and var count)
            throw new ContractViolationException($"Create opened {count} connections. That is for ConnectAsync, which the lane can cancel and repeat.");
    }

    private static async Task TwiceConnectedAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var events = trial.Events(2);
        await trial.DeliverAsync(publisher, events[0]).ConfigureAwait(false);
        await trial.ConnectAsync(publisher).ConfigureAwait(false);
        await trial.DeliverAsync(publisher, events[1]).ConfigureAwait(false);
        if (trial.Harness.Limits.Reading is null)
            await trial.ExpectAsync(events, "after the second ConnectAsync").ConfigureAwait(false);
    }

    private static async Task TryingAsync(PublisherTrial trial)
    {
        var publisher = trial.Create();
        if (publisher is not IConnectionTest test)
            throw new NotShownException("It is no IConnectionTest: connecting is the only try there is.");
        await trial.HearAsync("TestAsync", () => test.TestAsync(trial.Token).AsTask()).ConfigureAwait(false);
        if (trial.Harness.Limits.Reading is null && (await trial.ReadAsync().ConfigureAwait(false)).Count > 0)
            throw new ContractViolationException("TestAsync left something at the destination.");
    }

    private static async Task TwiceDisposedAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        await trial.DeliverAsync(publisher, trial.Event()).ConfigureAwait(false);
        await trial.DisposeAsync(publisher).ConfigureAwait(false);
        await trial.DisposeAsync(publisher).ConfigureAwait(false);
    }

    private static Task UnconnectedAsync(PublisherTrial trial) => trial.DisposeAsync(trial.Create());

    private static async Task NextAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial, "", trial.Harness.Limits.SecondInstance);
        var events = trial.Events(6);
        foreach (var chunk in events.Chunk(2))
        {
            var publisher = await trial.ConnectAsync().ConfigureAwait(false);
            await trial.DeliverAsync(publisher, chunk).ConfigureAwait(false);
            await trial.DisposeAsync(publisher).ConfigureAwait(false);
        }
        await trial.ExpectAsync(events, "after three instances, one after the other").ConfigureAwait(false);
    }

    private static async Task ConnectionsAsync(PublisherTrial trial)
    {
        var open = trial.Harness.OpenConnections;
        PublisherTrial.Need(open, nameof(PublisherHarness.OpenConnections), trial.Harness.Limits.OpenConnections);
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        await trial.DeliverAsync(publisher, trial.Event()).ConfigureAwait(false);
        await trial.ConnectAsync(publisher).ConfigureAwait(false);
        await trial.DeliverAsync(publisher, trial.Event()).ConfigureAwait(false);
        await trial.DisposeAsync(publisher).ConfigureAwait(false);
        if (!await trial.WaitAsync(() => open!() == 0, trial.Harness.Patience).ConfigureAwait(false))
            throw new ContractViolationException($"{open!()} connections are open after DisposeAsync.");
    }

    /// <summary>Whatever still runs, waits or ticks for a publisher keeps it from being collected.</summary>
    private static async Task TasksAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial, "", trial.Harness.Limits.SecondInstance);
        // Several, as the runtime may keep the last of something for a while.
        var traces = new List<WeakReference>();
        for (var i = 0; i < 3; i++)
            traces.Add(await LiveAsync(trial).ConfigureAwait(false));
        if (!await trial.WaitAsync(() => Collect(traces) < traces.Count, trial.Harness.Patience / 3).ConfigureAwait(false))
            throw new ContractViolationException("Disposed publishers are still held by a task, a timer, an event or a static field: something of theirs was left behind.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> LiveAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        await trial.DeliverAsync(publisher, trial.Event()).ConfigureAwait(false);
        await trial.DisposeAsync(publisher).ConfigureAwait(false);
        return new WeakReference(publisher);
    }

    private static int Collect(List<WeakReference> traces)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return traces.Count(trace => trace.IsAlive);
    }
}
