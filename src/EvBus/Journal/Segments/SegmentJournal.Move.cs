using System.Globalization;

namespace EvBus.Journal;

// A lane goes to another place while the rest runs: back to get events again, forward to skip. The log is read without the gate; only the
// last step, and what memory holds, is done under it.
internal sealed partial class SegmentJournal
{
    private const int TriesWithoutGate = 2;

    private readonly Lock _moving = new();
    private readonly Lock _deleting = new();
    private long _keptFrom = long.MaxValue;

    public Position End
    {
        get
        {
            lock (_gate)
                return new Position(Epoch, _end);
        }
    }

    /// <summary>How many events moved: back to queued, or to dropped (skipped).</summary>
    /// <exception cref="EvBusException">The journal does not keep that place any more, or not yet, or the lane cannot be moved now.</exception>
    internal long Move(SegmentLane lane, LanePlace to, bool isSkip)
    {
        lock (_moving)
        {
            for (var tries = 0; ; tries++)
            {
                if (_store is not null && tries < TriesWithoutGate)
                {
                    // What is accepted counts as there: it is only not on disk yet. In mode spill the lane may even have read it.
                    if (_spills || !to.IsOldest)
                        AwaitCommit(lane);
                    if (TryMove(lane, to, isSkip, out var moved))
                        return moved;
                    continue;
                }
                lock (_gate)
                {
                    TryMove(lane, to, isSkip, out var moved);
                    return moved;
                }
            }
        }
    }

    /// <summary>Waits until all that is accepted is on disk, or the disk is full: then what is there has to do, for a skip may be what makes room.</summary>
    private void AwaitCommit(SegmentLane lane)
    {
        var committed = CommitOfAll();
        while (committed is not null && !committed.Wait(TimeSpan.FromMilliseconds(50)))
        {
            lock (_gate)
            {
                if (_waitsFor is not null)
                    return;
            }
        }
        if (committed?.Result is not { } failure)
            return;
        // What was given back for the move is read again all the same: what is committed can still be delivered.
        lock (_gate)
        {
            var stand = lane.Stand();
            lane.TakeUpAgain(SegmentAt(stand.Place, out var offset), offset, stand.Place);
        }
        throw new EvBusException($"The lane cannot be moved: the journal cannot write ({failure}). Mend the disk and start again.");
    }

    /// <summary>Deletes the files that nobody needs, but none that a lane is just going back to.</summary>
    private int DeleteFiles(DiskStore store, long needed)
    {
        lock (_deleting)
        {
            // A cursor may have gone back since the caller looked.
            needed = Math.Min(Math.Min(needed, _keptFrom), store.OldestPlace(needed));
            var retain = _isFull ? null : _options.Journal.Retain;
            return store.Log.DeleteBefore(retain is null ? needed : store.Log.RetainedFrom(needed, retain, _options.Time.GetUtcNow()));
        }
    }

    private bool TryMove(SegmentLane lane, LanePlace to, bool isSkip, out long moved)
    {
        LaneStand stand;
        Place end;
        lock (_gate)
        {
            stand = lane.Stand();
            _spilled |= _spills;
            end = _store is null ? new Place(_tail, _tail.Written, _end, _bytes) : _committed;
        }
        lock (_deleting)
            _keptFrom = 0;
        try
        {
            lock (_gate)
            {
                if (lane.Immovable is { } why)
                    throw new EvBusException(why);
                if (_spills && stand.Next > end.Sequence)
                    throw new EvBusException($"Lane '{lane.Id}' cannot be moved while the disk is full: it has read what is not on disk. Make room first.");
            }
            var (target, count) = Plan(lane, stand, end, to, isSkip);
            LaneCursor? cursor;
            lock (_gate)
            {
                moved = count.Events;
                if (lane.Immovable is { } why)
                    throw new EvBusException(why);
                // Its limit has taken something from it meanwhile: look again.
                if (!lane.IsAt(stand))
                    return false;
                if (target is { } place)
                    lane.MoveTo(SegmentAt(place, out var offset), offset, place, end.Sequence, count, isSkip);
                else
                    lane.TakeUpAgain(SegmentAt(stand.Place, out var offset), offset, stand.Place);
                cursor = _store is null ? null : lane.Capture();
                AskForCheck();
                if (_commenced)
                    Trim();
                SignalRoom();
            }
            _outbox.Tell();
            if (cursor is not null)
                Keep(cursor);
            return true;
        }
        catch (LogReadException e)
        {
            lock (_gate)
                lane.TakeUpAgain(SegmentAt(stand.Place, out var offset), offset, stand.Place);
            throw new EvBusException($"The lane cannot be moved: {e.Message}. Mend the disk, or choose a place that does not lead over it.", e);
        }
        catch
        {
            lock (_gate)
                lane.TakeUpAgain(SegmentAt(stand.Place, out var offset), offset, stand.Place);
            throw;
        }
        finally
        {
            lock (_deleting)
                _keptFrom = long.MaxValue;
        }
    }

    /// <summary>Where the lane is to go and what that moves; no target when it is there already.</summary>
    private ((ulong Sequence, long Byte)? Target, MoveCount Count) Plan(SegmentLane lane, LaneStand stand, Place end, LanePlace to, bool isSkip)
    {
        var target = Find(to, end);
        if (isSkip ? target.Sequence <= stand.Oldest : target.Sequence >= stand.Oldest)
            return (null, default);
        var count = default(MoveCount);
        // After a restart it may have been through with some that it has not come to again.
        var (from, until) = isSkip ? (stand.Place, target.Sequence) : (target, stand.Settled.Select(static range => range.To).Append(stand.Next).Max());
        foreach (var (record, sequence, _) in Records(from.Sequence, from.Byte, end.Bytes))
        {
            if (sequence >= until)
                break;
            // Back: what it was through with comes again. Forward: what it was not through with never comes.
            if (stand.IsSettled(sequence) == isSkip || !lane.Filter.Matches(record))
                continue;
            count.Events++;
            count.Bytes += record.Length;
            if (isSkip && (EventCodec.ReadFlags(record.Span) & EventCodec.RecordFlags.Awaited) != 0 && sequence >= (_store?.End.Sequence ?? 0))
                (count.Awaited ??= []).Add(new Position(Epoch, sequence));
        }
        return (target, count);
    }
}

/// <summary>What a move has counted on its way.</summary>
internal struct MoveCount
{
    public long Events { get; set; }

    public long Bytes { get; set; }

    /// <summary>Those among them whose receipts somebody waits for.</summary>
    public List<Position>? Awaited { get; set; }
}
