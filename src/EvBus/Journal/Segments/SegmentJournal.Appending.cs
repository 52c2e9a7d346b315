using System.Runtime.InteropServices;

namespace EvBus.Journal;

// An event becomes part of the log, is counted on its route, and wakes who waits for it. Under the gate.
internal sealed partial class SegmentJournal
{
    private Route? Append(ReadOnlySpan<byte> record, ref WakeList wakes)
    {
        if (_isSealed)
            record = EventCodec.WithSeal(record);
        if (_tail.Free < record.Length)
            Roll(record.Length);
        record.CopyTo(_tail.Room);
        return TakeIn(record.Length, ref wakes);
    }

    /// <summary>The record that was just written behind the tail's end becomes part of the log.</summary>
    private Route? TakeIn(int length, ref WakeList wakes)
    {
        var at = _tail.Written;
        var record = _tail.Buffer.AsSpan(at, length);
        _tail.Advance(length, isReadable: !WaitsForCommit);
        var sequence = _end++;
        _bytes += record.Length;
        if (!_commenced)
            return null;
        var route = _routes.For(_tail.Buffer.AsMemory(at, record.Length));
        CountRouted(route, record, sequence);
        foreach (var lane in route.Lanes)
        {
            // In mode disk, they are woken when it is committed.
            if (!WaitsForCommit && lane.IsDue(_end))
                wakes.Add(lane);
            else if (lane.IsDetached && (EventCodec.ReadFlags(record) & EventCodec.RecordFlags.Awaited) != 0)
                TellDropped(lane, 0, DropReasons.Detached, [new Position(Epoch, sequence)]);
        }
        return route;
    }

    private void CountRouted(Route route, ReadOnlySpan<byte> record, ulong sequence)
    {
        var flags = EventCodec.ReadFlags(record);
        if ((flags & EventCodec.RecordFlags.ForLane) != 0)
            return;
        var stage = StageOf(sequence);
        route.Count(stage, record.Length);
        if (route.Lanes.Length == 0)
            CountUnmatched(stage, (flags & EventCodec.RecordFlags.HasProfile) == 0 ? null : EventCodec.FindText(record, EventCodec.Tag.Profile));
        // The one call out under the gate: its entry must be there before any lane can be through with the event.
        if ((flags & EventCodec.RecordFlags.Awaited) != 0)
            _listener.OnRouted(new Position(Epoch, sequence), route.LaneIds);
    }

    private void CountUnmatched(CommitStage stage, string? profile)
    {
        if (stage == CommitStage.Committed)
            _unmatched++;
        else if (stage == CommitStage.Closed)
            _unmatchedClosed++;
        else
            _unmatchedPending++;
        CountName(profile);
    }

    private void CountName(string? profile)
    {
        var name = profile ?? "";
        ref var count = ref CollectionsMarshal.GetValueRefOrNullRef(_unmatchedProfiles, name);
        if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref count))
        {
            if (_unmatchedProfiles.Count >= 1000)
                name = "other";
            else
                _outbox.Add(() => _listener.OnUnmatched(profile));
            CollectionsMarshal.GetValueRefOrAddDefault(_unmatchedProfiles, name, out _)++;
            return;
        }
        count++;
    }

    private void Roll(int atLeast)
    {
        var next = new Segment(_pool.Rent(atLeast), _end, _bytes);
        _tail.EndSequence = _end;
        _tail.Next = next;
        _tail = next;
        _residentBytes += next.Buffer.Length;
        if (_commenced)
            Trim();
        if (_spills)
            SpillIfDue();
    }
}
