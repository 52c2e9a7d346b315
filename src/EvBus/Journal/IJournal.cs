namespace EvBus.Journal;

/// <summary>
/// The seam: one append-only log, one cursor per lane. Everything above it works on batches and opaque positions, so the log may
/// be memory, files, or somebody else's topic. Thread-safe; of a lane, one reader at a time.
/// </summary>
internal interface IJournal : IAsyncDisposable
{
    /// <summary>What this journal can promise beyond keeping events in order.</summary>
    JournalCapabilities Capabilities { get; }

    /// <summary>Appends a prefix of <paramref name="records"/> (encoded by <see cref="EventCodec"/>, one after the other) without waiting.</summary>
    /// <param name="records">The records.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="mayWaitInLine">True for the head of the door's line, who will call <see cref="WaitForRoomAsync"/> when there is no room; false for a caller that must not overtake it.</param>
    AppendResult TryAppend(ReadOnlySpan<byte> records, int count, bool mayWaitInLine);

    /// <summary>
    /// Appends one event, written straight into the log. False when that needs a closer look (room, limits, the line, the end): then
    /// nothing has happened, and the other way in decides.
    /// </summary>
    bool TryAppend(in EventAttributes attributes, ReadOnlySpan<byte> body, in RecordStamp stamp, int bound, out AppendResult result);

    /// <summary>Completes when there may be room again. One waiter at a time: the head of the door's line, after an append that did not fit.</summary>
    ValueTask WaitForRoomAsync(CancellationToken cancellationToken);

    /// <summary>Opens a lane's cursor.</summary>
    IJournalLane OpenLane(JournalLaneDefinition definition, IJournalObserver observer);

    /// <summary>From now on what is accepted is matched with the lanes; what was held until now is matched at this moment.</summary>
    void Commence();

    /// <summary>Why it cannot write any more; null as long as it can.</summary>
    string? Failure { get; }

    /// <summary>Behind everything accepted so far.</summary>
    Position End { get; }

    /// <summary>Accepted and unmatched so far.</summary>
    JournalCounts Count();

    /// <summary>From now on nothing is appended but what lanes themselves put back; those waiting for room are woken.</summary>
    void CloseDoor();
}

/// <summary>A lane's cursor in the journal.</summary>
internal interface IJournalLane
{
    /// <summary>Fills <paramref name="batch"/> with the next events for this lane; false when there are none now.</summary>
    bool TryRead(EventBatch batch, int maxEvents, long maxBytes);

    /// <summary>True when there is nothing to read and the observer will be woken once at least <paramref name="events"/> are there; false when there is something now.</summary>
    bool TryArm(int events);

    /// <summary>About how many bytes there are to read at least; a hint that takes no lock.</summary>
    long UnreadHint { get; }

    /// <summary>Whether it reads nothing further because too many ranges of events are settled beyond the oldest that is not (<see cref="SettledRanges.Limit"/>). A hint that takes no lock.</summary>
    bool IsHeldUp { get; }

    /// <summary>Whether nothing is queued, or the journal has failed and all that can still be read has been: what is left never comes. Not to be asked while something read is not settled.</summary>
    bool IsThrough { get; }

    /// <summary>How many records lie ahead of the cursor's read position, matching or not.</summary>
    long Ahead { get; }

    /// <summary>Events of a batch have come to their end.</summary>
    void Settle(EventBatch batch, int from, int count, LaneOutcome outcome, string? reason);

    /// <summary>Whether calls go through at present; what the journal does when it is full depends on it.</summary>
    void SetFlowing(bool flowing);

    /// <summary>Stops matching: what is queued stays, what comes later is counted as dropped. <see cref="Attach"/> undoes it.</summary>
    void Detach();

    /// <summary>Matches again, from now on.</summary>
    void Attach();

    /// <summary>The lane's profile is gone: matches nothing and counts nothing that comes, keeps its cursor and what it has queued. Ends a detachment. Twice is harmless.</summary>
    void Orphan();

    /// <summary>Undoes <see cref="Orphan"/>: what was queued can be read again, then what comes from now on; what came in between was not for this lane.</summary>
    void Adopt();

