namespace EvBus.Journal;

// What happens when there is no room: rare, so it may look at every lane.
internal sealed partial class SegmentJournal
{
    /// <summary>Makes the next append look at the limits.</summary>
    private void AskForCheck() => _checkAtEvents = 0;

    /// <summary>Whether a record of that length may be appended now, after the lanes that must give way have done so.</summary>
    private bool EnsureRoom(int length)
    {
        foreach (var lane in _lanes)
            lane.NeedsFrom(WaitsForCommit ? _committed.Segment : _tail, EndSequence, WaitsForCommit ? _committed.Bytes : _bytes);
        if (!EnsureJournalRoom(length) || !EnsureLaneRoom(length))
            return false;
        PlanNextCheck();
        return true;
    }

    private bool EnsureJournalRoom(int length)
    {
        if (_store is not null)
            return HasStoreRoom(length);
        if (!_commenced)
            return _end - _oldest.FirstSequence < (ulong)_options.MaxEvents && _bytes - _oldest.FirstByte + length <= _options.MaxBytes;
        while (true)
        {
            SegmentLane? furthest = null;
            foreach (var lane in _lanes)
            {
                if (!lane.IsOrphaned && IsFull(lane, length) && lane.SkipUnwanted() && IsFull(lane, length) && (furthest is null || lane.HeldEvents(_end) > furthest.HeldEvents(_end)))
                    furthest = lane;
            }
            if (furthest is null)
            {
                TakeFromOrphans(length);
                return true;
            }
            // Some at once, so that a journal kept full by a dead lane does not pay for each event.
            if (furthest.IsFlowing || furthest.DropUnread(Math.Max(1, _options.MaxEvents / 64), _options.MaxBytes / 64 + length, DropReasons.Overflow) == 0)
                return false;
            Trim();
        }
    }

    private bool IsFull(SegmentLane lane, int length) =>
        lane.HeldEvents(_end) >= _options.MaxEvents || (lane.HeldBytes(_bytes) + length > _options.MaxBytes && lane.HeldEvents(_end) > 0);

    private bool EnsureLaneRoom(int length)
    {
        foreach (var lane in _lanes)
        {
            if (lane.HasLimit && !lane.IsDetached && !EnsureLimit(lane, length))
                return false;
        }
        return true;
    }

    private bool EnsureLimit(SegmentLane lane, int length)
    {
        var options = lane.Options;
        var (events, bytes) = Queued(lane);
        var overEvents = options.LimitEvents is { } maxEvents && events + 1 > maxEvents;
        var overBytes = options.LimitBytes is { } maxBytes && events > 0 && bytes + length > maxBytes;
        var overAge = options.LimitAge is { } maxAge && lane.OldestInMemory() < _options.Time.GetUtcNow() - maxAge;
        if (!overEvents && !overBytes && !overAge)
            return true;
        switch (options.OnLimit)
        {
            case LimitPolicy.Block:
                return false;
            case LimitPolicy.Detach:
                ReachLimit(lane, overEvents ? $"{events} events queued" : overBytes ? $"{bytes} bytes queued" : $"its oldest event is older than {options.LimitAge}");
                return true;
            default:
                // What has to go goes after the gate. Only a lane whose dead letters come much slower than its events makes the door wait.
                _outbox.Add(lane.Relief);
                // What cannot be read cannot be given up.
                if (lane.IsUnreadable && (overEvents || overBytes))
                    return false;
                return (options.LimitEvents is not { } mostEvents || events <= (2 * mostEvents) + SlackEvents)
                    && (options.LimitBytes is not { } mostBytes || bytes <= (2 * mostBytes) + SlackBytes);
        }
    }

    /// <summary>A letter that comes back must not push another event of its lane out. Under the gate.</summary>
    private bool HasRoomForReplay(SegmentLane lane, int length)
    {
        if (!lane.HasLimit)
            return true;
        var (events, bytes) = Queued(lane);
        return (lane.Options.LimitEvents is not { } maxEvents || events < maxEvents)
            && (lane.Options.LimitBytes is not { } maxBytes || events == 0 || bytes + length <= maxBytes);
    }

    private void ReachLimit(SegmentLane lane, string what)
    {
        DetachLane(lane);
        _outbox.Add(() => lane.Observer.OnLimitReached(LimitPolicy.Detach, what));
    }

