using EvBus.Journal;

namespace EvBus;

/// <summary>Where a bus keeps what it has accepted.</summary>
public enum JournalMode
{
    /// <summary>In this process's memory: nothing outlives it. The default.</summary>
    Memory,

    /// <summary>On disk, before lanes read it; what waits there is delivered after a restart. Receipts may be <see cref="Receipt.Durable"/>.</summary>
    Disk,
}

/// <summary>The journal of a bus. Immutable; checked at start.</summary>
public sealed record JournalOptions
{
    /// <summary>Memory or disk. Default: <see cref="JournalMode.Memory"/>.</summary>
    public JournalMode Mode { get; init; } = JournalMode.Memory;

    /// <summary>The folder of the journal on disk; made when it is not there. One process at a time may have it open: a second is refused at start, and told which has it.</summary>
    public string? Directory { get; init; }

    /// <summary>How large a segment file is made; whole files are deleted when every lane is through with them. 64 KiB to 4 GiB; default 64 MiB.</summary>
    public long SegmentBytes { get; init; } = 64L << 20;

    /// <summary>How much of the end of the log is kept in memory as well, in bytes; lanes further behind read from disk. 1 MiB to 64 GiB; default 64 MiB.</summary>
    public long MemoryBytes { get; init; } = 64L << 20;

    /// <summary>The most bytes of log on disk; then the door's policy applies. Default: as much as the disk holds.</summary>
    public long? MaxBytes { get; init; }

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