    /// <summary>Applies the lane's limit on age at <paramref name="now"/>.</summary>
    void ApplyAgeLimit(DateTimeOffset now);

    /// <summary>Appends a dead letter again, for this lane only. False when there is no room, or the lane takes nothing now (detached, orphan).</summary>
    bool TryReplay(BusEvent evt);

    /// <summary>Returns when everything appended so far is on disk; without a disk, at once.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    void Flush();

    /// <summary>The lane's dead letters, as many as <paramref name="capacity"/>; with a disk, those of earlier runs too.</summary>
    DeadLetters OpenDeadLetters(int capacity);

    /// <summary>Takes back what was read and not settled: its batch is to be closed, and <see cref="Move"/> has to follow, which lets it be read again.</summary>
    void GiveBack(EventBatch batch);

    /// <summary>Goes to another place, back or (to skip) forward; to none, when that is on the wrong side. How many events moved. Only while nothing is under way and nobody reads; may read much of the log.</summary>
    /// <exception cref="EvBusException">The place is not kept, or the lane cannot be moved now.</exception>
    long Move(LanePlace to, bool isSkip);

    /// <summary>The lane's ledger and lag at this moment, all numbers of one instant.</summary>
    LaneMeasure Measure();

    /// <summary>Forgets the lane: what it had unread is dropped with <paramref name="reason"/>.</summary>
    void Forget(string reason);
}

/// <summary>Who a lane is for, and where it begins.</summary>
/// <param name="Id">The lane's id.</param>
/// <param name="Filter">Which events it is for.</param>
/// <param name="Options">How it works.</param>
/// <param name="Pattern">The pattern behind the filter; null for every event.</param>
/// <param name="IsOrphan">Nobody asked for it: it is opened for what an earlier run left, and its counts are taken as they are.</param>
internal sealed record JournalLaneDefinition(string Id, LaneFilter Filter, LaneOptions Options, string? Pattern = null, bool IsOrphan = false);

/// <summary>What a journal tells a lane. Never called under the journal's lock.</summary>
internal interface IJournalObserver
{
    void Wake();

    void OnDropped(long events, string reason, ReadOnlySpan<Position> awaited);

    /// <summary>Keeps events that the lane's limit gives up as dead letters; false when they cannot be kept, and none is.</summary>
    bool TryKeepDead(EventBatch batch, string reason);

    /// <summary>Events beyond the lane's limit are through: dead letters, or dropped.</summary>
    void OnGivenUp(EventBatch batch, LaneOutcome outcome, string reason);

    /// <summary>Of the events before a sequence number none that is not settled will ever come.</summary>
    void OnLost(ulong end, string reason);

    void OnLimitReached(LimitPolicy policy, string what);
}

/// <summary>What a journal tells the bus.</summary>
internal interface IJournalListener
{
    /// <summary>Under the journal's lock: quick, and no calls back.</summary>
    void OnRouted(Position position, string[] lanes);

    void OnUnmatched(string? profile);
}

internal sealed record JournalCapabilities(bool Durable);

internal readonly record struct JournalCounts(long Accepted, long Unmatched, IReadOnlyDictionary<string, long> UnmatchedProfiles);

/// <summary>What the door adds to an event.</summary>
internal readonly record struct RecordStamp(Guid Id, DateTimeOffset Accepted, bool IsAwaited);

internal enum AppendStatus : byte { Appended, Full, Closed, Failed }

/// <summary>How far an append came.</summary>
/// <param name="Status">Why it ended.</param>
/// <param name="Count">How many records were appended.</param>
/// <param name="Last">The position of the last one appended.</param>
/// <param name="Lanes">The lanes that the last one is for; null before <see cref="IJournal.Commence"/>.</param>
/// <param name="Commit">The group it will be committed with; null when the journal has no disk.</param>
internal readonly record struct AppendResult(AppendStatus Status, int Count, Position Last, string[]? Lanes, CommitWaiters? Commit = null);

internal enum LaneOutcome : byte { Delivered, Dead, Dropped }

internal readonly record struct LaneMeasure(
    long Matched, long Delivered, long Dead, IReadOnlyDictionary<string, long> Dropped, long Queued, long QueuedBytes, DateTimeOffset? Oldest, Position Cursor, long Rewound, long Replayed);
