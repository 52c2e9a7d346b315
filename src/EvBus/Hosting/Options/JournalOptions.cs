using EvBus.Journal;

namespace EvBus;

/// <summary>Where a bus keeps what it has accepted.</summary>
public enum JournalMode
{
    /// <summary>In this process's memory: nothing outlives it. The default.</summary>
    Memory,

    /// <summary>On disk, before lanes read it; what waits there is delivered after a restart. Receipts may be <see cref="Receipt.Durable"/>.</summary>
    Disk,

    /// <summary>
    /// In memory as long as all lanes keep up, on disk when one falls behind, when a durable receipt is asked for, and at the stop; order is kept, and
    /// lanes that have caught up read from memory again. A crash loses what was only in memory: what had no durable receipt.
    /// </summary>
    Spill,
}

/// <summary>The journal of a bus. Immutable; checked at start.</summary>
public sealed record JournalOptions
{
    /// <summary>Memory, disk, or memory first and disk when it is needed. Default: <see cref="JournalMode.Memory"/>.</summary>
    public JournalMode Mode { get; init; } = JournalMode.Memory;

    /// <summary>The folder of the journal on disk; made when it is not there. One process at a time may have it open: a second is refused at start, and told which has it.</summary>
    public string? Directory { get; init; }

    /// <summary>How large a segment file is made; whole files go when every lane is through with them. Up to two of those are kept while events flow, to be written again. 64 KiB to 4 GiB; default 64 MiB.</summary>
    public long SegmentBytes { get; init; } = 64L << 20;

    /// <summary>How much of the end of the log is kept in memory as well, in bytes; lanes further behind read from disk. In mode <see cref="JournalMode.Spill"/> half of it is used before anything goes to disk. 1 MiB to 64 GiB; default 64 MiB.</summary>
    public long MemoryBytes { get; init; } = 64L << 20;

    /// <summary>The most bytes of log on disk that lanes still need or that are retained; then the door's policy applies. Files kept to be written again come on top. Default: as much as the disk holds.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>
    /// Encrypts attributes and bodies of events and dead letters on disk (AES-256-GCM), from now on: what lies there plain stays plain until it is through. A journal that
    /// was encrypted once is refused without its key, or with another one; to change it, <see cref="JournalKey.WithFormer"/>. Default: none. <see cref="JournalKey.FromFile"/>, <see cref="JournalKey.FromEnvironment"/>.
    /// </summary>
    public JournalKey? Key { get; init; }

    /// <summary>
    /// What is kept of the log after every lane is through with it, so that lanes can be rewound (<see cref="ILanes.RewindAsync"/>). Only on disk; whole files, looked at
    /// whenever something is settled. Gives way when the disk is full. Default: nothing.
    /// </summary>
    public JournalRetention? Retain { get; init; }

    /// <summary>
    /// How much room the folder keeps for a full disk, in bytes: the log never gets it, cursors, checkpoint and dead letters do, and it is made again when
    /// there is room. 0 to 1 GiB; default 1 MiB. With 0, a dead letter that finds no room pauses its lane.
    /// </summary>
    public long ReserveBytes { get; init; } = 1L << 20;

    /// <summary>How long a group waits for more events before it is written. 0 to 1 s; default 0: it holds what came while the last one was written.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.Zero;

    /// <summary>For tests: the storage to use instead of a folder.</summary>
    internal IStorage? Storage { get; init; }
}

/// <summary>How much of what every lane is through with a journal keeps. At least one of the two; with both, what exceeds either goes.</summary>
public sealed record JournalRetention
{
    /// <summary>At most so many bytes of log. 64 KiB to 1 PiB; default: no bound.</summary>
    public long? Bytes { get; init; }

    /// <summary>For so long. 1 s to 10 years; default: no bound.</summary>
    public TimeSpan? Age { get; init; }
}
