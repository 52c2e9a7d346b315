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
                        AwaitCommit();
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
    private void AwaitCommit()
    {
        var committed = CommitOfAll();
        while (committed is not null && !committed.Wait(TimeSpan.FromMilliseconds(50)))
        {
            lock (_gate)
            {
                if (_isFull)
                    return;
            }
        }
        if (committed?.Result is { } failure)
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
                    lane.MoveTo(SegmentAt(place, out var offset), offset, place, count, isSkip);
                else
                    lane.TakeUpAgain(SegmentAt(stand.Place, out var offset), offset, stand.Place);
                cursor = _store is null ? null : lane.Capture();
                AskForCheck();
                if (_commenced)
                    Trim();
                SignalRoom();
            }
            if (cursor is not null)
                Keep(cursor);
            return true;
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
        var (from, until) = isSkip ? (stand.Place, target.Sequence) : (target, stand.Next);
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

    private (ulong Sequence, long Byte) Find(LanePlace to, Place end)
    {
        if (to.IsNow)
            return (end.Sequence, end.Bytes);
        var first = First(end);
        if (to.IsOldest)
            return first;
        if (to.Position is { } position && position.Offset >= end.Sequence)
        {
            return position.Offset == end.Sequence ? (end.Sequence, end.Bytes)
                : throw new EvBusException(string.Create(CultureInfo.InvariantCulture, $"The journal ends before position {position}. Choose one of this journal, or LanePlace.Now, its end."));
        }
        var start = _store is null ? first : FileFor(to, first);
        DateTimeOffset? oldest = null;
        foreach (var (record, sequence, at) in Records(start.Sequence, start.Byte, end.Bytes))
        {
            var accepted = EventCodec.ReadAccepted(record.Span);
            if (sequence == first.Sequence)
                oldest = accepted;
            if (to.Position is { } wanted ? sequence < wanted.Offset : accepted < to.Time)
                continue;
            // Whether there was something between that place and the oldest event cannot be known, unless nothing was ever deleted.
            if (sequence == first.Sequence && first.Sequence > 0 && (to.Position is { } past ? past.Offset < sequence : accepted > to.Time))
                throw Refused(to, oldest);
            return (sequence, at);
        }
        if (to.Position is not null && first.Sequence == end.Sequence)
            throw Refused(to, null);
        return (end.Sequence, end.Bytes);
    }

    private (ulong Sequence, long Byte) First(Place end)
    {
        if (_store is null)
            return OldestWhole() is var oldest ? (oldest.FirstSequence, oldest.FirstByte) : default;
        return _store.Log.Files is [var file, ..] ? (file.FirstSequence, file.FirstByte) : (end.Sequence, end.Bytes);
    }

    /// <summary>The last file that surely begins before the place: so only one or two are read.</summary>
    private (ulong Sequence, long Byte) FileFor(LanePlace to, (ulong Sequence, long Byte) first)
    {
        var files = _store!.Log.Files;
        for (var i = files.Count - 1; i >= 0; i--)
        {
            // Events of a group may be a little older than the file that was made for it.
            if (to.Position is { } position ? files[i].FirstSequence <= position.Offset : files[i].Made is { } made && made <= to.Time && i > 0 && files[i - 1].Made <= to.Time)
                return to.Position is not null || i == 0 ? (files[i].FirstSequence, files[i].FirstByte) : (files[i - 1].FirstSequence, files[i - 1].FirstByte);
        }
        return first;
    }

    private static EvBusException Refused(LanePlace to, DateTimeOffset? oldest) => new(oldest is { } time
        ? string.Create(CultureInfo.InvariantCulture, $"The journal does not keep {to} any more: its oldest event was accepted at {time:O}. LanePlace.Oldest goes there; JournalOptions.Retain keeps more.")
        : $"The journal does not keep {to} any more, nor any event: every lane is through with all of them. JournalOptions.Retain keeps some.");

    /// <summary>The records from a place on, with number and byte. In memory only under the gate.</summary>
    private IEnumerable<(ReadOnlyMemory<byte> Record, ulong Sequence, long Byte)> Records(ulong sequence, long at, long end)
    {
        if (_store is null)
        {
            foreach (var (record, number) in HeldFrom(SegmentFor(sequence)))
            {
                if (number >= sequence)
                    yield return (record, number, 0);
            }
            yield break;
        }
        while (_store.Log.ReadBlock(at, sequence, end) is { } block)
        {
            sequence = block.FirstSequence;
            for (var offset = 0; offset < block.Readable;)
            {
                var length = EventCodec.ReadLength(block.Buffer.AsSpan(offset));
                if (!JournalFormat.IsControl(block.Buffer.AsSpan(offset)))
                    yield return (block.Buffer.AsMemory(offset, length), sequence++, block.FirstByte + offset);
                offset += length;
            }
            at = block.FirstByte + block.Readable;
            ReturnBlock(block);
        }
    }

    private Segment SegmentFor(ulong sequence)
    {
        // Not from the oldest whole one: what waits for another try may be before a gap.
        var segment = _oldest;
        while (segment.Next is { } next && next.FirstSequence <= sequence)
            segment = next;
        return segment;
    }

    /// <summary>Where a lane reads on from a place. Under the gate.</summary>
    private Segment SegmentAt((ulong Sequence, long Byte) place, out int offset)
    {
        offset = 0;
        if (_store is not null)
            return BlockAt(place.Sequence, place.Byte);
        var segment = SegmentFor(place.Sequence);
        for (var sequence = segment.FirstSequence; sequence < place.Sequence && offset < segment.Written; sequence++)
            offset += EventCodec.ReadLength(segment.Buffer.AsSpan(offset));
        return segment;
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
