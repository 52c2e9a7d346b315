using EvBus.Journal;

namespace EvBus.Lanes;

/// <summary>
/// A publisher instance and what is under way through it. Its fields belong to the loop that drives it; under the lane's lock where
/// the watchdog looks too.
/// </summary>
internal sealed class LaneSession(CancellationTokenSource cancel)
{
    private readonly LinkedList<LaneWork> _underWay = new();
    private volatile CancellationTokenSource? _connecting;

    public CancellationToken Token { get; } = cancel.Token;

    /// <summary>Wakes this session's loop. Its own, because the loop of an abandoned session may wait at the same time.</summary>
    public AsyncSignal Signal { get; } = new();

    public IPublisher? Publisher { get; set; }

    /// <summary>The publisher, where it prepares a batch while another is under way.</summary>
    public IPreparingPublisher? Preparing => Publisher is IWindowedPublisher ? null : Publisher as IPreparingPublisher;

    public bool IsConnected { get; set; }

    /// <summary>When it was connected last (timestamp of the clock).</summary>
    public long ConnectedAt { get; set; }

    /// <summary>The publisher, where it speaks of its connection by itself.</summary>
    public IConnectionWatch? Connection { get; set; }

    /// <summary>The destination asked to wait: no time-out counts.</summary>
    public bool IsBlocked { get; set; }

    /// <summary>The connection went while nothing was under way, so connecting again is all the proof there can be.</summary>
    public bool WasLostIdle { get; set; }

    /// <summary>Taken out of service while a call was running.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>When something under way that was not heard of to its end is overdue at the earliest; null when nothing is under way. Under the lock.</summary>
    public long? DueAt =>
        FirstUnderWay is { Acknowledged: not null } oldest && (CallDeadline == 0 || oldest.Deadline < CallDeadline) ? oldest.Deadline : CallDeadline == 0 ? null : CallDeadline;

    /// <summary>When the call that runs now is overdue; 0 when none runs.</summary>
    public long CallDeadline { get; set; }

    /// <summary>What the publisher's report of its progress said when a call was last found overdue.</summary>
    public long SeenProgress { get; set; }

    /// <summary>The deadline that the publisher's own patience has moved already: once for each.</summary>
    public long ExtendedTo { get; set; }

    // While all that failed at one failure gets its verdicts; then they share one wait.
    public bool IsSettlingSeveral { get; set; }

    public TimeSpan? SharedWait { get; set; }

    public ITimer? Watchdog { get; set; }

    /// <summary>Whether the watchdog is going to look again by itself.</summary>
    public bool IsWatched { get; set; }

    /// <summary>Read, perhaps prepared, and not begun: its turn comes once what is under way is delivered. There is none when nothing is.</summary>
    public LaneWork? Next { get; set; }

    public int EventsUnderWay { get; private set; }

    public int BatchesUnderWay => _underWay.Count;

    public LaneWork? FirstUnderWay => _underWay.First?.Value;

    public IEnumerable<LaneWork> UnderWay => _underWay;

    public void Begin(LaneWork work)
    {
        _underWay.AddLast(work);
        EventsUnderWay += work.Batch.Count;
    }

    public void End(LaneWork work)
    {
        _underWay.Remove(work);
        EventsUnderWay -= work.Batch.Count;
    }

    /// <summary>Gives everything under way time until then.</summary>
    public void Postpone(long deadline)
    {
        if (CallDeadline != 0)
            CallDeadline = deadline;
        foreach (var work in _underWay)
            work.Deadline = deadline;
    }

    /// <summary>For one attempt to connect. <see cref="CutConnect"/> ends it, and nothing else of the session.</summary>
    public CancellationTokenSource BeginConnect() => _connecting = CancellationTokenSource.CreateLinkedTokenSource(Token);

    public void CutConnect() => Cancel(_connecting);

    public void Cancel() => Cancel(cancel);

    public void Dispose()
    {
        Watchdog?.Dispose();
        cancel.Dispose();
    }

    public static void Cancel(CancellationTokenSource? source)
    {
        try
        {
            source?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // What it was for has ended in this moment: there is nothing left to cancel.
        }
        catch (AggregateException)
        {
            // A publisher's own callback on the token failed; the call is being given up anyway.
        }
    }
}
