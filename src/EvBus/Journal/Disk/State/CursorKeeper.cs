namespace EvBus.Journal;

/// <summary>Makes cursors and checkpoint durable a tenth of a second after something has changed; idle when nothing does.</summary>
internal sealed class CursorKeeper
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();

    // Held while state is kept, which takes a few fsyncs; whoever only says that something has changed must not wait for them.
    private readonly Lock _keeping = new();
    private readonly Action _keep;
    private readonly Action<string, Exception?> _fail;
    private readonly ITimer _timer;
    private bool _isDue;
    private bool _isKeeping;
    private bool _stopped;

    public CursorKeeper(TimeProvider time, Action keep, Action<string, Exception?> fail)
    {
        _keep = keep;
        _fail = fail;
        _timer = time.CreateTimer(_ => Tick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Something has changed. Any thread, any number of times.</summary>
    public void Touch()
    {
        if (Volatile.Read(ref _isDue))
            return;
        lock (_lock)
        {
            if (_isDue || _stopped)
                return;
            _isDue = true;
            if (!_isKeeping)
                _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>After this nothing is kept any more; one that runs is waited for.</summary>
    public void Stop()
    {
        lock (_keeping)
        lock (_lock)
        {
            _stopped = true;
            _timer.Dispose();
        }
    }

    private void Tick()
    {
        lock (_keeping)
        {
            lock (_lock)
            {
                if (_stopped)
                    return;
                (_isDue, _isKeeping) = (false, true);
            }
            var (again, isFull) = (Interval, false);
            try
            {
                _keep();
            }
            catch (StorageFullException)
            {
                // The committer meets the same and says it. Until there is room, what is durable already has to do: events may come twice.
                (again, isFull) = (RetryInterval, true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _fail(e.Message, null);
            }
#pragma warning disable CA1031 // Nobody is above a timer: what it does not catch ends the process.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _fail($"a defect of the bus: {e.Message}", e);
            }
            lock (_lock)
            {
                _isKeeping = false;
                _isDue |= isFull;
                if (_isDue)
                    _timer.Change(again, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
