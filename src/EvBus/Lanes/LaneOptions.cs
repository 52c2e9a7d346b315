namespace EvBus;

/// <summary>What a lane does when it reaches one of its own limits.</summary>
public enum LimitPolicy
{
    /// <summary>The door waits (or refuses) until the lane has room.</summary>
    Block,

    /// <summary>The oldest events not yet handed to the publisher are dropped, counted as <see cref="DropReasons.LaneLimit"/> or <see cref="DropReasons.Expired"/>.</summary>
    DropOldest,

    /// <summary>The oldest events not yet handed to the publisher become dead letters.</summary>
    DeadLetter,

    /// <summary>The lane stops, loudly, and the others go on. It keeps what it has; what comes later is counted as <see cref="DropReasons.Detached"/>.</summary>
    Detach,
}

/// <summary>Where a lane that is new begins to read.</summary>
public enum LaneStart
{
    /// <summary>In a journal just created: the oldest event. Later: now.</summary>
    Auto,

    /// <summary>The oldest event the journal still holds.</summary>
    Oldest,

    /// <summary>The next event accepted.</summary>
    Now,
}

/// <summary>How much the lane promises about order.</summary>
public enum LaneOrdering
{
    /// <summary>First occurrences in the order of acceptance, except around a single rejection inside an open window.</summary>
    Window,

    /// <summary>One batch under way, and the lane waits for it.</summary>
    Strict,
}

/// <summary>How a lane reads, publishes, tries again and gives up. Immutable; the defaults suit a broker on the network.</summary>
public sealed record LaneOptions
{
    /// <summary>The most events in a batch. 1 to 100,000; default 500.</summary>
    public int BatchEvents { get; init; } = 500;

    /// <summary>The most bytes of records in a batch, except that one event always fits. 1 byte to 1 GiB; default 1 MiB.</summary>
    public long BatchBytes { get; init; } = 1 << 20;

    /// <summary>How long to wait for a batch to fill. 0 to 1 minute; default 0: whatever is there goes.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.Zero;

    /// <summary>How long one call of the publisher may take before its instance is abandoned. 1 ms to 1 day; default 30 s.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many abandoned calls may still be running before the lane detaches. 1 to 100; default 3.</summary>
    public int MaxAbandonedCalls { get; init; } = 3;

    /// <summary>The first back-off. 1 ms to 1 hour; default 100 ms. Each further one doubles; the wait is random between zero and the back-off (full jitter).</summary>
    public TimeSpan RetryInitial { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest back-off. Not below <see cref="RetryInitial"/>, at most 1 day; default 30 s.</summary>
    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often one event may be tried by itself before it becomes a dead letter. Whole batches and disconnections use up nothing. 1 to 1,000,000; default 10.</summary>
    public int MaxAttempts { get; init; } = 10;

    /// <summary>How old an event that fails may become before it is a dead letter. Default: none, so that an outage costs nothing but time. A profile's <c>max_age</c>, in seconds, comes before it.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>How many dead letters the lane keeps; beyond it the oldest is lost and counted. 0 to 10,000,000; default 10,000.</summary>
    public int DeadLetters { get; init; } = 10_000;

    /// <summary>
    /// How many bytes of dead letters the lane keeps, whichever of the two bounds is reached first; beyond it the oldest is lost and counted. The newest is kept whatever its
    /// size. On disk, where they are not in memory, the file may for a while be twice as large. 64 KiB to 1 PiB; default 256 MiB.
    /// </summary>
    public long DeadLetterBytes { get; init; } = 256L << 20;

    /// <summary>The most events queued for this lane. Default: none but the journal's bound.</summary>
    public long? LimitEvents { get; init; }

    /// <summary>The most bytes of records queued for this lane. Default: none but the journal's bound.</summary>
    public long? LimitBytes { get; init; }

    /// <summary>The oldest an event queued for this lane may become. Default: none.</summary>
    public TimeSpan? LimitAge { get; init; }

    /// <summary>What happens at the lane's limits. Default: <see cref="LimitPolicy.Block"/>.</summary>
    public LimitPolicy OnLimit { get; init; } = LimitPolicy.Block;

    /// <summary>How much is promised about order. Default: <see cref="LaneOrdering.Window"/>.</summary>
    public LaneOrdering Ordering { get; init; } = LaneOrdering.Window;

    /// <summary>Where the lane begins when the journal does not know it. Default: <see cref="LaneStart.Auto"/>.</summary>
    public LaneStart Start { get; init; } = LaneStart.Auto;

    /// <summary>With a journal on disk: whether the lane leaves nothing there, neither cursor nor dead letters; it begins anew with each start, at now. Default: false.</summary>
    public bool IsEphemeral { get; init; }
}

/// <summary>A lane, as it is added to a bus.</summary>
public sealed record LaneDefinition
{
    /// <summary>The id, <c>publisher/profile#destination</c> by custom. Unique on its bus.</summary>
    public required string Id { get; init; }

    /// <summary>The pattern that an event's profile must match; null takes every event.</summary>
    public string? Pattern { get; init; }

    /// <summary>A filter over attributes beside the pattern; null lets all through. Called at the door and in the lane, from any thread: it must be quick, and must not throw. An event it throws for counts as the lane's, and the log says so once.</summary>
    public Func<EventView, bool>? Filter { get; init; }

    /// <summary>Makes the publisher, and makes it again whenever the lane needs a new instance.</summary>
    public required Func<CancellationToken, ValueTask<IPublisher>> CreatePublisher { get; init; }

    /// <summary>How the lane works.</summary>
    public LaneOptions Options { get; init; } = new();

    /// <summary>What must not be repeated of what its publisher says.</summary>
    /// <summary>Whether it is opened only for what an earlier run left; nobody asked for it.</summary>
    internal bool IsOrphan { get; init; }

    internal ProfileSecrets Secrets { get; init; } = ProfileSecrets.None;
}