    private (long Events, long Bytes) Queued(SegmentLane lane)
    {
        var (events, bytes) = SumFor(lane);
        return lane.Queued(events, bytes);
    }

    private void PlanNextCheck()
    {
        var (events, bytes) = _store is null ? MemoryRoom() : (long.MaxValue, StoreRoom());
        var (now, checkAt) = (_options.Time.GetUtcNow(), long.MaxValue);
        foreach (var lane in _lanes)
        {
            if (!lane.HasLimit || lane.IsDetached)
                continue;
            var (queued, queuedBytes) = Queued(lane);
            events = Math.Min(events, (lane.Options.LimitEvents ?? long.MaxValue) - queued);
            if (lane.Options.LimitAge is { } maxAge)
                checkAt = Math.Min(checkAt, ((lane.OldestInMemory() ?? now) + maxAge).UtcTicks);
            bytes = Math.Min(bytes, (lane.Options.LimitBytes ?? long.MaxValue) - queuedBytes);
        }
        _checkAtEvents = events == long.MaxValue ? ulong.MaxValue : _end + (ulong)Math.Max(events, 0);
        _checkAtBytes = bytes == long.MaxValue ? long.MaxValue : _bytes + bytes;
        _checkAtTicks = checkAt;
    }

    /// <summary>How much may be appended before the limits of the memory have to be looked at.</summary>
    private (long Events, long Bytes) MemoryRoom()
    {
        var events = _commenced ? long.MaxValue : _options.MaxEvents - (long)(_end - _oldest.FirstSequence);
        var bytes = _commenced ? long.MaxValue : _options.MaxBytes - (_bytes - _oldest.FirstByte);
        var (orphanEvents, orphanBytes) = HeldByOrphans();
        foreach (var lane in _lanes)
        {
            if (lane.IsOrphaned)
                continue;
            events = Math.Min(events, _options.MaxEvents - lane.HeldEvents(_end) - orphanEvents);
            bytes = Math.Min(bytes, _options.MaxBytes - lane.HeldBytes(_bytes) - orphanBytes);
        }
        return (events, bytes);
    }

    internal void Detach(SegmentLane lane)
    {
        lock (_gate)
            DetachLane(lane);
    }

    private void DetachLane(SegmentLane lane)
    {
        if (lane.IsDetached)
            return;
        var (events, bytes) = SumFor(lane);
        lane.MarkDetached(_tail, _end, _bytes, events, bytes);
        SignalRoom();
    }

    internal void Attach(SegmentLane lane)
    {
        LaneCursor? cursor;
        lock (_gate)
        {
            if (!lane.IsOrphaned)
                AttachLane(lane);
            cursor = _store is null ? null : lane.Capture();
        }
        // What it missed is counted as dropped now, so it must not come after a kill.
        if (cursor is not null)
            Keep(cursor);
    }

    private void AttachLane(SegmentLane lane)
    {
        if (!lane.IsDetached)
            return;
        var (events, bytes) = SumFor(lane);
        lane.MarkAttached(_tail, _end, _bytes, events, bytes);
        AskForCheck();
    }

    internal void SetFlowing(SegmentLane lane, bool flowing)
    {
        lock (_gate)
        {
            if (lane.IsFlowing == flowing)
                return;
            lane.IsFlowing = flowing;
            // A full journal may take from this lane now.
            if (!flowing)
                SignalRoom();
        }
    }

    internal void Settle(SegmentLane lane, EventBatch batch, int from, int count, LaneOutcome outcome, string? reason)
    {
        LaneCursor? cursor;
        bool goesOn;
        lock (_gate)
        {
            lane.CountSettled(batch, from, count, outcome, reason);
            cursor = KeepsEverySettling ? lane.Capture() : null;
            goesOn = lane.EndStall();
            SignalRoom();
        }
        if (goesOn)
            lane.Observer.Wake();
        if (cursor is not null)
            Keep(cursor);
        else
            _keeper?.Touch();
    }

    /// <summary>The memory behind a batch is not needed any more.</summary>
    internal void Release(ReadOnlySpan<Segment> segments)
    {
        lock (_gate)
        {
            foreach (var segment in segments)
            {
                if (segment.Unpin() && segment.IsLoose)
                    ReturnLoose(segment);
            }
            if (segments[0] != _tail && !segments[0].IsLoose)
                Trim();
        }
    }
}
