namespace EvBus.Journal;

// Lanes whose profile is gone: on no route, their queue kept, and first to give way when memory runs short.
internal sealed partial class MemoryJournal
{
    internal void Orphan(MemoryLane lane)
    {
        LaneCursor? cursor;
        lock (_gate)
        {
            if (lane.IsOrphaned || lane.IsForgotten)
                return;
            AttachLane(lane);
            // What lies ahead and is not for it need not be kept.
            lane.SkipUnwanted();
            lane.IsOrphaned = true;
            lane.OrphanedSince ??= _options.Time.GetUtcNow();
            Rebuild(_lanes);
            // What was for it and is not committed yet is on routes that are on their way out.
            var (events, bytes) = SumFor(lane);
            lane.MarkDetached(_tail, _end, _bytes, events, bytes);
            cursor = _store is null ? null : lane.Capture();
            SignalRoom();
        }
        if (cursor is not null)
            Keep(cursor);
    }

    internal void Adopt(MemoryLane lane)
    {
        if (_store is not null)
            Announce(lane, _store);
        LaneCursor? cursor;
        lock (_gate)
        {
            if (!lane.IsOrphaned || lane.IsForgotten)
                return;
            AttachLane(lane);
            lane.IsOrphaned = lane.IsReturning = false;
            lane.OrphanedSince = null;
            Rebuild(_lanes);
            cursor = _store is null ? null : lane.Capture();
        }
        if (cursor is not null)
            Keep(cursor);
    }

    /// <summary>
    /// Makes durable that the lane is no orphan any more, before anything is for it again: after a power loss at this moment it gets events too many, never too few.
    /// </summary>
    private void Announce(MemoryLane lane, DiskStore store)
    {
        LaneCursor cursor;
        lock (_gate)
        {
            if (!lane.IsOrphaned || lane.IsForgotten)
                return;
            lane.IsReturning = true;
            cursor = lane.Capture();
        }
        try
        {
            store.WriteCursor(cursor);
            store.Sync();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The disk fails: the keeper meets the same at its next turn, and says so.
            _keeper!.Touch();
        }
    }

    /// <summary>What orphans keep comes on top of what the others have; so that memory stays bounded, the largest gives way.</summary>
    private void TakeFromOrphans(int length)
    {
        while (true)
        {
            var (events, bytes) = HeldByOrphans();
            if (events == 0)
                return;
            var others = _lanes.Where(lane => !lane.IsOrphaned).ToArray();
            var ahead = others.Select(lane => lane.HeldEvents(_end)).DefaultIfEmpty().Max();
            var aheadBytes = others.Select(lane => lane.HeldBytes(_bytes)).DefaultIfEmpty().Max();
            if (ahead + events < _options.MaxEvents && aheadBytes + bytes + length <= _options.MaxBytes)
                return;
            // What was handed to a publisher cannot be taken back, so the largest may have nothing to give.
            if (!_lanes.Where(lane => lane.IsOrphaned).OrderByDescending(lane => lane.HeldBytes(_bytes))
                .Any(lane => lane.DropUnread(Math.Max(1, _options.MaxEvents / 64), _options.MaxBytes / 64 + length, DropReasons.Overflow) > 0))
            {
                return;
            }
            Trim();
        }
    }

    private (long Events, long Bytes) HeldByOrphans()
    {
        var (events, bytes) = (0L, 0L);
        foreach (var lane in _lanes)
        {
            if (lane.IsOrphaned)
                (events, bytes) = (events + lane.HeldEvents(_end), bytes + lane.HeldBytes(_bytes));
        }
        return (events, bytes);
    }
}
