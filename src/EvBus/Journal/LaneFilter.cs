using System.Text;
using EvBus.Lanes;

namespace EvBus.Journal;

/// <summary>
/// Who gets an event: the rule of semantics over the bytes of a record. Pure, so that the door and the lane's reader agree.
/// One instance may be used from any thread.
/// </summary>
internal sealed class LaneFilter(string laneId, ProfileMatch? pattern, Func<EventView, bool>? attributes, UnaddressedRule unaddressed)
{
    private readonly byte[] _id = Encoding.UTF8.GetBytes(laneId);
    private Answer? _last;
    private int _saidFault;

    /// <summary>Called once, on a thread of its own, when the attributes' rule throws.</summary>
    public Action<Exception>? OnFault { get; init; }

    /// <summary>The rule in words: two filters with different words may want different events.</summary>
    public string Rule { get; } = $"{pattern?.Pattern ?? "every event"}; unaddressed: {unaddressed}; {(attributes is null ? "by profile" : "by attributes")}";

    /// <summary>Whether every event that is not put back for another lane matches; then nobody needs to look.</summary>
    public bool TakesAll => pattern is null && attributes is null;

    /// <summary>Whether the rule looks further than the profile, so that answers cannot be kept by profile name.</summary>
    public bool LooksAtAttributes => attributes is not null;

    public bool Matches(ReadOnlyMemory<byte> record)
    {
        var span = record.Span;
        var flags = EventCodec.ReadFlags(span);
        if ((flags & EventCodec.RecordFlags.ForLane) != 0)
            return EventCodec.TryFind(span, EventCodec.Tag.Lane, out var target) && target.SequenceEqual(_id);
        if (pattern is not null && !MatchesProfile((flags & EventCodec.RecordFlags.HasProfile) != 0, EventCodec.ReadProfile(span)))
            return false;
        return attributes is null || Asks(record);
    }

    // The rule is the user's code. What it throws for is the lane's: an event too many can be seen, one too few cannot.
    private bool Asks(ReadOnlyMemory<byte> record)
    {
        try
        {
            return attributes!(EventBatch.Single(record)[0]);
        }
        catch (Exception e)
        {
            if (OnFault is { } say && Interlocked.Exchange(ref _saidFault, 1) == 0)
                ThreadPool.QueueUserWorkItem(static fault => fault.Say(fault.Exception), (Say: say, Exception: e), preferLocal: false);
            return true;
        }
    }

    /// <summary>The rule on profiles alone.</summary>
    public bool MatchesProfile(bool addressed, ReadOnlySpan<byte> profile)
    {
        if (pattern is null)
            return true;
        if (!addressed)
            return unaddressed == UnaddressedRule.All || pattern.IsMatch("default");
        // Neighbouring events mostly share their profile, so the last answer is worth keeping.
        if (_last is { } last && profile.SequenceEqual(last.Profile))
            return last.Matches;
        var answer = new Answer(profile.ToArray(), pattern.IsMatch(Encoding.UTF8.GetString(profile)));
        _last = answer;
        return answer.Matches;
    }

    private sealed record Answer(byte[] Profile, bool Matches);
}
