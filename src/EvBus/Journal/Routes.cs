using System.Text;

namespace EvBus.Journal;

/// <summary>A set of lanes that events have been for, and how many.</summary>
internal sealed class Route(SegmentLane[] lanes)
{
    public SegmentLane[] Lanes { get; } = lanes;

    public string[] LaneIds { get; } = [.. lanes.Select(lane => lane.Id)];

    public long Events { get; set; }

    public long Bytes { get; set; }

    /// <summary>Appended and not yet committed; only with a disk. What waits, then what is being written.</summary>
    public long PendingEvents { get; set; }

    public long PendingBytes { get; set; }

    public long ClosedEvents { get; set; }

    public long ClosedBytes { get; set; }

    public void Count(CommitStage stage, int bytes)
    {
        if (stage == CommitStage.Committed)
            (Events, Bytes) = (Events + 1, Bytes + bytes);
        else if (stage == CommitStage.Closed)
            (ClosedEvents, ClosedBytes) = (ClosedEvents + 1, ClosedBytes + bytes);
        else
            (PendingEvents, PendingBytes) = (PendingEvents + 1, PendingBytes + bytes);
    }
}

/// <summary>How far an event is on its way to disk; without a disk, everything is committed when it is appended.</summary>
internal enum CommitStage : byte { Committed, Closed, Pending }

/// <summary>
/// Which lanes a record is for, and the counts by which a lane knows what it has queued without looking: one addition per event,
/// however many lanes. Under the journal's lock; made anew whenever a lane comes or goes.
/// </summary>
internal sealed class Routes
{
    /// <summary>Names come from outside, so answers are kept for this many; the rest is worked out each time.</summary>
    private const int MaxNames = 1000;

    private readonly SegmentLane[] _lanes;
    private readonly bool _byAttributes;
    private readonly Dictionary<string, Route> _byProfile = new(StringComparer.Ordinal);
    private readonly List<Route> _all = [];
    private readonly Route _unaddressed;
    private byte[] _lastProfile = [];
    private Route? _last;

    public Routes(SegmentLane[] lanes)
    {
        _lanes = lanes;
        _byAttributes = lanes.Any(lane => lane.Filter.LooksAtAttributes);
        _unaddressed = Find(lane => lane.Filter.MatchesProfile(addressed: false, default));
    }

    public Route For(ReadOnlyMemory<byte> record)
    {
        var span = record.Span;
        var flags = EventCodec.ReadFlags(span);
        if (_byAttributes || (flags & EventCodec.RecordFlags.ForLane) != 0)
            return FindByAttributes(record);
        if ((flags & EventCodec.RecordFlags.HasProfile) == 0)
            return _unaddressed;
        var profile = EventCodec.ReadProfile(span);
        if (_last is not null && profile.SequenceEqual(_lastProfile))
            return _last;
        var name = Encoding.UTF8.GetString(profile);
        if (!_byProfile.TryGetValue(name, out var route))
        {
            route = FindByProfile(profile.ToArray());
            if (_byProfile.Count < MaxNames)
                _byProfile.Add(name, route);
        }
        _lastProfile = profile.ToArray();
        _last = route;
        return route;
    }

    /// <summary>Whether something counted here is not committed yet.</summary>
    public bool HasUncommitted => _all.Exists(route => route.PendingEvents + route.ClosedEvents > 0);

    /// <summary>A group is closed: what was pending goes with it.</summary>
    public void CloseGroup()
    {
        foreach (var route in _all)
        {
            route.ClosedEvents += route.PendingEvents;
            route.ClosedBytes += route.PendingBytes;
            (route.PendingEvents, route.PendingBytes) = (0, 0);
        }
    }

    /// <summary>The group that was closed is committed.</summary>
    public void CommitGroup()
    {
        foreach (var route in _all)
        {
            route.Events += route.ClosedEvents;
            route.Bytes += route.ClosedBytes;
            (route.ClosedEvents, route.ClosedBytes) = (0, 0);
        }
    }

    /// <summary>Moves what was counted into the lanes, so that the routes can be thrown away.</summary>
    public void Fold()
    {
        foreach (var route in _all)
        {
            foreach (var lane in route.Lanes)
                lane.AddMatched(route.Events, route.Bytes);
            (route.Events, route.Bytes) = (0, 0);
        }
    }

    /// <summary>What was counted for a lane since these routes were made.</summary>
    public (long Events, long Bytes) Sum(SegmentLane lane, bool onlyCommitted = false)
    {
        var (events, bytes) = (0L, 0L);
        foreach (var route in _all)
        {
            if (Array.IndexOf(route.Lanes, lane) < 0)
                continue;
            (events, bytes) = (events + route.Events, bytes + route.Bytes);
            if (!onlyCommitted)
                (events, bytes) = (events + route.PendingEvents + route.ClosedEvents, bytes + route.PendingBytes + route.ClosedBytes);
        }
        return (events, bytes);
    }

    private Route FindByProfile(byte[] profile) => Find(lane => lane.Filter.MatchesProfile(addressed: true, profile));

    // Apart, because a closure over the record would be made for every event.
    private Route FindByAttributes(ReadOnlyMemory<byte> record) => Find(lane => lane.Filter.Matches(record));

    private Route Find(Func<SegmentLane, bool> wants)
    {
        var lanes = Array.FindAll(_lanes, lane => wants(lane));
        var known = _all.Find(route => route.Lanes.AsSpan().SequenceEqual(lanes));
        if (known is null)
            _all.Add(known = new Route(lanes));
        return known;
    }
}
