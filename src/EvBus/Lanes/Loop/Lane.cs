using EvBus.Journal;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Lanes;

/// <summary>
/// One publisher's private road: read → batch → publish → verdict → settle. Nothing it does waits for another lane.
/// Invariants:
/// 1. One session (a publisher instance and the loop that drives it) is current. Whoever takes a session out of service does it under
///    <c>_lock</c>; a loop that finds itself abandoned touches nothing any more but the batch it still holds.
/// 2. An event read is settled exactly once. What failed waits in <c>_again</c>, in order, and goes before anything new.
/// 3. After a failure nothing new is written before all that was under way has its verdict; so order survives.
/// 4. What is read ahead of its turn is sent only once everything before it is delivered; until then it counts as not read.
/// 5. The watchdog runs beside the loop, so a publisher that blocks its thread is noticed as well.
/// </summary>
internal sealed partial class Lane : IJournalObserver, IAsyncDisposable
{
    private static readonly TimeSpan BuryAgainAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly LaneServices _services;
    private readonly IJournalLane _journal;
    private readonly RetrySchedule _retry;
    private readonly LaneFilter _filter;
    private readonly LinkedList<LaneWork> _again = new();
    private readonly Stack<LaneWork> _spare = new();
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile LaneDefinition _definition;
    private volatile LaneSession? _session;
    private int _abandoned;
    private volatile bool _paused;
    private volatile bool _detached;
    private volatile bool _draining;
    private volatile bool _stopped;
    private volatile LaneState _state = LaneState.Connecting;
    private volatile string? _trouble;
    private volatile string? _unburied;
    private volatile string? _failing;
    private readonly Outage _outage;
    private long _retried;
    private bool _saidDropping;
    private volatile bool _saidHeldUp;
    private bool _started;

    public Lane(LaneDefinition definition, LaneServices services, IJournal journal)
    {
        _definition = definition;
        _services = services;
        _outage = new Outage(services.Options.Time);
        _retry = new RetrySchedule(Options.RetryInitial, Options.RetryMax, services.Random(definition.Id));
        var match = definition.Pattern is null ? null : ProfileMatch.Create(definition.Pattern, services.Options.Matching);
        _filter = new LaneFilter(definition.Id, match, definition.Filter, services.Options.Unaddressed)
        {
            OnFault = e => Log.FilterFailed(services.Logger, definition.Id, e.GetType().Name, e.Message),
        };
        _journal = journal.OpenLane(new JournalLaneDefinition(definition.Id, _filter, Options, definition.Pattern, definition.IsOrphan), this);
        try
        {
            DeadLetters = _journal.OpenDeadLetters(Options.DeadLetters);
        }
        catch
        {
            // There is no lane, so nothing is for it: what its cursor says stays, and nothing is counted that nobody reads.
            _journal.Orphan();
            throw;
        }
    }

    public string Id => _definition.Id;

    public LaneOptions Options => _definition.Options;

    public DeadLetters DeadLetters { get; }

    private ProfileSecrets Secrets => _definition.Secrets;

    private TimeProvider Time => _services.Options.Time;

    private ILogger Logger => _services.Logger;

    public void Start()
    {
        lock (_lock)
        {
            if (_started)
                return;
            _started = true;
        }
        StartSession();
    }

    public void Pause()
    {
        _paused = true;
        Wake();
    }

    public void Resume()
    {
        _paused = false;
        if (_detached)
        {
            _detached = false;
            _trouble = null;
            _outage.End();
            _journal.Attach();
        }
        bool restart;
        lock (_lock)
            restart = _started && _session is null && !_stopped && !_orphaned;
        if (restart)
            StartSession();
        Wake();
    }

    public int Replay(Func<DeadLetter, bool>? which) => DeadLetters.Replay(which, _journal.TryReplay, _journal.Flush);

    public LaneStatus GetStatus()
    {
        var measure = _journal.Measure();
        var oldest = OldestUnderWay(measure.Oldest);
        return new LaneStatus
        {
            Id = Id,
            State = _orphaned ? LaneState.Orphaned : _detached ? LaneState.Detached : (_paused || _unburied is not null) && !_stopped ? LaneState.Paused : _state,
            Matched = measure.Matched,
            Delivered = measure.Delivered,
            Dead = measure.Dead,
            DroppedByReason = measure.Dropped,
            Queued = measure.Queued,
            QueuedBytes = measure.QueuedBytes,
            OldestAge = oldest is { } time && measure.Queued > 0 ? Max(Time.GetUtcNow() - time, TimeSpan.Zero) : TimeSpan.Zero,
            Retried = Interlocked.Read(ref _retried),
            Trouble = DescribeTrouble(),
            TroubleSince = _outage is { IsCalm: false, Since: { } since } ? since : null,
            Failures = _outage.IsCalm ? 0 : _outage.Failures,
            FailingEvent = _outage.IsCalm ? null : _failing,
            Cursor = measure.Cursor,
            Rewound = measure.Rewound,
            Replayed = measure.Replayed,
        };
    }

    public void Wake() => _session?.Signal.Set();

    /// <summary>What keeps the lane from going on, the gravest first.</summary>
    private string? DescribeTrouble()
    {
        if (_orphaned)
            return "its profile is gone; what it has queued is kept until the profile comes back or the lane is released";
        if (_unburied is { } unburied)
            return unburied;
        if (_trouble is { } trouble)
            return _saidHeldUp && _journal.IsHeldUp ? $"{trouble}; new events wait behind those that come again" : trouble;
        return _rotation?.Trouble;
    }

    void IJournalObserver.OnDropped(long events, string reason, ReadOnlySpan<Position> awaited)
    {
        if (events > 0 && reason is DropReasons.Overflow)
            SayDropping(reason);
        foreach (var position in awaited)
            _services.Receipts.Settle(position, Id, PutOutcome.Dropped, reason);
    }

    void IJournalObserver.OnLimitReached(LimitPolicy policy, string what)
    {
        if (policy == LimitPolicy.Detach && !_detached)
            MarkDetached($"it reached its limit: {what}");
    }

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;

    private DateTimeOffset? OldestUnderWay(DateTimeOffset? unread)
    {
        lock (_lock)
        {
            var work = _again.First?.Value;
            if (_session?.FirstUnderWay is { } first && (work is null || first.Batch.Slots[0].Sequence < work.Batch.Slots[0].Sequence))
                work = first;
            return work is { Batch.Count: > 0 } ? work.Batch[0].Accepted : unread;
        }
    }

    private void MarkDetached(string reason)
    {
        _detached = true;
        _trouble = reason;
        Log.LaneDetached(Logger, Id, reason);
        Wake();
    }
}

/// <summary>What an event that has to become a dead letter is kept with until that can be written.</summary>
internal sealed record Burial(string Reason, int Attempts, string? Settled);

/// <summary>What all lanes of a bus share.</summary>
internal sealed record LaneServices(BusOptions Options, ILogger Logger, ReceiptTracker Receipts, Func<string, Random> Random);
