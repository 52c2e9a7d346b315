namespace EvBus.Ingress.RabbitMq;

// What comes back, is held, and fails.
internal sealed partial class ConfirmRing
{
    /// <summary>The tag of the event that is published next.</summary>
    public ulong NextTag
    {
        get
        {
            lock (_lock)
                return _next;
        }
    }

    /// <summary>The broker found no queue for a message and gives it back; its confirmation follows, and is a rejection then.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="routingKey">The message's routing key.</param>
    /// <param name="reason">Why, given its tag.</param>
    public void Return(string? id, string routingKey, Func<ulong, (string Reason, bool IsRetry)> reason)
    {
        lock (_lock)
        {
            // They come back in the order they went out, so this finds its slot at the beginning. Of equal ids with equal keys, all share the fate.
            for (var tag = _tail; tag < _next; tag++)
            {
                ref var slot = ref _slots[tag % Capacity];
                if (slot.State != SlotState.Outstanding || slot.Id != id || slot.RoutingKey != routingKey)
                    continue;
                (slot.Reason, var isRetry) = reason(tag);
                slot.State = isRetry ? SlotState.Again : SlotState.Returned;
                return;
            }
        }
    }

    /// <summary>Nothing is published until it is let go again.</summary>
    public void Hold(bool isHeld)
    {
        lock (_lock)
        {
            _isHeld = isHeld;
            // What had to wait while held has its full time again.
            _lastProgress = time.GetTimestamp();
            _sample = 0;
            if (!isHeld)
                WakeWriter();
        }
    }

    /// <summary>The channel is gone: all that is outstanding, and the rest of what is being written, was disconnected.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="maxLength">Bodies longer than that were the cause, and are rejected instead. Null: no such cause.</param>
    /// <param name="isCause">Given how many are outstanding: whether the only one was the cause, and is rejected with the reason.</param>
    public void Fail(string reason, long? maxLength, Func<int, bool>? isCause = null)
    {
        lock (_lock)
        {
            if (_failure is not null)
                return;
            _failure = reason;
            var outstanding = 0;
            for (var tag = _tail; tag < _next; tag++)
                outstanding += _slots[tag % Capacity].State == SlotState.Settled ? 0 : 1;
            var rejects = isCause?.Invoke(outstanding) == true;
            for (; _tail < _next; _tail++)
            {
                var slot = _slots[_tail % Capacity];
                if (slot.State == SlotState.Settled)
                    continue;
                if (slot.Length > maxLength)
                    slot.Batch.Settle(slot.Index, Verdict.Rejected, TooLarge(slot.Length, maxLength.Value));
                else if (rejects)
                    slot.Batch.Settle(slot.Index, Verdict.Rejected, $"the broker closes the channel over event '{slot.Id}': {reason}");
                else
                    slot.Batch.Settle(slot.Index, Verdict.Disconnected, reason);
            }
            Array.Clear(_slots);
            if (!_isWriterInside)
                _writing?.SettleRest(Verdict.Disconnected, reason);
            _room?.TrySetResult();
            _room = null;
        }
    }
}
