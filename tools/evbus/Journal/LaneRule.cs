using EvBus.Journal;
using EvBus.Lanes;

namespace EvBus.Tools.Cli.Journal;

/// <summary>The filter of a lane, made again from the words that its cursor keeps (LaneFilter.Rule).</summary>
internal static class LaneRule
{
    private const string Unaddressed = "; unaddressed: ";
    private const string ByProfile = "; by profile";
    private const string Before = @"\A(?:";
    private const string After = @")\z";

    /// <summary>Null when the rule is code that only the bus has, or words of another version.</summary>
    public static LaneFilter? Read(string laneId, string rule)
    {
        var at = rule.LastIndexOf(Unaddressed, StringComparison.Ordinal);
        if (at < 0 || !rule.EndsWith(ByProfile, StringComparison.Ordinal) || !Enum.TryParse<UnaddressedRule>(rule[(at + Unaddressed.Length)..^ByProfile.Length], out var unaddressed))
            return null;
        var pattern = rule[..at];
        var match = pattern == "every event" ? null
            : pattern.StartsWith(Before, StringComparison.Ordinal) && pattern.EndsWith(After, StringComparison.Ordinal) ? ProfileMatch.FromRegex(pattern[Before.Length..^After.Length])
            : ProfileMatch.Glob(pattern);
        var filter = new LaneFilter(laneId, match, null, unaddressed);
        // Whatever was misread would count other events than the lane does.
        return filter.Rule == rule ? filter : null;
    }
}

/// <summary>What a lane has queued, counted in the log: everything from its cursor on that is for it and not settled.</summary>
internal sealed class LaneQueue
{
    private readonly LaneCursor _cursor;
    private readonly LaneFilter? _filter;
    private readonly IReadOnlyList<(ulong From, ulong To)> _settled;
    private bool _isBlind;

    public LaneQueue(LaneCursor cursor)
    {
        _cursor = cursor;
        _filter = LaneRule.Read(cursor.LaneId, cursor.Rule);
        _settled = cursor.Settled;
    }

    /// <summary>Whether the lane's rule is known, and could be applied to all that was counted: without the key of an encrypted journal, a rule on profiles cannot.</summary>
    public bool IsCountable => _filter is not null && !_isBlind;

    public long Queued { get; private set; }

    /// <summary>Of those, what the cursor's own counts do not have yet.</summary>
    public long Uncounted { get; private set; }

    public long QueuedBytes { get; private set; }

    public long UncountedBytes { get; private set; }

    /// <summary>The oldest number that its cursor has not settled.</summary>
    public ulong Oldest => _cursor.Oldest;

    public DateTimeOffset? OldestTime { get; private set; }

    /// <summary>Whether the event is queued for the lane.</summary>
    public bool Holds(in StoredRecord record) => _filter is not null && IsOpen(record.Sequence) && Matches(record);

    /// <summary>Whether an event of this number would be queued if it were for the lane.</summary>
    public bool IsOpen(ulong sequence)
    {
        if (sequence < _cursor.Oldest || (_cursor.OrphanedAt > 0 && sequence >= _cursor.OrphanedAt))
            return false;
        foreach (var (from, to) in _settled)
        {
            if (sequence < from)
                break;
            if (sequence < to)
                return false;
        }
        return true;
    }

    private bool Matches(in StoredRecord record)
    {
        if (!record.IsSecret)
            return _filter!.Matches(record.Bytes);
        var isAddressed = (EventCodec.ReadFlags(record.Bytes.Span) & EventCodec.RecordFlags.HasProfile) != 0;
        if (!record.IsForOneLane && (!isAddressed || _filter!.TakesAll))
            return _filter!.MatchesProfile(addressed: false, default);
        _isBlind |= IsOpen(record.Sequence);
        return false;
    }

    /// <summary>Counts an event; whether it is for the lane at all, settled or not.</summary>
    public bool Count(in StoredRecord record)
    {
        if (_filter is null || !Matches(record))
            return false;
        if (!IsOpen(record.Sequence))
            return true;
        Queued++;
        QueuedBytes += record.Bytes.Length;
        OldestTime ??= EventCodec.ReadAccepted(record.Bytes.Span);
        if (record.Sequence >= _cursor.CountedSequence && !record.IsForOneLane)
            (Uncounted, UncountedBytes) = (Uncounted + 1, UncountedBytes + record.Bytes.Length);
        return true;
    }
}
