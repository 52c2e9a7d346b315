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
        while (true)
        {
            var (events, bytes) = Queued(lane);
            var overEvents = options.LimitEvents is { } maxEvents && events + 1 > maxEvents;
            var overBytes = options.LimitBytes is { } maxBytes && events > 0 && bytes + length > maxBytes;
            var overAge = options.LimitAge is { } maxAge && lane.OldestUnread(_options.Time.GetUtcNow() - maxAge);
            if (!overEvents && !overBytes && !overAge)
                return true;
            if (options.OnLimit == LimitPolicy.Block)
                return false;
            var what = overEvents ? $"{events} events queued" : overBytes ? $"{bytes} bytes queued" : $"its oldest event is older than {options.LimitAge}";
            lane.Observer.OnLimitReached(options.OnLimit, what);
            switch (options.OnLimit)
            {
                case LimitPolicy.Detach:
                    DetachLane(lane);
                    return true;
                case LimitPolicy.DeadLetter:
                    if (lane.DeadLetterUnread(1, overAge ? DropReasons.Expired : DropReasons.LaneLimit) == 0)
                        return false;
                    break;
                default:
                    if (lane.DropUnread(1, null, overAge ? DropReasons.Expired : DropReasons.LaneLimit) == 0)
                        return false;
                    break;
            }
        }
    }

    private (long Events, long Bytes) Queued(SegmentLane lane)
    {
        var (events, bytes) = SumFor(lane);
        return lane.Queued(events, bytes);
    }

    private void PlanNextCheck()
    {
        var (events, bytes) = _store is null ? MemoryRoom() : (long.MaxValue, StoreRoom());
        foreach (var lane in _lanes)
        {
            if (!lane.HasLimit || lane.IsDetached)
                continue;
            var (queued, queuedBytes) = Queued(lane);
            events = Math.Min(events, lane.Options.LimitAge is null ? (lane.Options.LimitEvents ?? long.MaxValue) - queued : 0);
            bytes = Math.Min(bytes, (lane.Options.LimitBytes ?? long.MaxValue) - queuedBytes);
        }
        _checkAtEvents = events == long.MaxValue ? ulong.MaxValue : _end + (ulong)Math.Max(events, 0);
        _checkAtBytes = bytes == long.MaxValue ? long.MaxValue : _bytes + bytes;
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

    internal void ApplyAgeLimit(SegmentLane lane, DateTimeOffset now)
    {
        if (lane.Options.LimitAge is not { } maxAge || lane.Options.OnLimit == LimitPolicy.Block)
            return;
        lock (_gate)
        {
            while (!lane.IsDetached && lane.OldestUnread(now - maxAge))
            {
                lane.Observer.OnLimitReached(lane.Options.OnLimit, $"its oldest event is older than {maxAge}");
                if (lane.Options.OnLimit == LimitPolicy.Detach)
                    DetachLane(lane);
                else if (lane.Options.OnLimit == LimitPolicy.DeadLetter)
                    lane.DeadLetterUnread(1, DropReasons.Expired);
                else
                    lane.DropUnread(1, null, DropReasons.Expired);
            }
            Trim();
            SignalRoom();
        }
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
        lock (_gate)
        {
            lane.CountSettled(batch, from, count, outcome, reason);
            cursor = KeepsEverySettling ? lane.Capture() : null;
            SignalRoom();
        }
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
