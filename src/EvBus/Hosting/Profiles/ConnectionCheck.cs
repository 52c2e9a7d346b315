using System.Runtime.CompilerServices;
using EvBus.Telemetry;

namespace EvBus.Hosting;

/// <summary>What became of one lane's connection.</summary>
/// <param name="LaneId">The lane it would be.</param>
/// <param name="Problem">What is wrong and what to do; null when it works.</param>
internal readonly record struct ConnectionResult(string LaneId, string? Problem);

/// <summary>Tries the connection of every lane a bus would have, without a bus and without an event.</summary>
internal static class ConnectionCheck
{
    /// <summary>All at once; the results come in the order of the lanes.</summary>
    /// <exception cref="EvBusException">The description or a profile cannot work, or the profiles cannot be read.</exception>
    public static async IAsyncEnumerable<ConnectionResult> RunAsync(Action<EvBusBuilder> configure, TimeSpan timeout, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var builder = new EvBusBuilder("connect");
        configure(builder);
        if (BusOptionsCheck.Errors(builder) is { Count: > 0 } errors)
            throw new EvBusConfigurationException(errors);
        var plan = new IngressPlan(builder, new InternalQueues(), new BusLoggers(builder.LoggerFactory, builder.Name), null);
        await using (plan.ConfigureAwait(false))
        {
            var lanes = await plan.MakeAsync(cancellationToken).ConfigureAwait(false);
            var tests = lanes.Select(lane => Task.Run(() => TestAsync(lane.Definition, builder.Options.Time, timeout, cancellationToken), CancellationToken.None)).ToArray();
            foreach (var test in tests)
                yield return await test.ConfigureAwait(false);
        }
    }

    private static async Task<ConnectionResult> TestAsync(LaneDefinition lane, TimeProvider time, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        var testing = TestAsync(lane, either.Token);
        try
        {
            // One that ignores its token must not hold up the others' results.
            return new ConnectionResult(lane.Id, await testing.WaitAsync(either.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new ConnectionResult(lane.Id, $"no answer within {timeout.TotalSeconds:0.#} s. Check host and port, and whether a firewall is between.");
        }
    }

    private static async Task<string?> TestAsync(LaneDefinition lane, CancellationToken cancellationToken)
    {
        try
        {
            var publisher = await lane.CreatePublisher(cancellationToken).ConfigureAwait(false);
            await using (publisher.ConfigureAwait(false))
            {
                if (((publisher as DecoratedPublisher)?.Inner ?? publisher) is IConnectionTest test)
                    await test.TestAsync(cancellationToken).ConfigureAwait(false);
                else
                    await publisher.ConnectAsync(cancellationToken).ConfigureAwait(false);
            }
            return null;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)
        {
            // Whatever a plugin throws here is what is wrong.
            return lane.Secrets.Mask(e is EvBusException ? e.Message : $"{e.GetType().Name}: {e.Message}");
        }
    }
}
