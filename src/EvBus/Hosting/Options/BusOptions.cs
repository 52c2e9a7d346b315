namespace EvBus;

/// <summary>What the door does when the journal is full and every lane is flowing.</summary>
public enum DoorPolicy
{
    /// <summary>Puts wait, as long as <see cref="BusOptions.DoorTimeout"/> allows.</summary>
    Block,

    /// <summary>Puts are refused at once with <see cref="RefusalReason.Full"/>.</summary>
    Reject,

    /// <summary>As <see cref="Reject"/>, counted apart: the caller is not expected to look.</summary>
    DropNewest,
}

/// <summary>Who gets an event that names no profile.</summary>
public enum UnaddressedRule
{
    /// <summary>Every lane (the original's first generation: "vomited to all").</summary>
    All,

    /// <summary>The lanes that match the profile called <c>default</c> (the original's newer generation).</summary>
    Default,
}

/// <summary>How profile names are matched with the profiles of events.</summary>
public enum ProfileMatching
{
    /// <summary>The lane's profile name is a glob: <c>*</c>, <c>?</c>, <c>[seq]</c>, <c>[!seq]</c>; case-sensitive, whole name.</summary>
    Glob,

    /// <summary>The lane's profile name is a regular expression over the whole name, run without backtracking.</summary>
    Regex,
}

/// <summary>What a bus is. Immutable; checked at start, all errors at once. No option holds a secret.</summary>
public sealed record BusOptions
{
    /// <summary>The most events the journal in memory holds. 1 to 1,000,000,000; default 1,000,000.</summary>
    public long MaxEvents { get; init; } = 1_000_000;

    /// <summary>The most bytes of records the journal in memory holds. 64 KiB to 1 TiB; default 256 MiB.</summary>
    public long MaxBytes { get; init; } = 256L << 20;

    /// <summary>Where accepted events are kept. Default: in memory, bounded by <see cref="MaxEvents"/> and <see cref="MaxBytes"/>.</summary>
    public JournalOptions Journal { get; init; } = new();

    /// <summary>The largest body accepted, in bytes. 1 to 1 GiB; default 1 MiB.</summary>
    public int MaxEventBytes { get; init; } = 1 << 20;

    /// <summary>What the door does when the journal is full and every lane is flowing. Default: <see cref="DoorPolicy.Block"/>.</summary>
    public DoorPolicy WhenFull { get; init; } = DoorPolicy.Block;

    /// <summary>How long a put may wait for room. Default: as long as it takes.</summary>
    public TimeSpan? DoorTimeout { get; init; }

    /// <summary>Who gets an event without a profile. Default: <see cref="UnaddressedRule.All"/>.</summary>
    public UnaddressedRule Unaddressed { get; init; } = UnaddressedRule.All;

    /// <summary>How profile names are matched. Default: <see cref="ProfileMatching.Glob"/>.</summary>
    public ProfileMatching Matching { get; init; } = ProfileMatching.Glob;

    /// <summary>The names of the profiles that may be used; empty allows all.</summary>
    public IReadOnlyList<string> AllowedProfiles { get; init; } = [];

    /// <summary>CloudEvents <c>source</c> of events that name none. Default: <see cref="EvBusDefaults.Source"/>.</summary>
    public string Source { get; init; } = EvBusDefaults.Source;

    /// <summary>CloudEvents <c>type</c> of events that name none. Default: <see cref="EvBusDefaults.Type"/>.</summary>
    public string Type { get; init; } = EvBusDefaults.Type;

    /// <summary>How long a stop may drain the lanes. 0 to 1 day; default 30 s.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a lane whose profile is gone keeps what it has queued. 0 to 10 years; default 7 days. Then it is released and the rest is dropped (<see cref="DropReasons.Orphaned"/>).</summary>
    public TimeSpan OrphanRetention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>What lanes do where nothing else is said.</summary>
    public LaneOptions Lane { get; init; } = new();

    /// <summary>What turns objects into bodies. Default: <see cref="EventSerializer.Json"/>.</summary>
    public EventSerializer? Serializer { get; init; }

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The seed of ids and of the retry jitter, to repeat a run. Default: taken from the operating system.</summary>
    public long? Seed { get; init; }

    /// <summary>Makes ids. Default: UUIDs of version 7's layout, from <see cref="Seed"/> and a counter.</summary>
    public IEventIdGenerator? Ids { get; init; }
}
