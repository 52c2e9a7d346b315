namespace EvBus.Ingress.RabbitMq;

/// <summary>
/// What was published on one channel and is not confirmed yet, indexed by delivery tag. One writer, one caller of confirmations at a time, anybody for the rest.
/// Invariants:
/// 1. Tags from <c>_tail</c> to <c>_next - 1</c> are outstanding or holes left by single confirmations; the broker counts as we do, from 1.
/// 2. Every event handed over gets exactly one verdict: at its confirmation, or when the ring fails.
/// 3. While the writer is inside (it may be reading its batch), only the writer gives what it has not written its verdict; so a batch is never given back under it.
/// </summary>
internal sealed partial class ConfirmRing(TimeProvider time, WindowTuner tuner, string exchange = "the default exchange")
{
    private const int Capacity = WindowTuner.Most;

    private readonly Lock _lock = new();
    private readonly Slot[] _slots = new Slot[Capacity];
    private ulong _tail = 1;
    private ulong _next = 1;
    private PendingBatch? _writing;
    private bool _isWriterInside;
    private bool _isHeld;
    private string? _failure;
    private TaskCompletionSource? _room;
    private long _lastProgress;
    private ulong _sample;
    private long _sampledAt;
    private bool _wasFull;

    private enum SlotState : byte { Settled, Outstanding, Returned, Again }

    public int Outstanding
    {
        get
        {
            lock (_lock)
                return (int)(_next - _tail);
        }
    }

    /// <summary>How long something has been outstanding without any sign that it gets on, and the length of the body that is next; null when nothing is.</summary>
    public (TimeSpan Span, int Length)? Silence
    {
        get
        {
            lock (_lock)
                return _next == _tail ? null : (time.GetElapsedTime(_lastProgress), _slots[_tail % Capacity].Length);
        }
    }

    /// <summary>Bytes of what is outstanding got through.</summary>
    public void Moved()
    {
        lock (_lock)
            _lastProgress = time.GetTimestamp();
    }

    /// <summary>The writer begins a batch. False when the ring has failed; the batch then has its verdicts.</summary>
    public bool Begin(PendingBatch batch)
    {
        lock (_lock)
        {
            _writing = batch;
            if (_failure is not null)
            {
                batch.SettleRest(Verdict.Disconnected, _failure);
                return false;
            }
            _isWriterInside = true;
            return true;
        }
    }

    /// <summary>Whether the next event has to wait. The writer then calls <see cref="Leave"/>, awaits what it returns, and <see cref="Enter"/>.</summary>
    public bool MustWait
    {
        get
        {
            lock (_lock)
                return _failure is null && (_isHeld || (int)(_next - _tail) >= tuner.Window);
        }
    }

    /// <summary>Takes the next tag for an event that is to be published now. False when the ring has failed; the rest of the batch then has its verdicts.</summary>
    public bool Add(string id, string routingKey, int length)
    {
        lock (_lock)
        {
            if (_failure is not null)
            {
                _isWriterInside = false;
                _writing!.SettleRest(Verdict.Disconnected, _failure);
                return false;
            }
            if (_next == _tail)
                _lastProgress = time.GetTimestamp();
            if (_sample == 0)
                (_sample, _sampledAt, _wasFull) = (_next, time.GetTimestamp(), false);
            _slots[_next % Capacity] = new Slot(_writing!, _writing!.Written++, id, routingKey, length, SlotState.Outstanding, null);
            _next++;
            _wasFull |= (int)(_next - _tail) >= tuner.Window;
            return true;
        }
    }

    /// <summary>The event the writer is at cannot be published.</summary>
    public void Reject(string reason)
    {
        lock (_lock)
            _writing!.Settle(_writing.Written++, Verdict.Rejected, reason);
    }

    /// <summary>The writer is about to wait and touches nothing until <see cref="Enter"/>.</summary>
    /// <returns>Completes when there is room again.</returns>
    public Task Leave(bool forRoom)
    {
        lock (_lock)
        {
            _isWriterInside = false;
            if (_failure is not null)
                _writing!.SettleRest(Verdict.Disconnected, _failure);
            if (_failure is not null || !forRoom || !(_isHeld || (int)(_next - _tail) >= tuner.Window))
                return Task.CompletedTask;
            _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    /// <summary>The writer is back. False when the ring failed meanwhile: then the batch is not the writer's any more.</summary>
    public bool Enter()
    {
        lock (_lock)
        {
            _isWriterInside = _failure is null;
            return _isWriterInside;
        }
    }

    /// <summary>The writer is through with its batch.</summary>
    public void End()
    {
        lock (_lock)
        {
            _isWriterInside = false;
            if (_failure is not null)
                _writing!.SettleRest(Verdict.Disconnected, _failure);
            _writing = null;
        }
    }

    /// <summary>A confirmation. Repeated ones do nothing.</summary>
    /// <returns>False when the broker speaks of a tag it was never sent: nothing it says can be relied on then.</returns>
    public bool Confirm(ulong tag, bool multiple, bool isAck)
    {
        lock (_lock)
        {
            if (_failure is not null)
                return true;
            if (tag == 0 || tag >= _next)
                return false;
            if (tag < _tail)
                return true;
            for (var each = multiple ? _tail : tag; each <= tag; each++)
                Settle(ref _slots[each % Capacity], isAck);
            while (_tail < _next && _slots[_tail % Capacity].State == SlotState.Settled)
                _tail++;
            _lastProgress = time.GetTimestamp();
            if (_sample != 0 && _tail > _sample)
            {
                tuner.Measured(time.GetElapsedTime(_sampledAt, _lastProgress), _wasFull);
                _sample = 0;
            }
            WakeWriter();
            return true;
        }
    }

    public static string TooLarge(long length, long most) =>
        $"its body of {length} bytes is larger than the {most} that the broker takes (max_message_size). Raise it there, or put less into the event";

    private void Settle(ref Slot slot, bool isAck)
    {
        if (slot.State == SlotState.Settled)
            return;
        var (verdict, reason) = (isAck, slot.State) switch
        {
            (true, SlotState.Returned) => (Verdict.Rejected, slot.Reason),
            (true, SlotState.Again) => (Verdict.Retry, slot.Reason),
            (true, _) => (Verdict.Delivered, null),
            _ => (Verdict.Retry, $"the broker could not take it (nack): a queue behind {exchange} that routing key '{slot.RoutingKey}' leads to is full, or failed"),
        };
        slot.Batch.Settle(slot.Index, verdict, reason);
        slot = default;
    }

    // Not for every single place: the writer fills several at once, and sleeps less often.
    private void WakeWriter()
    {
        var window = tuner.Window;
        if (_room is null || _isHeld || (int)(_next - _tail) > window - 1 - (window / 8))
            return;
        _room.TrySetResult();
        _room = null;
    }

    private struct Slot(PendingBatch batch, int index, string id, string routingKey, int length, SlotState state, string? reason)
    {
        public readonly PendingBatch Batch = batch;
        public readonly int Index = index;
        public readonly int Length = length;
        public readonly string Id = id;
        public readonly string RoutingKey = routingKey;
        public SlotState State = state;
        public string? Reason = reason;
    }
}
