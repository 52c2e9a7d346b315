using System.Threading.Tasks.Sources;

namespace EvBus.Journal;

/// <summary>
/// Wakes one waiter; a signal that comes early is kept, and several count as one. Makes no garbage. The waiter goes on on the
/// thread pool, never on the thread that signals.
/// </summary>
internal sealed class AsyncSignal : IValueTaskSource
{
    private const int Idle = 0, Signalled = 1, Waiting = 2;

    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private int _state;

    /// <summary>Completes at the next signal. One waiter at a time.</summary>
    public ValueTask WaitAsync()
    {
        _core.Reset();
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) == Idle)
            return new ValueTask(this, _core.Version);
        Interlocked.Exchange(ref _state, Idle);
        return ValueTask.CompletedTask;
    }

    /// <summary>Wakes the waiter, or the next one. Any thread.</summary>
    public void Set()
    {
        while (true)
        {
            var state = Volatile.Read(ref _state);
            if (state == Signalled)
                return;
            if (state == Idle)
            {
                if (Interlocked.CompareExchange(ref _state, Signalled, Idle) == Idle)
                    return;
            }
            else if (Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting)
            {
                _core.SetResult(true);
                return;
            }
        }
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}

/// <summary>Lanes to wake once the lock is given back: a woken thread should not meet it.</summary>
internal struct WakeList
{
    private SegmentLane? _first;
    private List<SegmentLane>? _more;

    public void Add(SegmentLane lane)
    {
        if (_first is null)
            _first = lane;
        else
            (_more ??= []).Add(lane);
    }

    public readonly void WakeAll()
    {
        _first?.Observer.Wake();
        if (_more is null)
            return;
        foreach (var lane in _more)
            lane.Observer.Wake();
    }
}
