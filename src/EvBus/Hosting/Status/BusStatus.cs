namespace EvBus;

/// <summary>The ledger of a bus and the state of its lanes. <c>Accepted</c> = matched by at least one lane + <c>Unmatched</c>.</summary>
public sealed record BusStatus
{
    /// <summary>The name of the bus.</summary>
    public required string Name { get; init; }

    /// <summary>Where the bus is in its life.</summary>
    public required BusState State { get; init; }

    /// <summary>Events accepted.</summary>
    public required long Accepted { get; init; }

    /// <summary>Events accepted that no lane wanted.</summary>
    public required long Unmatched { get; init; }

    /// <summary>Events refused at the door, by reason. These were never accepted.</summary>
    public required IReadOnlyDictionary<RefusalReason, long> Refused { get; init; }

    /// <summary>Unmatched events by profile name; at most 1,000 names, then <c>other</c>.</summary>
    public required IReadOnlyDictionary<string, long> UnmatchedProfiles { get; init; }

    /// <summary>The lanes, in the order they were added.</summary>
    public required IReadOnlyList<LaneStatus> Lanes { get; init; }

    /// <summary>Whether every lane's equation holds: matched = delivered + dead + dropped + queued.</summary>
    public bool IsBalanced => Lanes.All(lane => lane.Matched == lane.Delivered + lane.Dead + lane.Dropped + lane.Queued);
}

/// <summary>Where a bus is in its life.</summary>
public enum BusState
{
    /// <summary>Made, not started: puts are kept.</summary>
    Created,

    /// <summary>Its lanes run.</summary>
    Running,

    /// <summary>The door is closed; the lanes drain.</summary>
    Stopping,

    /// <summary>Over; puts are refused.</summary>
    Stopped,
}

/// <summary>What a lane is doing.</summary>
public enum LaneState
{
    /// <summary>Making or connecting its publisher.</summary>
    Connecting,

    /// <summary>Nothing to do, or batches going through.</summary>
    Flowing,

    /// <summary>The last call did not succeed; waiting to try again (circuit open).</summary>
    Retrying,

    /// <summary>Stopped reading by an operator.</summary>
    Paused,

    /// <summary>Stopped for good, loudly, until an operator resumes it.</summary>
    Detached,

    /// <summary>Its profile is gone: keeps its cursor and what it has queued until the profile comes back or the lane is released.</summary>
    Orphaned,

    /// <summary>Over.</summary>
    Stopped,
}

/// <summary>One lane's ledger and state. <c>Matched</c> = <c>Delivered</c> + <c>Dead</c> + <c>Dropped</c> + <c>Queued</c>, each distinct event once.</summary>
public sealed record LaneStatus
{
    /// <summary>The lane's id.</summary>
    public required string Id { get; init; }

    /// <summary>What it is doing.</summary>
    public required LaneState State { get; init; }

    /// <summary>Events meant for this lane since it was opened.</summary>
    public required long Matched { get; init; }

    /// <summary>Events its destination confirmed.</summary>
    public required long Delivered { get; init; }

    /// <summary>Events it keeps as dead letters, or kept and then lost to the bound of the dead letters.</summary>
    public required long Dead { get; init; }

    /// <summary>Events given up by policy, in all.</summary>
    public long Dropped => DroppedByReason.Values.Sum();

    /// <summary>Events given up by policy, by reason (<see cref="DropReasons"/>).</summary>
    public required IReadOnlyDictionary<string, long> DroppedByReason { get; init; }

    /// <summary>Events not yet through: unread, under way, or waiting to be tried again.</summary>
    public required long Queued { get; init; }

    /// <summary>The bytes of the records that are queued.</summary>
    public required long QueuedBytes { get; init; }

    /// <summary>How long ago the oldest queued event was accepted; zero when none is.</summary>
    public required TimeSpan OldestAge { get; init; }

    /// <summary>Deliveries tried again, in events; not part of the equation.</summary>
    public required long Retried { get; init; }

    /// <summary>The position before the oldest event not yet through; only comparable with positions of the same bus.</summary>
    public Position Cursor { get; init; }

    /// <summary>Since when nothing gets through; null when nothing is known to be wrong.</summary>
    public DateTimeOffset? TroubleSince { get; init; }

    /// <summary>How often it has failed since <see cref="TroubleSince"/>; 0 when nothing is known to be wrong.</summary>
    public int Failures { get; init; }

    /// <summary>
    /// The id of the first event of the batch that failed last; null when none did. The same id for long, while a connection can be made, may be an event that this destination never takes: <see cref="LaneOptions.MaxAge"/> makes such
    /// an event a dead letter in the end, <see cref="ILanes.SkipAsync"/> passes it over now.
    /// </summary>
    public string? FailingEvent { get; init; }

    /// <summary>What went wrong last, in words, or why a changed profile is not in use yet; null when nothing has since the last success.</summary>
    public string? Trouble { get; init; }
}

/// <summary>The reasons an event can be dropped for; all of them, spelled as they appear in status, log and metrics.</summary>
public static class DropReasons
{
    /// <summary>The memory journal was full and this lane, not flowing, was furthest behind.</summary>
    public const string Overflow = "overflow";

    /// <summary>The lane's own limit, with <see cref="LimitPolicy.DropOldest"/>.</summary>
    public const string LaneLimit = "lane_limit";

    /// <summary>Older than the lane's limit on age.</summary>
    public const string Expired = "expired";

    /// <summary>Meant for a lane that was detached.</summary>
    public const string Detached = "detached";

    /// <summary>The journal on disk was damaged where it stood.</summary>
    public const string Damaged = "damaged";

    /// <summary>Passed over on request: <see cref="ILanes.SkipAsync"/>, or <c>evbus journal rewind</c> forward.</summary>
    public const string Skipped = "skipped";

    /// <summary>Still queued when the lane was removed.</summary>
    public const string Removed = "removed";

    /// <summary>Still queued when a lane whose profile was gone was released (<see cref="BusOptions.OrphanRetention"/>).</summary>
    public const string Orphaned = "orphaned";
}

/// <summary>An event finally rejected by one lane, kept with its reason.</summary>
/// <param name="LaneId">The lane that gave it up.</param>
/// <param name="Event">The event; owned.</param>
/// <param name="Reason">Why.</param>
/// <param name="Attempts">How often it was tried by itself.</param>
/// <param name="Time">When it was given up.</param>
public sealed record DeadLetter(string LaneId, BusEvent Event, string Reason, int Attempts, DateTimeOffset Time);
