using System.Text.Json.Serialization;

namespace EvBus.Tools.Cli.Journal;

/// <summary>One thing that <c>check</c> has found.</summary>
/// <param name="Kind">In one word, for scripts.</param>
/// <param name="File">The file, named relative to the journal.</param>
/// <param name="Byte">Where in the file.</param>
/// <param name="Length">How many bytes.</param>
/// <param name="Events">How many events are lost with it.</param>
/// <param name="What">What is wrong.</param>
/// <param name="Remedy">What to do.</param>
/// <param name="IsDamage">False for what is worth knowing and in order: it does not make <c>check</c> fail.</param>
internal sealed record Finding(string Kind, string File, long Byte, long Length, long Events, string What, string Remedy, bool IsDamage = true)
{
    public const string Repair = "evbus journal repair";

    /// <summary>The part of the log that it is about; null for other files.</summary>
    [JsonIgnore]
    public Gap? Gap { get; init; }

    /// <summary>The number of the first event lost; null when none is, or it is not known.</summary>
    public ulong? FirstSequence
    {
        get => Gap is { Events: > 0 } gap ? gap.FirstSequence : field;
        init;
    }
}

/// <summary>A part of the log without whole records.</summary>
internal sealed class Gap(long at, long end, ulong wholeBefore)
{
    /// <summary>The byte of the log at which it begins.</summary>
    public long At { get; } = at;

    public long End { get; } = end;

    public long Length => End - At;

    /// <summary>How many whole events lie between the last place whose number is known and this one.</summary>
    public ulong WholeBefore { get; } = wholeBefore;

    /// <summary>The number of the first event lost.</summary>
    public ulong FirstSequence { get; set; }

    public long Events { get; set; }

    /// <summary>What a commit record behind it would say.</summary>
    public EvBus.Journal.CommitInfo Commit { get; set; }
}
