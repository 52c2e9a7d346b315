namespace EvBus.Journal;

// Giving up what is beyond the lane's limits.
internal sealed partial class SegmentLane
{
    private Action? _relief;
    private int _isRelieved;

    /// <summary>Brings the lane back to its limits; to be called after the gate.</summary>
    public Action Relief => _relief ??= () => _journal.BeginRelief(this);

    /// <summary>Held by the one who gives up.</summary>
    public Lock Relieving { get; } = new();

    public bool HasUnread
    {
        get
        {
            lock (_journal.Gate)
                return !HasReadTo(_journal.EndSequence);
        }
    }

    /// <summary>Whether the disk did not give what comes next when it was last read: then nothing can be given up either.</summary>
    public bool IsUnreadable
    {
        get => Volatile.Read(ref _isUnreadable);
        private set
        {
            // Looked at for each put of a full lane; written only when it changes.
            if (_isUnreadable != value)
                Volatile.Write(ref _isUnreadable, value);
        }
    }

    private bool _isUnreadable;

    public bool HasUnderWay => Interlocked.Read(ref _underWayEvents) > 0;

    /// <summary>The lane goes: what it has unread is dropped, and nobody needs to read it for that. Under the gate.</summary>
    public void Forsake(long routedEvents, long routedBytes, string reason)
    {
        var (events, bytes) = Queued(routedEvents, routedBytes);
        events -= Interlocked.Read(ref _underWayEvents);
        if (events <= 0)
            return;
        CountGivenUp(reason, events, bytes - Interlocked.Read(ref _underWayBytes));
        _journal.TellDropped(this, events, reason, null);
        _journal.TellLost(this, ulong.MaxValue, reason);
    }

    public bool TryBeginRelief() => Interlocked.Exchange(ref _isRelieved, 1) == 0;

    public void EndRelief() => Volatile.Write(ref _isRelieved, 0);

    /// <summary>Takes the oldest unread events to give them up, though the reader may be too far ahead for more.</summary>
    /// <exception cref="LogReadException">The disk does not give them now.</exception>
    public bool TryTake(EventBatch batch, in LaneExcess excess)
    {
        if (_segment.IsBlock)
            _journal.ReturnToMemory(this);
        lock (_reading)
        {
            var most = excess.Events;
            if (excess.Cutoff is { } cutoff)
            {
                // One at a time: the next may be younger.
                most = 1;
                if (!(OldestUnreadTime() < cutoff))
                    return false;
            }
            return TryReadOn(batch, most, excess.Bytes, mayGoFurther: true);
        }
    }

    /// <summary>A lane that stood still because it was too far ahead may read on. Under the gate.</summary>
    public bool EndStall()
    {
        if (_readiness != Readiness.Stalled || IsTooFarAhead)
            return false;
        BecomeReady(Readiness.Reading, ulong.MaxValue);
        return true;
    }
}
