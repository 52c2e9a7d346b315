using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace EvBus.Hosting;

/// <summary>The one hosted service: starts a bus with the host and stops it with the host's patience as the deadline.</summary>
internal sealed class EvBusRuntime(EventBus bus) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => bus.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => bus.StopAsync(null, cancellationToken);
}

/// <summary>Unhealthy when the bus does not run, its journal takes nothing or a lane is detached; degraded when a lane does not flow or is paused, cannot change to its new profile, or is an orphan with events queued.</summary>
internal sealed class EvBusHealthCheck(IEventBus bus) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var status = bus.GetStatus();
        var data = status.Lanes.ToDictionary(lane => lane.Id, lane => (object)$"{lane.State}, {lane.Queued} queued{(lane.Trouble is null ? "" : $": {lane.Trouble}")}");
        if (status.State != BusState.Running)
            return Task.FromResult(HealthCheckResult.Unhealthy($"The bus is {status.State}.", data: data));
        if (status.JournalTrouble is { } trouble)
            return Task.FromResult(HealthCheckResult.Unhealthy($"Nothing is accepted: {trouble}.", data: data));
        var detached = status.Lanes.Where(lane => lane.State == LaneState.Detached).Select(lane => lane.Id).ToArray();
        if (detached.Length > 0)
            return Task.FromResult(HealthCheckResult.Unhealthy($"Detached: {string.Join(", ", detached)}. Mend the cause and resume them.", data: data));
        var stuck = status.Lanes.Where(lane => lane.State is LaneState.Retrying or LaneState.Connecting && lane.Trouble is not null).Select(lane => lane.Id).ToArray();
        var paused = status.Lanes.Where(lane => lane.State == LaneState.Paused).Select(lane => lane.Trouble is null ? lane.Id : $"{lane.Id} ({lane.Trouble})").ToArray();
        var stale = status.Lanes.Where(lane => lane.State == LaneState.Flowing && lane.Trouble is not null).Select(lane => lane.Id).ToArray();
        var orphans = status.Lanes.Where(lane => lane.State == LaneState.Orphaned && lane.Queued > 0).Select(lane => lane.Id).ToArray();
        var hints = new List<string>();
        Add(hints, "Not flowing", stuck);
        Add(hints, "Paused", paused);
        Add(hints, "On an old profile", stale);
        Add(hints, "Orphans with events queued", orphans);
        if (status.PutsWaiting > 0)
            hints.Add($"Puts wait for room: {status.PutsWaiting}.");
        return Task.FromResult(hints.Count > 0
            ? HealthCheckResult.Degraded(string.Join(" ", hints), data: data)
            : HealthCheckResult.Healthy("All lanes flow.", data));
    }

    private static void Add(List<string> hints, string what, string[] lanes)
    {
        if (lanes.Length > 0)
            hints.Add($"{what}: {string.Join(", ", lanes)}.");
    }
}
