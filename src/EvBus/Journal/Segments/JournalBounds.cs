namespace EvBus.Journal;

/// <summary>The bounds of a journal that no option sets. Tests make them small, so that each is reached.</summary>
internal sealed record JournalBounds
{
    /// <summary>How many settled ranges beyond its cursor a lane may have before it stops reading ahead.</summary>
    public int SettledRanges { get; init; } = Journal.SettledRanges.Limit;

    /// <summary>The smallest segment in memory, in bytes; else a sixteenth of the memory there is.</summary>
    public int SmallestSegment { get; init; } = 64 << 10;

    /// <summary>What may be appended beyond what is committed, in bytes: a few groups of the fastest disk.</summary>
    public long Uncommitted { get; init; } = 64L << 20;
}
