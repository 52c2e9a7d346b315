using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Journal;

/// <summary>
/// The journal in memory: a chain of segments, each event in it once however many lanes there are.
/// <code>
///   oldest                                              tail
///   [segment]──►[segment]──►[segment]──►[segment]──►[segment.....]
///        ▲ pinned by a batch      ▲ lane A reads here       ▲ lane B waits here
/// </code>
/// Invariants:
/// 1. Appending, opening and closing lanes, settling and dropping happen under <c>_gate</c>; reading takes only its lane's own lock and
///    follows <c>Written</c> and <c>Next</c>, which only grow. Lock order: gate, then lane.
/// 2. A segment is given back when every lane reads behind it and no batch pins it; what lies between may go before what is older.
/// 3. The journal is full when some lane has <c>MaxEvents</c> or <c>MaxBytes</c> ahead of it or under way: all that is unread is the
///    tail of the log, so the furthest lane's part contains the others'.
/// 4. Checks of the limits cost nothing per event: <c>_checkAtEvents</c> and <c>_checkAtBytes</c> say when one could be reached at the earliest.
/// 5. Orphans are on no route and keep the segments they have queued; when memory runs short they give way first.
/// 6. A lane at the end has nothing to read up to the tail; its place moves there when somebody needs to know.
/// </summary>
internal sealed partial class SegmentJournal : IJournal
{
    private readonly Lock _gate = new();
    private readonly BusOptions _options;
    private readonly IJournalListener _listener;
    private readonly SegmentPool _pool;
    private readonly AsyncSignal _room = new();
    private readonly GateOutbox _outbox;
    private readonly DiskStore? _store;
    private readonly bool _spills;
    private readonly ILogger _logger;
    private readonly Dictionary<string, long> _unmatchedProfiles = new(StringComparer.Ordinal);

    private Segment _oldest;
    private Segment _tail;
    private ulong _end;
    private long _bytes;
    private ulong _checkAtEvents;
    private long _checkAtBytes;
    private long _checkAtTicks = long.MaxValue;
    private SegmentLane[] _lanes = [];
    private Routes _routes = new([]);
    private readonly bool _isSealed;
    private bool _commenced;
    private bool _closed;
    private bool _waitedFor;
    private long _accepted;
    private long _unmatched;

    public SegmentJournal(BusOptions options, IJournalListener listener, bool poison = false, DiskStore? store = null, ILogger? logger = null, JournalBounds? bounds = null)
    {
        Bounds = bounds ?? new JournalBounds();
        _outbox = new GateOutbox(_gate);
        _logger = logger ?? NullLogger.Instance;
        _options = options;
        _listener = listener;
        var size = (int)Math.Clamp((store is null ? options.MaxBytes : options.Journal.MemoryBytes) / 16, Bounds.SmallestSegment, 1 << 20);
        _pool = new SegmentPool(size, keep: 64, poison);
        _store = store;
        _spills = options.Journal.Mode == JournalMode.Spill;
        _isSealed = store?.Cipher is not null;
        if (store is not null)
            Restore(store);
        _oldest = _tail = new Segment(_pool.Rent(0), _end, _bytes);
        _residentBytes = _tail.Buffer.Length;
        _residentFrom = _bytes;
        _committed = new Place(_tail, 0, _end, _bytes);
        if (store is null)
            return;
        _keeper = new CursorKeeper(options.Time, () => KeepAll(isClean: false), ((ICommitTarget)this).Fail);
        _committer = new Committer(this, store.Log, options.Time, options.Journal.Linger) { Arrivals = () => _waiters.Count };
        _waiters = NewWaiters();
    }

    public JournalCapabilities Capabilities => new(Durable: _store is not null);

    /// <summary>The bounds that no option sets.</summary>
    internal JournalBounds Bounds { get; }

    internal string DefaultSource => _options.Source;

    internal string DefaultType => _options.Type;

    internal Lock Gate => _gate;

    /// <summary>The sequence number of the next record that cannot be read yet. Under the gate.</summary>
    internal ulong EndSequence => WaitsForCommit ? _committed.Sequence : _end;

    /// <summary>The sequence number of the next event. Under the gate.</summary>
    internal ulong AppendedEnd => _end;

