using EvBus.Telemetry;

namespace EvBus.Journal;

// Cursors and checkpoint go to disk beside the log, and files that nobody needs go.
internal sealed partial class SegmentJournal
{
    /// <summary>Writes a cursor, to be made durable soon. That it cannot be written is the journal's trouble and not its lane's.</summary>
    internal void Keep(LaneCursor cursor)
    {
        try
        {
            _store!.WriteCursor(cursor);
        }
        catch (StorageFullException)
        {
            // It is kept with the others as soon as there is room. Until then what is durable already has to do: events may come twice.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            ((ICommitTarget)this).Fail(e.Message);
        }
        _keeper!.Touch();
    }

    /// <summary>Writes what has changed since the last time, makes it durable, and deletes the files that nobody needs any more.</summary>
    internal void KeepAll(bool isClean)
    {
        var cursors = new List<LaneCursor>();
        Checkpoint checkpoint;
        lock (_gate)
        {
            if (!_commenced)
                return;
            foreach (var lane in _lanes)
                cursors.Add(lane.Capture(isClean));
            var state = (isClean ? CheckpointState.Clean : CheckpointState.Open) | (_spills ? CheckpointState.Spill : CheckpointState.Open);
            checkpoint = new Checkpoint(Epoch, state, _committed.Bytes, _committed.Sequence, _committedAccepted, _unmatched, new Dictionary<string, long>(_unmatchedProfiles));
        }
        var store = _store!;
        foreach (var cursor in cursors)
            store.WriteCursor(cursor);
        store.WriteCheckpoint(checkpoint);
        // What is durable decides: a cursor that moves on from here is not yet.
        var needed = Math.Min(checkpoint.Byte, Math.Min(store.OldestPlace(checkpoint.Byte), cursors.Select(static cursor => cursor.PlaceByte).DefaultIfEmpty(long.MaxValue).Min()));
        store.Sync();
        LeaveLogIfThrough(needed);
        if (DeleteFiles(store, needed) == 0)
            return;
        _committer!.Signal();
        lock (_gate)
        {
            AskForCheck();
            SignalRoom();
        }
    }

    /// <summary>When the oldest event that is not on disk yet was accepted; null when there is none, or lanes do not wait for the disk.</summary>
    private DateTimeOffset? OldestUncommitted()
    {
        if (!WaitsForCommit)
            return null;
        lock (_gate)
        {
            var at = _committed.Offset;
            for (Segment? segment = _committed.Segment; segment is not null; segment = segment.Next, at = 0)
            {
                while (at < segment.Written)
                {
                    if (!JournalFormat.IsControl(segment.Buffer.AsSpan(at)))
                        return EventCodec.ReadAccepted(segment.Buffer.AsSpan(at));
                    at += EventCodec.ReadLength(segment.Buffer.AsSpan(at));
                }
            }
            return null;
        }
    }
}
