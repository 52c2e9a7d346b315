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
    private bool _started;

    public Lane(LaneDefinition definition, LaneServices services, IJournal journal)
    {
        _definition = definition;
        _services = services;
        _outage = new Outage(services.Options.Time);
        _retry = new RetrySchedule(Options.RetryInitial, Options.RetryMax, services.Random(definition.Id));
        var match = definition.Pattern is null ? null : ProfileMatch.Create(definition.Pattern, services.Options.Matching);
        _filter = new LaneFilter(definition.Id, match, definition.Filter, services.Options.Unaddressed);
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
            Trouble = _orphaned ? "its profile is gone; what it has queued is kept until the profile comes back or the lane is released" : _unburied ?? _trouble ?? _rotation?.Trouble,
            TroubleSince = _outage is { IsCalm: false, Since: { } since } ? since : null,
            Failures = _outage.IsCalm ? 0 : _outage.Failures,
            FailingEvent = _outage.IsCalm ? null : _failing,
            Cursor = measure.Cursor,
        };
    }

    public void Wake() => _session?.Signal.Set();

    void IJournalObserver.OnDropped(long events, string reason, ReadOnlySpan<Position> awaited)
    {
        if (events > 0 && !_saidDropping && reason is DropReasons.Overflow or DropReasons.LaneLimit or DropReasons.Expired)
        {
            _saidDropping = true;
            Log.Dropping(Logger, Id, reason);
        }
        foreach (var position in awaited)
            _services.Receipts.Settle(position, Id, PutOutcome.Dropped, reason);
    }

    bool IJournalObserver.OnDeadLettered(EventBatch batch, string reason)
    {
        var isKept = true;
        for (var i = 0; i < batch.Count; i++)
        {
            isKept &= TryKeepDead(batch[i], reason, attempts: 0);
            AnswerDead(batch[i], reason);
        }
        return isKept;
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

    /// <summary>Makes an event of a batch a dead letter. When that cannot be written the event waits, and so does the lane until it can be.</summary>
    private void Bury(LaneWork work, int index, string reason, int attempts, string? settled = null) => TryBury(work, index, reason, attempts, settled);

    private bool TryBury(LaneWork work, int index, string reason, int attempts, string? settled)
    {
        if (TryKeepDead(work.Batch[index], reason, attempts))
        {
            _journal.Settle(work.Batch, index, 1, LaneOutcome.Dead, settled ?? reason);
            AnswerDead(work.Batch[index], reason);
            return true;
        }
        var kept = work.Slice(index, 1);
        kept.Burial = new Burial(reason, attempts, settled);
        lock (_lock)
            Requeue(kept);
        return false;
    }

    /// <summary>A dead letter could not be written: nothing goes on before it is. That is tried again each second, without asking the destination anew.</summary>
    private async ValueTask BuryAgainAsync(LaneSession session)
    {
        List<LaneWork> waiting = [];
        lock (_lock)
        {
            if (session.IsAbandoned)
                return;
            for (var node = _again.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Burial is not null)
                {
                    waiting.Add(node.Value);
                    _again.Remove(node);
                }
                node = next;
            }
        }
        var isDone = true;
        foreach (var work in waiting)
        {
            if (isDone)
            {
                var (reason, attempts, settled) = work.Burial!;
                work.Burial = null;
                isDone = TryBury(work, 0, reason, attempts, settled);
                Recycle(work);
                continue;
            }
            lock (_lock)
                Requeue(work);
        }
        if (isDone)
        {
            _unburied = null;
            if (waiting.Count > 0)
                Log.DeadLettersWrittenAgain(Logger, Id);
            return;
        }
        await BackOffAsync(session, BuryAgainAfter).ConfigureAwait(false);
    }

    private void AnswerDead(EventView evt, string reason)
    {
        if (evt.IsAwaited)
            _services.Receipts.Settle(evt.Position, Id, PutOutcome.DeadLettered, reason);
    }

    private bool TryKeepDead(EventView evt, string reason, int attempts)
    {
        var owned = evt.ToEvent();
        try
        {
            if (!DeadLetters.Add(new DeadLetter(Id, owned, reason, attempts, Time.GetUtcNow())) && DeadLetters.Lost == 1)
                Log.DeadLettersFull(Logger, Id);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (_unburied is null)
                Log.DeadLetterNotWritten(Logger, Id, owned.Id!, e.Message);
            _unburied = $"a dead letter cannot be written: {e.Message}";
            return false;
        }
        Log.DeadLettered(Logger, Id, owned.Id!, reason);
        return true;
    }
}

/// <summary>What an event that has to become a dead letter is kept with until that can be written.</summary>
internal sealed record Burial(string Reason, int Attempts, string? Settled);

/// <summary>What all lanes of a bus share.</summary>
internal sealed record LaneServices(BusOptions Options, ILogger Logger, ReceiptTracker Receipts, Func<string, Random> Random);
