namespace EvBus.Journal;

// A lane beyond its limit gives up its oldest unread events: decided under the gate, done after it. Reading them may need the disk, and keeping
// them as dead letters does.
internal sealed partial class SegmentJournal
{
    /// <summary>How far beyond twice its limit a lane may be while its dead letters are being written, in events and bytes.</summary>
    private const int SlackEvents = 1024, SlackBytes = 1 << 20;

    /// <summary>How many dead letters are made durable at once.</summary>
    private const int MostAtOnce = 256;

    internal void ApplyAgeLimit(SegmentLane lane, DateTimeOffset now)
    {
        if (lane.Options.LimitAge is not { } maxAge || lane.Options.OnLimit == LimitPolicy.Block)
            return;
        if (lane.Options.OnLimit != LimitPolicy.Detach)
        {
            Relieve(lane);
            return;
        }
        if (lane.IsDetached || !(lane.OldestUnreadTime() < now - maxAge))
            return;
        lock (_gate)
            ReachLimit(lane, $"its oldest event is older than {maxAge}");
        _outbox.Tell();
    }

    /// <summary>Begins to bring a lane back to its limit: at once, or where letters go to disk, beside.</summary>
    internal void BeginRelief(SegmentLane lane)
    {
        if (_store is null || lane.Options.IsEphemeral || lane.Options.OnLimit != LimitPolicy.DeadLetter)
            Relieve(lane);
        else if (lane.TryBeginRelief())
            _ = Task.Run(() => RelieveBeside(lane));
    }

    private void RelieveBeside(SegmentLane lane)
    {
        do
        {
            Relieve(lane);
            lane.EndRelief();
        }
        // What came after the last look has found somebody at it.
        while (Excess(lane) is not null && lane.HasUnread && lane.TryBeginRelief());
    }

    private void Relieve(SegmentLane lane)
    {
        // One at a time, or two would give up what one has to.
        lock (lane.Relieving)
        {
            while (Excess(lane) is { } excess && GiveUp(lane, excess))
            {
                // Until it is within its limits, or has nothing unread.
            }
        }
        lock (_gate)
        {
            Trim();
            SignalRoom();
        }
        _outbox.Tell();
    }

    private bool GiveUp(SegmentLane lane, in LaneExcess excess)
    {
        var batch = new EventBatch();
        try
        {
            if (!lane.TryTake(batch, excess))
                return false;
        }
        catch (LogReadException)
        {
            // The lane's reader meets it as well and says it; until then there is nothing to take.
            return false;
        }
        var outcome = lane.Options.OnLimit == LimitPolicy.DeadLetter && lane.Observer.TryKeepDead(batch, excess.Reason) ? LaneOutcome.Dead : LaneOutcome.Dropped;
        Settle(lane, batch, 0, batch.Count, outcome, excess.Reason);
        // First the cursor, then those who wait.
        lane.Observer.OnGivenUp(batch, outcome, excess.Reason);
        batch.Close();
        return true;
    }

    /// <summary>What a lane has beyond its limits; null when it has nothing.</summary>
    private LaneExcess? Excess(SegmentLane lane)
    {
        var options = lane.Options;
        lock (_gate)
        {
            if (lane.IsDetached || lane.IsForgotten)
                return null;
            var (events, bytes) = Queued(lane);
            if (options.LimitEvents is { } maxEvents && events > maxEvents)
                return new LaneExcess((int)Math.Min(events - maxEvents, MostAtOnce), 1 << 20, null, DropReasons.LaneLimit);
            if (options.LimitBytes is { } maxBytes && events > 1 && bytes > maxBytes)
                return new LaneExcess(MostAtOnce, Math.Min(bytes - maxBytes, 1 << 20), null, DropReasons.LaneLimit);
        }
        return options.LimitAge is { } maxAge && _options.Time.GetUtcNow() - maxAge is var cutoff && lane.OldestUnreadTime() < cutoff
            ? new LaneExcess(MostAtOnce, 1 << 20, cutoff, DropReasons.Expired) : null;
    }
}

/// <summary>What a lane has to give up of its oldest unread events.</summary>
/// <param name="Events">At most so many.</param>
/// <param name="Bytes">At most so many bytes, and at least one event.</param>
/// <param name="Cutoff">Only those accepted before it; null for any.</param>
/// <param name="Reason">Why.</param>
internal readonly record struct LaneExcess(int Events, long Bytes, DateTimeOffset? Cutoff, string Reason);