    public bool TryAppend(in EventAttributes attributes, ReadOnlySpan<byte> body, in RecordStamp stamp, int bound, out AppendResult result)
    {
        WakeList wakes = default;
        var isBare = !_isSealed && bound == EventCodec.HeaderLength + body.Length;
        if (_isSealed)
            bound += EventCodec.SealLength;
        lock (_gate)
        {
            if (_closed || _failure is not null || _waitedFor || _end >= _checkAtEvents || _bytes + bound > _checkAtBytes || _tail.Free < bound || stamp.Accepted.UtcTicks >= _checkAtTicks)
            {
                result = default;
                return false;
            }
            var length = isBare
                ? EventCodec.WriteBare(_tail.Room, body, stamp.Id, stamp.Accepted, stamp.IsAwaited)
                : EventCodec.Write(_tail.Room, in attributes, body, stamp.Id, stamp.Accepted, stamp.IsAwaited, _isSealed);
            var route = TakeIn(length, ref wakes);
            _accepted++;
            result = new AppendResult(AppendStatus.Appended, 1, new Position(Epoch, _end - 1), _commenced ? route?.LaneIds : null, _store is null ? null : _waiters);
        }
        wakes.WakeAll();
        _committer?.Signal();
        _outbox.Tell();
        return true;
    }

    public AppendResult TryAppend(ReadOnlySpan<byte> records, int count, bool mayWaitInLine)
    {
        WakeList wakes = default;
        AppendResult result;
        lock (_gate)
        {
            if (_closed)
                return new AppendResult(AppendStatus.Closed, 0, default, null);
            if (_failure is not null)
                return new AppendResult(AppendStatus.Failed, 0, default, null);
            if (_waitedFor && !mayWaitInLine)
                return new AppendResult(AppendStatus.Full, 0, default, null);
            var appended = 0;
            Route? route = null;
            while (appended < count)
            {
                var length = EventCodec.ReadLength(records);
                if ((_end >= _checkAtEvents || _bytes + length > _checkAtBytes || _checkAtTicks < long.MaxValue) && !EnsureRoom(length))
                    break;
                route = Append(records[..length], ref wakes);
                _accepted++;
                records = records[length..];
                appended++;
            }
            // Noted under the same lock, so that no room can come unnoticed in between.
            _waitedFor |= mayWaitInLine && appended < count;
            result = new AppendResult(
                appended == count ? AppendStatus.Appended : AppendStatus.Full, appended,
                new Position(Epoch, appended == 0 ? 0 : _end - 1), _commenced ? route?.LaneIds : null,
                appended == 0 || _store is null ? null : _waiters);
        }
        wakes.WakeAll();
        if (result.Count > 0)
            _committer?.Signal();
        _outbox.Tell();
        return result;
    }

