namespace EvBus.Journal;

// What the journal does for a lane.
internal sealed partial class SegmentLane
{
    public void Settle(EventBatch batch, int from, int count, LaneOutcome outcome, string? reason) =>
        _journal.Settle(this, batch, from, count, outcome, reason);

    public void SetFlowing(bool flowing) => _journal.SetFlowing(this, flowing);

    public void Detach() => _journal.Detach(this);

    public void Attach() => _journal.Attach(this);

    public void Orphan() => _journal.Orphan(this);

    public void Adopt() => _journal.Adopt(this);

    public void ApplyAgeLimit(DateTimeOffset now) => _journal.ApplyAgeLimit(this, now);

    public bool TryReplay(BusEvent evt) => _journal.TryReplay(this, evt);

    public void Flush() => _journal.Flush();

    public DeadLetters OpenDeadLetters(int capacity) => _journal.OpenDeadLetters(Id, Options, capacity);

    bool IJournalLane.IsHeldUp => IsTooFarAhead;

    public bool IsThrough => _journal.IsThrough(this);

    /// <summary>Whether there is nothing to read before <paramref name="end"/>. Under the gate.</summary>
    public bool HasReadTo(ulong end)
    {
        lock (_reading)
            return _sequence >= End(end);
    }

    public LaneMeasure Measure() => _journal.Measure(this);

    public void Forget(string reason) => _journal.Close(this, reason);
}
