using EvBus.Hosting;
using EvBus.Telemetry;

namespace EvBus;

// The stop: steps in order, each done whatever became of the one before.
public sealed partial class EventBus
{
    private async Task<BusStatus> CloseAsync(TimeSpan deadline, CancellationToken cancellationToken)
    {
        // Leaves the caller's lock before anything else happens.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (_state != BusState.Stopped)
        {
            _wasRunning |= _state == BusState.Running;
            _state = BusState.Stopping;
        }
        _stop ??= new Steps(
            ("closing the door", () => Now(_door.Close)),
            ("ending the watch on profiles", () => _reload.DisposeAsync().AsTask()),
            ("draining the lanes", () => _wasRunning ? _lanes.DrainAsync(deadline, cancellationToken) : Now(_lanes.Close)),
            ("disposing what was gathered", () => _plan.DisposeAsync().AsTask()),
            ("ending the internal queues", () => Now(Queues.Complete)),
            ("answering those who wait", () => Now(_receipts.AbandonAll)),
            ("closing the journal", () => _journal.DisposeAsync().AsTask()));
        var faults = await _stop.RunAsync((step, e) => Log.StopStepFailed(_logger, Name, step, Mask(e.Message))).ConfigureAwait(false);
        _state = BusState.Stopped;
        var status = GetStatus();
        if (!_isStopSaid)
            SayStopped(status);
        _isStopSaid = true;
        return faults.Count == 0
            ? status
            : throw new EvBusException($"The bus '{Name}' has stopped, and {string.Join("; ", faults.Select(fault => $"{fault.Step} failed: {Mask(fault.Fault.Message)}"))}. Stop it again to try that again.", faults[0].Fault);
    }

    private void SayStopped(BusStatus status)
    {
        var ledger = Ledger.Format(status);
        Log.BusStopped(_logger, Name, ledger);
        if (_journal.Unconfirmed is > 0 and var unconfirmed)
            SayUnwritten(unconfirmed, ledger);
        else if (status.Lanes.Any(lane => lane.Queued > 0))
            Log.StoppedWithQueued(_logger, Name, ledger);
    }

    private static Task Now(Action step)
    {
        step();
        return Task.CompletedTask;
    }

    private static TimeSpan Clamp(TimeSpan deadline) =>
        deadline == Timeout.InfiniteTimeSpan || deadline > s_longestDeadline ? s_longestDeadline : deadline < TimeSpan.Zero ? TimeSpan.Zero : deadline;
}
