using EvBus.Lanes;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Hosting;

/// <summary>Keeps lanes without a profile as long as the options say, and then releases them. Thread-safe.</summary>
internal sealed class OrphanKeeper(BusOptions options, LaneTable lanes, ILogger logger) : IDisposable
{
    /// <summary>Timers count milliseconds up to some weeks; a longer retention takes several looks.</summary>
    private static readonly TimeSpan LongestLook = TimeSpan.FromDays(30);

    private readonly Lock _lock = new();
    private readonly Dictionary<Lane, Kept> _kept = [];

    /// <param name="lane">The lane.</param>
    /// <param name="already">How long it has been an orphan before this run.</param>
    public void Keep(Lane lane, TimeSpan already = default)
    {
        lane.Orphan();
        lock (_lock)
        {
            if (_kept.ContainsKey(lane))
                return;
            var kept = new Kept(options.Time.GetTimestamp(), already, options.Time.CreateTimer(_ => Look(lane), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
            _kept.Add(lane, kept);
            Set(kept);
        }
    }

    /// <summary>False when it has just been released.</summary>
    public bool TryGiveBack(Lane lane, LaneDefinition definition)
    {
        lock (_lock)
        {
            if (!_kept.Remove(lane, out var kept))
                return false;
            kept.Timer.Dispose();
        }
        lane.Adopt(definition);
        return true;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var kept in _kept.Values)
                kept.Timer.Dispose();
            _kept.Clear();
        }
    }

    private void Look(Lane lane)
    {
        lock (_lock)
        {
            if (!_kept.TryGetValue(lane, out var kept))
                return;
            if (kept.Already + options.Time.GetElapsedTime(kept.Since) < options.OrphanRetention)
            {
                Set(kept);
                return;
            }
            _kept.Remove(lane);
            kept.Timer.Dispose();
        }
        _ = ReleaseAsync(lane);
    }

    private async Task ReleaseAsync(Lane lane)
    {
        var queued = lane.GetStatus().Queued;
        if (!await lanes.RemoveAsync(lane, DropReasons.Orphaned).ConfigureAwait(false))
            return;
        if (queued > 0)
            Log.OrphanDropped(logger, lane.Id, options.OrphanRetention, queued);
        else
            Log.OrphanReleased(logger, lane.Id, options.OrphanRetention);
    }

    private void Set(Kept kept)
    {
        var left = options.OrphanRetention - kept.Already - options.Time.GetElapsedTime(kept.Since);
        var wait = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Clamp(left.TotalMilliseconds, 0, LongestLook.TotalMilliseconds)));
        kept.Timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private sealed record Kept(long Since, TimeSpan Already, ITimer Timer);
}
