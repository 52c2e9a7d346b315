using System.Collections.Concurrent;
using EvBus.Telemetry;

namespace EvBus.Journal;

// With a disk: what is appended is readable when it is committed, and memory is only a window on the end of the log.
internal sealed partial class SegmentJournal : ICommitTarget
{
    private readonly List<Routes> _retired = [];
    private readonly ConcurrentDictionary<string, DeadLetterFile> _dead = new(StringComparer.Ordinal);
    private readonly Committer? _committer;
    private readonly CursorKeeper? _keeper;
    private CommitWaiters _waiters = new();
    private volatile Place _committed;
    private Place? _closing;
    private CommitWaiters? _closingWaiters;
    private volatile string? _failure;
    private bool _isFull;
    private string? _waitsFor;
    private bool _isTight;
    private long _residentBytes;
    private long _residentFrom;
    private long _committedAccepted;
    private long _closedAccepted;
    private long _unmatchedPending;
    private long _unmatchedClosed;

    /// <summary>Whether there are commit records between the events.</summary>
    internal bool HasCommits => _store is not null;

    internal ulong Epoch { get; private set; }

    /// <summary>Why nothing can be written any more; null when it can.</summary>
    public string? Failure => _failure;

    /// <summary>Whether the log can still be read.</summary>
    internal bool IsStoreOpen { get; private set; } = true;

    internal Place Committed => _committed;

    internal Segment? ReadBlock(long at, ulong sequence, long end) => _store!.Log.ReadBlock(at, sequence, end);

    internal void ReturnBlock(Segment block) => _store!.Log.Return(block);

    /// <summary>A lane that reads from disk has come so far that memory has what is next.</summary>
    internal void ReturnToMemory(SegmentLane lane)
    {
        if (lane.NextByte < Interlocked.Read(ref _residentFrom))
            return;
        lock (_gate)
        {
            var from = _oldest;
            while (from.Next is { } next && next.FirstByte <= lane.NextByte)
                from = next;
            lane.ReturnTo(from);
        }
    }

    CommitGroup? ICommitTarget.CloseGroup()
    {
        lock (_gate)
        {
            if (_end == _committed.Sequence || _failure is not null || (_spills && !MustSpill()))
                return NothingToWrite();
            if (_tail.Free < JournalFormat.CommitLength)
                Roll(JournalFormat.CommitLength);
            // Rolling may have given back what every lane is through with.
            var from = _committed;
            if (_end == from.Sequence)
                return NothingToWrite();
            Span<byte> commit = stackalloc byte[JournalFormat.CommitLength];
            var info = new CommitInfo(from.Bytes, _bytes + JournalFormat.CommitLength, _end, _accepted, Epoch);
            JournalFormat.WriteCommit(commit, info, _options.Time.GetUtcNow());
            commit.CopyTo(_tail.Room);
            _tail.Advance(JournalFormat.CommitLength, isReadable: _spills);
            _bytes += JournalFormat.CommitLength;
            var parts = new List<ArraySegment<byte>>();
            for (var (segment, at) = (from.Segment, from.Offset); segment is not null; segment = segment.Next, at = 0)
            {
                if (segment.Written > at)
                    parts.Add(new ArraySegment<byte>(segment.Buffer, at, segment.Written - at));
            }
            _closing = new Place(_tail, _tail.Written, _end, _bytes);
            _closedAccepted = _accepted;
            _routes.CloseGroup();
            _retired.ForEach(static routes => routes.CloseGroup());
            (_unmatchedClosed, _unmatchedPending) = (_unmatchedClosed + _unmatchedPending, 0);
            var waiters = _closingWaiters = _waiters;
            _waiters = NewWaiters();
            return new CommitGroup(from.Bytes, from.Sequence, Epoch, (int)(_end - from.Sequence), _committedAccepted, parts, waiters) { IsAfterGap = _isAfterGap };
        }
    }

