using EvBus.Telemetry;

namespace EvBus.Journal;

// What an earlier life of the bus left on disk is taken over when lanes open, and left in order at the end.
internal sealed partial class SegmentJournal
{
    internal (long Groups, long Events) GroupsWritten => _committer?.Written ?? default;

    private void Restore(DiskStore store)
    {
        Epoch = store.Epoch;
        (_end, _bytes) = (store.End.Sequence, store.End.Byte);
        _isAfterGap = store.IsAfterGap;
        _accepted = _committedAccepted = store.End.Accepted;
        Log.JournalOpened(_logger, store.Storage.Path, (long)_end, store.Log.Bytes, Epoch);
    }

    private SegmentLane OpenStoredLane(DiskStore store, JournalLaneDefinition definition, IJournalObserver observer, CountedLog? before)
    {
        SegmentLane lane;
        var isKept = !definition.Options.IsEphemeral;
        if (isKept && store.FindCursor(definition.Id) is { } cursor)
        {
            lane = OpenAt(cursor.PlaceSequence, cursor.PlaceByte);
            store.PrepareCursor(cursor);
            lane.Restore(cursor, _end);
        }
        // Events that were put before the start are for it as well, so a journal just made is read from its beginning.
        else if (isKept && (definition.Options.Start == LaneStart.Oldest || (definition.Options.Start == LaneStart.Auto && store.IsNew && !_commenced) || store.IsCursorLost(definition.Id)))
        {
            var (sequence, at) = store.Log.Files is [var file, ..] ? (file.FirstSequence, file.FirstByte) : (_oldest.FirstSequence, _oldest.FirstByte);
            lane = OpenAt(sequence, at);
            store.PrepareCursor(lane.Begin(sequence, at));
            if (_commenced)
                CountKept(lane, store, before);
        }
        else
        {
            // What was held before the start is for it; what an earlier life of the bus left is not.
            lane = _commenced ? OpenAt(_end, _bytes) : OpenAt(store.End.Sequence, store.End.Byte);
            // A number that is not on disk may be used for another event after a crash.
            var (sequence, at) = !_commenced ? (store.End.Sequence, store.End.Byte) : _spills ? (_end, _bytes) : (_committed.Sequence, _committed.Bytes);
            if (isKept)
                store.PrepareCursor(lane.Begin(sequence, at));
            lane.CountedSequence = _end;
        }
        Rebuild([.. _lanes, lane]);
        return lane;

        SegmentLane OpenAt(ulong sequence, long at) => new(this, definition, observer, BlockAt(sequence, at), 0, sequence, at);
    }

    internal void Flush()
    {
        if (CommitOfAll()?.GetAwaiter().GetResult() is { } failure)
            throw new IOException(failure);
    }

    /// <summary>Completes when all that is appended so far is on disk, with why where it cannot be; null when it is, or there is no disk.</summary>
    private Task<string?>? CommitOfAll()
    {
        if (_store is null)
            return null;
        Task<string?> committed;
        lock (_gate)
        {
            if (_end == _committed.Sequence)
                return null;
            // What is being written now is in an earlier group, so the one being filled is late enough for all; it must not stay empty.
            committed = _closing is { } closing && closing.Sequence == _end ? _closingWaiters!.AsTask() : _waiters.AsTask();
        }
        _committer!.Signal();
        return committed;
    }

    internal DeadLetters OpenDeadLetters(string laneId, LaneOptions options, int capacity)
    {
        if (_store is null || options.IsEphemeral)
            return new DeadLetters(capacity, options.DeadLetterBytes, null);
        if (_dead.TryRemove(laneId, out var before))
            before.Dispose();
        var file = _dead[laneId] = StoreLosses.OpenDeadLetters(_store, laneId, _logger);
        return new DeadLetters(capacity, options.DeadLetterBytes, file);
    }

    /// <summary>The lanes that an earlier run left, with the pattern each had and since when it has been an orphan.</summary>
    internal IReadOnlyList<LaneCursor> StoredLanes => _store?.Cursors ?? [];

    private static Segment BlockAt(ulong sequence, long at) => new([], sequence, at, 0);

    /// <summary>At the start: what the log holds beyond what cursors and checkpoint have counted. Under the gate.</summary>
    private void CountStored()
    {
        if (_store is null)
            return;
        var checkpoint = _store.Last;
        _unmatched = checkpoint?.Unmatched ?? 0;
        foreach (var (name, count) in checkpoint?.Names ?? new Dictionary<string, long>())
            _unmatchedProfiles[name] = count;
        var (at, sequence) = checkpoint is null ? (_store.Log.FirstByte, _store.Log.Files is [var first, ..] ? first.FirstSequence : 0) : (checkpoint.Byte, checkpoint.Sequence);
        var from = sequence;
        foreach (var lane in _lanes)
        {
            if (lane.CountedSequence < sequence)
                (at, sequence) = (lane.CountedByte, lane.CountedSequence);
        }
        foreach (var (record, number) in Stored(at, sequence, _store.End.Byte))
        {
            var matched = false;
            foreach (var lane in _lanes)
            {
                if (!lane.Filter.Matches(record))
                    continue;
                matched = true;
                if (number >= lane.CountedSequence && !lane.IsSkipped(number) && (lane.IsFresh || (EventCodec.ReadFlags(record.Span) & EventCodec.RecordFlags.ForLane) == 0))
                    lane.AddMatched(1, record.Length);
            }
            if (number < from || matched || (EventCodec.ReadFlags(record.Span) & EventCodec.RecordFlags.ForLane) != 0)
                continue;
            _unmatched++;
            CountName((EventCodec.ReadFlags(record.Span) & EventCodec.RecordFlags.HasProfile) == 0 ? null : EventCodec.FindText(record.Span, EventCodec.Tag.Profile));
        }
    }

