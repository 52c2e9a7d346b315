using EvBus.Lanes;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Hosting;

/// <summary>
/// Watches the sources of profiles and brings the lanes in line with what they say now. One reload at a time; signals that come close together, or
/// while one runs, make one more. What cannot be read or cannot work changes nothing.
/// </summary>
internal sealed class ProfileReload(BusOptions options, IReadOnlyList<IProfileSource> sources, IngressPlan plan, LaneTable lanes, ILogger logger) : IAsyncDisposable
{
    /// <summary>A file that is being written changes several times within moments.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<IDisposable> _watches = [];
    private readonly OrphanKeeper _orphans = new(options, lanes, logger);
    private IReadOnlyDictionary<string, PlannedLane>? _current;
    private Task _running = Task.CompletedTask;
    private bool _isRunning;
    private bool _changed;
    private bool _stopped;
    private string? _said;

    /// <summary>A lane that an earlier run left and nobody asks for now.</summary>
    public void KeepStored(Lane lane, TimeSpan already) => _orphans.Keep(lane, already);

    /// <summary>Gives an orphan back to somebody who asks for it by code; false when it is none.</summary>
    public bool TryGiveBack(Lane lane, LaneDefinition definition) => _orphans.TryGiveBack(lane, definition);

    /// <summary>From now on no change is missed. Before the first load.</summary>
    public void Watch()
    {
        foreach (var source in sources)
        {
            if (source.Watch(OnChanged) is not { } watch)
                continue;
            lock (_lock)
            {
                if (!_stopped)
                {
                    _watches.Add(watch);
                    continue;
                }
            }
            watch.Dispose();
        }
    }

    /// <summary>The lanes of <paramref name="planned"/> run; changes from now on, and those seen since the watching began, are followed.</summary>
    public void Begin(IReadOnlyList<PlannedLane> planned)
    {
        lock (_lock)
        {
            _current = planned.ToDictionary(lane => lane.Definition.Id);
            RunIfDue();
        }
    }

    /// <summary>Ends the watching. A source that is being read and does not heed its cancellation is left behind.</summary>
    public async ValueTask DisposeAsync()
    {
        Task running;
        lock (_lock)
        {
            if (_stopped)
                return;
            _stopped = true;
            running = _running;
        }
        var faults = new List<Exception>();
        foreach (var watch in _watches)
        {
            try
            {
                watch.Dispose();
            }
            catch (Exception e)
            {
                // Whoever made the source made this too; the others are ended all the same.
                faults.Add(e);
            }
        }
        await _stop.CancelAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1), TimeProvider.System);
        await running.WaitAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _orphans.Dispose();
        if (running.IsCompleted)
            _stop.Dispose();
        if (faults.Count > 0)
            throw new EvBusException($"a source of profiles failed while its watch was ended: {string.Join("; ", faults.Select(fault => $"{fault.GetType().Name}: {fault.Message}"))}", faults[0]);
    }

    private void OnChanged()
    {
        lock (_lock)
        {
            _changed = true;
            RunIfDue();
        }
    }

    private void RunIfDue()
    {
        if (!_changed || _isRunning || _stopped || _current is null)
            return;
        _isRunning = true;
        using (ExecutionContext.SuppressFlow())
            _running = Task.Run(RunAsync);
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(Settling, options.Time, _stop.Token).ConfigureAwait(false);
                lock (_lock)
                    _changed = false;
                await ReloadAsync().ConfigureAwait(false);
                lock (_lock)
                {
                    if (!_changed)
                    {
                        _isRunning = false;
                        return;
                    }
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The bus stops.
        }
    }

    private async Task ReloadAsync()
    {
        string reason;
        try
        {
            var planned = await plan.MakeAsync(_stop.Token).ConfigureAwait(false);
            Check(planned);
            if (Apply(planned))
                _said = null;
            return;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw;
        }
        catch (EvBusException e)
        {
            reason = e is EvBusConfigurationException { Errors.Count: > 1 } several ? string.Join(" ", several.Errors) : e.Message;
        }
        catch (Exception e)
        {
            // Whoever made this source may quote in the message what he was reading.
            reason = $"a source of profiles failed with {e.GetType().Name}. Its message is withheld, as it may quote a secret";
        }
        if (reason == _said)
            return;
        _said = reason;
        Log.ReloadFailed(logger, reason);
    }

    /// <summary>What would be refused half way has to be refused before anything changes.</summary>
    private void Check(IReadOnlyList<PlannedLane> planned)
    {
        var errors = new List<string>();
        foreach (var (definition, _, _) in planned)
        {
            if (_current!.TryGetValue(definition.Id, out var known))
            {
                if (known.Definition.Pattern != definition.Pattern)
                    errors.Add($"Lane '{definition.Id}' would change from profile '{known.Definition.Pattern}' to '{definition.Pattern}' while it runs. Give it another 'lane:', or restart.");
            }
            else if (lanes.Find(definition.Id) is { IsOrphaned: false })
            {
                errors.Add($"There is a lane called '{definition.Id}' already, added by code. Give the profile another name, or another 'lane:'.");
            }
        }
        if (errors.Count > 0)
            throw new EvBusConfigurationException(errors);
    }

    private bool Apply(IReadOnlyList<PlannedLane> planned)
    {
        var next = planned.ToDictionary(lane => lane.Definition.Id);
        var (added, changed, gone, back) = (0, 0, 0, 0);
        lock (_lock)
        {
            if (_stopped)
                return false;
            // New ones first: where a profile was renamed, no event falls between the two.
            foreach (var lane in planned)
            {
                var there = lanes.Find(lane.Definition.Id);
                if (!_current!.TryGetValue(lane.Definition.Id, out var before))
                {
                    if (there is not null && _orphans.TryGiveBack(there, lane.Definition))
                        back++;
                    else if (TryOpen(lane.Definition))
                        added++;
                    else
                        next.Remove(lane.Definition.Id);
                }
                else if (there is not null && IsChanged(before, lane) && ++changed > 0)
                    there.Rotate(lane.Definition, lane.IsExclusive);
            }
            foreach (var id in _current!.Keys.Where(id => !next.ContainsKey(id)))
            {
                if (lanes.Find(id) is { } lane && ++gone > 0)
                    _orphans.Keep(lane);
            }
            _current = next;
        }
        Log.ProfilesReloaded(logger, added, changed, gone, back);
        return true;
    }

    private bool TryOpen(LaneDefinition definition)
    {
        try
        {
            lanes.OpenAndStart(definition);
            return true;
        }
        catch (ArgumentException)
        {
            // Code has added a lane of that name in this moment, or an orphan is just being released: looking again tells which.
            _changed = true;
            return false;
        }
    }

    private static bool IsChanged(PlannedLane before, PlannedLane now) =>
        before.Profile is { } old && now.Profile is { } profile && !old.HasSameValuesAs(profile);
}