    void ICommitTarget.Commit(CommitGroup group)
    {
        WakeList wakes = default;
        lock (_gate)
        {
            var (from, to) = (_committed, _closing!);
            if (WaitsForCommit)
            {
                for (var segment = from.Segment; segment != to.Segment; segment = segment.Next!)
                    segment.MakeReadable(segment.Written);
                to.Segment.MakeReadable(to.Offset);
            }
            _store!.Log.Commit(to.Bytes);
            _committed = to;
            _committedAccepted = _closedAccepted;
            _routes.CommitGroup();
            foreach (var routes in _retired)
            {
                routes.CommitGroup();
                routes.Fold();
            }
            _retired.RemoveAll(static routes => !routes.HasUncommitted);
            (_unmatched, _unmatchedClosed) = (_unmatched + _unmatchedClosed, 0);
            _closing = null;
            _isAfterGap = false;
            _spilled = _spills;
            foreach (var lane in _lanes)
            {
                if (lane.IsDue(to.Sequence))
                    wakes.Add(lane);
            }
            if (_waitsFor is not null)
            {
                var wasFull = _isFull;
                (_waitsFor, _isFull) = (null, false);
                _outbox.Add(() =>
                {
                    if (wasFull)
                        Log.DiskHasRoom(_logger);
                    else
                        Log.JournalGoesOn(_logger);
                });
            }
            AskForCheck();
            Evict();
            SignalRoom();
        }
        group.Waiters.Complete(null);
        wakes.WakeAll();
        _outbox.Tell();
        _keeper!.Touch();
    }

    internal bool IsThrough(SegmentLane lane)
    {
        bool isThrough;
        lock (_gate)
        {
            var (events, bytes) = SumFor(lane);
            isThrough = lane.QueuedStill(events, bytes).Events == 0 || (_failure is not null && lane.HasReadTo(EndSequence));
        }
        _outbox.Tell();
        return isThrough;
    }

    private CommitStage StageOf(ulong sequence) =>
        !WaitsForCommit || sequence < _committed.Sequence ? CommitStage.Committed
        : _closing is { } closing && sequence < closing.Sequence ? CommitStage.Closed
        : CommitStage.Pending;

    private (long Events, long Bytes) SumFor(SegmentLane lane, bool onlyCommitted = false)
    {
        var (events, bytes) = _routes.Sum(lane, onlyCommitted);
        foreach (var routes in _retired)
        {
            var (more, moreBytes) = routes.Sum(lane, onlyCommitted);
            (events, bytes) = (events + more, bytes + moreBytes);
        }
        return (events, bytes);
    }

    internal (long Events, long Bytes) CommittedFor(SegmentLane lane) => SumFor(lane, onlyCommitted: true);

    private bool HasStoreRoom(int length)
    {
        var uncommitted = _bytes - _committed.Bytes;
        if (_waitsFor is not null || (uncommitted > 0 && uncommitted + length > MostUncommitted))
            return false;
        if (_options.Journal.MaxBytes is not { } most || StoreBytes is var used && (used == 0 || used + length <= most))
        {
            _isTight = false;
            return true;
        }
        // The file that is written to goes as well, once every lane is through with it: it must not hold the door alone.
        if (!_isTight)
            _keeper!.Touch();
        _isTight = true;
        return false;
    }

    /// <summary>What is kept on disk, and what is on its way there.</summary>
    private long StoreBytes => _bytes - _store!.Log.FirstByteOr(_committed.Bytes);

    /// <summary>How many bytes may be appended before the disk's limits have to be looked at.</summary>
    private long StoreRoom()
    {
        var room = MostUncommitted - (_bytes - _committed.Bytes);
        return _options.Journal.MaxBytes is { } most ? Math.Min(room, most - StoreBytes) : room;
    }

    /// <summary>Keeps memory to its share: the oldest that is committed goes, whoever still has to read it.</summary>
    private void Evict()
    {
        if (_store is null)
            return;
        while (_residentBytes > (_spills ? _options.Journal.MemoryBytes / 2 : _options.Journal.MemoryBytes) && _oldest != _committed.Segment && _oldest != _tail)
            Unlink(_oldest, null);
        Interlocked.Exchange(ref _residentFrom, _oldest.FirstByte);
    }

    private void ReturnLoose(Segment segment)
    {
        if (segment.IsBlock)
            ReturnBlock(segment);
        else
            _pool.Return(segment.Buffer);
    }
}