    /// <summary>What is on disk for a lane to come is counted before it is opened: that may take long, and nobody waits for it.</summary>
    private CountedLog? CountAhead(DiskStore store, LaneFilter filter)
    {
        if (store.Log.Files is not [var file, ..])
            return null;
        var counted = new CountedLog(file.FirstByte, file.FirstByte, file.FirstSequence, 0, 0);
        // What comes meanwhile is counted as well, until little is left.
        for (var rounds = 0; rounds < 3; rounds++)
        {
            var end = _committed;
            var (events, bytes) = (counted.Events, counted.Bytes);
            foreach (var (record, _) in Stored(counted.ToByte, counted.ToSequence, end.Bytes))
            {
                if (filter.Matches(record))
                    (events, bytes) = (events + 1, bytes + record.Length);
            }
            counted = counted with { ToByte = end.Bytes, ToSequence = end.Sequence, Events = events, Bytes = bytes };
        }
        return counted;
    }

    /// <summary>How much of the log is for a lane, from one place to another.</summary>
    private sealed record CountedLog(long FromByte, long ToByte, ulong ToSequence, long Events, long Bytes);

    /// <summary>What a lane added while the bus runs finds of the log: on disk, in memory, and on the way from one to the other. Under the gate.</summary>
    private void CountKept(SegmentLane lane, DiskStore store, CountedLog? before)
    {
        var uncommitted = new Routes([lane]);
        try
        {
            var (at, from) = (lane.CountedByte, lane.CountedSequence);
            if (before is { } counted && counted.FromByte == at)
            {
                lane.AddMatched(counted.Events, counted.Bytes);
                (at, from) = (counted.ToByte, counted.ToSequence);
            }
            foreach (var (record, sequence) in Kept(at, from))
            {
                if (!lane.Filter.Matches(record))
                    continue;
                if (StageOf(sequence) is var stage && stage == CommitStage.Committed)
                    lane.AddMatched(1, record.Length);
                else
                    uncommitted.For(record).Count(stage, record.Length);
            }
        }
        catch (LogReadException e)
        {
            store.Forget(lane.Id);
            throw new EvBusException($"Lane '{lane.Id}' cannot begin at the oldest event: {e.Message}. Mend the disk, or begin at LaneStart.Now.", e);
        }
        if (uncommitted.HasUncommitted)
            _retired.Add(uncommitted);
    }

    private IEnumerable<(ReadOnlyMemory<byte> Record, ulong Sequence)> Kept(long at, ulong sequence)
    {
        var inMemory = _oldest;
        foreach (var each in Stored(at, sequence, inMemory.FirstByte))
            yield return each;
        foreach (var (record, number) in HeldFrom(inMemory))
        {
            if (number >= sequence)
                yield return (record, number);
        }
    }

    private IEnumerable<(ReadOnlyMemory<byte> Record, ulong Sequence)> Stored(long at, ulong sequence, long end)
    {
        while (_store!.Log.ReadBlock(at, sequence, end) is { } block)
        {
            sequence = block.FirstSequence;
            for (var offset = 0; offset < block.Readable;)
            {
                var length = EventCodec.ReadLength(block.Buffer.AsSpan(offset));
                if (!JournalFormat.IsControl(block.Buffer.AsSpan(offset)))
                    yield return (block.Buffer.AsMemory(offset, length), sequence++);
                offset += length;
            }
            at = block.FirstByte + block.Readable;
            ReturnBlock(block);
        }
    }

    private async ValueTask CloseStoreAsync(DiskStore store)
    {
        lock (_gate)
        {
            SkipWhatIsThrough();
            _isEnding = true;
        }
        await _committer!.StopAsync().ConfigureAwait(false);
        _keeper!.Stop();
        try
        {
            if (_failure is null)
            {
                store.Log.CloseCurrent();
                KeepAll(isClean: _committed.Sequence == _end);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing depends on it: the next opening finds an unclean end and recovers.
            ((ICommitTarget)this).Fail(e.Message);
        }
        CommitWaiters last;
        CommitWaiters? left;
        string reason;
        lock (_gate)
        {
            (last, left) = (_waiters, _closingWaiters);
            reason = _failure ?? (_waitsFor is { } cause ? $"the bus stopped before it was on disk: {cause}" : "the bus stopped before it was on disk");
            IsStoreOpen = false;
        }
        // The group in hand as well: nobody writes it any more. Those that are on disk have their answer, and this changes none.
        left?.Complete(reason);
        last.Complete(reason);
        foreach (var file in _dead.Values)
            file.Dispose();
        store.Dispose();
    }
}