    public async ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        // Cancelling is a signal like another: the waiter looks again and finds out.
        await using var registration = cancellationToken.UnsafeRegister(static room => ((AsyncSignal)room!).Set(), _room).ConfigureAwait(false);
        await _room.WaitAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }

    public IJournalLane OpenLane(JournalLaneDefinition definition, IJournalObserver observer)
    {
        if (_store is not null && _commenced && definition.Options is { Start: LaneStart.Oldest, IsEphemeral: false } && _store.FindCursor(definition.Id) is null)
            return OpenAtOldest(_store, definition, observer);
        lock (_gate)
        {
            if (_store is not null)
                return OpenStoredLane(_store, definition, observer, null);
            var fromOldest = definition.Options.Start == LaneStart.Oldest || (definition.Options.Start == LaneStart.Auto && !_commenced);
            var oldest = OldestWhole();
            var lane = fromOldest
                ? new SegmentLane(this, definition, observer, oldest, 0, oldest.FirstSequence, oldest.FirstByte)
                : new SegmentLane(this, definition, observer, _tail, _tail.Written, _end, _bytes);
            if (fromOldest && _commenced)
                CountHeld(lane);
            Rebuild([.. _lanes, lane]);
            return lane;
        }
    }

    private SegmentLane OpenAtOldest(DiskStore store, JournalLaneDefinition definition, IJournalObserver observer)
    {
        lock (_moving)
        {
            // Until the lane is there, no file may go that it begins with.
            lock (_deleting)
                _keptFrom = 0;
            try
            {
                var counted = CountAhead(store, definition.Filter);
                lock (_gate)
                    return OpenStoredLane(store, definition, observer, counted);
            }
            catch (LogReadException e)
            {
                throw new EvBusException($"Lane '{definition.Id}' cannot begin at the oldest event: {e.Message}. Mend the disk, or begin at LaneStart.Now.", e);
            }
            finally
            {
                lock (_deleting)
                    _keptFrom = long.MaxValue;
            }
        }
    }

    public void Commence()
    {
        lock (_gate)
        {
            _commenced = true;
            CountStored();
            foreach (var (record, sequence) in HeldFrom(_oldest))
                CountRouted(_routes.For(record), record.Span, sequence);
            Trim();
            AskForCheck();
            SignalRoom();
        }
        _outbox.Tell();
        // From here on sequences may be used of which nothing is on disk; the next opening must know.
        if (_spills)
            KeepAll(isClean: false);
    }

    public JournalCounts Count()
    {
        lock (_gate)
            return new JournalCounts(_accepted, _unmatched + _unmatchedPending + _unmatchedClosed, new Dictionary<string, long>(_unmatchedProfiles));
    }

    public void CloseDoor()
    {
        lock (_gate)
        {
            _closed = true;
            SignalRoom();
        }
    }

    public ValueTask DisposeAsync()
    {
        CloseDoor();
        return _store is null ? ValueTask.CompletedTask : CloseStoreAsync(_store);
    }

    internal LaneMeasure Measure(SegmentLane lane)
    {
        LaneMeasure measure;
        lock (_gate)
        {
            var (events, bytes) = SumFor(lane);
            measure = lane.Measure(events, bytes);
        }
        _outbox.Tell();
        // The oldest that is unread, and the header that says the cursor's epoch, may have to be read from disk.
        measure = measure with { Cursor = PositionOf(measure.Cursor.Offset) };
        return measure.Queued == 0 || lane.HasUnderWay ? measure : measure with { Oldest = lane.OldestUnreadTime() ?? OldestUncommitted() };
    }

    internal void Close(SegmentLane lane, string reason)
    {
        lock (_gate)
        {
            var (events, bytes) = SumFor(lane);
            lane.Forsake(events, bytes, reason);
            Rebuild([.. _lanes.Where(each => each != lane)]);
            lane.IsForgotten = true;
            lane.Release();
            Trim();
            SignalRoom();
        }
        _outbox.Tell();
        _store?.Forget(lane.Id);
    }

    /// <summary>The position of a record: with the epoch it was written in, which is an earlier one than this opening's for what was there before.</summary>
    internal Position PositionOf(ulong sequence) => new(EpochOf(sequence), sequence);

    internal ulong EpochOf(ulong sequence) => _store is null || sequence >= _store.End.Sequence ? Epoch : _store.Log.EpochAt(sequence) ?? Epoch;

    /// <summary>Under the gate: tells a lane after it what it has lost.</summary>
    internal void TellDropped(SegmentLane lane, long events, string reason, List<Position>? awaited) =>
        _outbox.Add(() => lane.Observer.OnDropped(events, reason, CollectionsMarshal.AsSpan(awaited)));

    /// <summary>Under the gate: of all before <paramref name="end"/> nothing comes to the lane any more.</summary>
    internal void TellLost(SegmentLane lane, ulong end, string reason) => _outbox.Add(() => lane.Observer.OnLost(end, reason));

    internal bool TryReplay(SegmentLane lane, BusEvent evt)
    {
        WakeList wakes = default;
        var attributes = evt.Attributes;
        var record = new byte[EventCodec.HeaderLength + EventCodec.AttributesBound(attributes) + evt.Body.Length];
        var length = EventCodec.Write(record, attributes, evt.Body.Span, Guid.Empty, attributes.Time ?? DateTimeOffset.UnixEpoch, awaited: false);
        var addressed = EventCodec.ForLane(record.AsSpan(0, length), lane.Id);
        lock (_gate)
        {
            // Whatever comes while a lane is detached is not for it, its own dead letters included.
            if (lane.IsDetached || !HasRoomForReplay(lane, addressed.Length))
                return false;
            if ((_end >= _checkAtEvents || _bytes + addressed.Length > _checkAtBytes) && !EnsureRoom(addressed.Length))
                return false;
            Append(addressed, ref wakes);
            lane.CountReplayed(addressed.Length);
        }
        wakes.WakeAll();
        _committer?.Signal();
        _outbox.Tell();
        return true;
    }

    private void Rebuild(SegmentLane[] lanes)
    {
        _routes.Fold();
        if (_routes.HasUncommitted)
            _retired.Add(_routes);
        _lanes = lanes;
        _routes = new Routes(Array.FindAll(lanes, lane => !lane.IsOrphaned));
        AskForCheck();
    }

    private void SignalRoom()
    {
        if (!_waitedFor)
            return;
        _waitedFor = false;
        _room.Set();
    }
}
