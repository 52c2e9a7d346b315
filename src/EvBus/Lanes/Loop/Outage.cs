namespace EvBus.Lanes;

/// <summary>How a failure is to be said.</summary>
internal enum Saying : byte
{
    /// <summary>Its reason is new in this outage: a line of its own.</summary>
    New,

    /// <summary>Nothing new, and it was said a long time ago: how long it has lasted is due.</summary>
    Due,

    /// <summary>Nothing new.</summary>
    Known,
}

/// <summary>
/// One time of trouble of a lane, from its first failure to its next success: how long it lasts, and what of it has been said. A lane that is down for a night says each reason once, then that it is still down: after a
/// minute, and each ten minutes from then on. Thread-safe: the watchdog counts as well.
/// </summary>
internal sealed class Outage(TimeProvider time)
{
    // A reason that names a number or a time is new each time it is said.
    private const int MostReasons = 16;

    private static readonly TimeSpan s_first = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_again = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private readonly HashSet<string> _said = [];
    private DateTimeOffset _beganAt;
    private long _began;
    private TimeSpan _due;
    private bool _isConnectSaid;
    private volatile int _failures;

    /// <summary>Failures since it began; 0 when there is no outage.</summary>
    public int Failures => _failures;

    /// <summary>Whether there is one.</summary>
    public bool IsOn => _failures > 0;

    /// <summary>The connection was made again while nothing was under way: nothing is known to be wrong, and nothing has got through yet either.</summary>
    public bool IsCalm { get; private set; }

    /// <summary>When it began; null when there is none.</summary>
    public DateTimeOffset? Since
    {
        get
        {
            lock (_lock)
                return IsOn ? _beganAt : null;
        }
    }

    /// <summary>How long it has lasted.</summary>
    public TimeSpan Lasted
    {
        get
        {
            lock (_lock)
                return IsOn ? time.GetElapsedTime(_began) : TimeSpan.Zero;
        }
    }

    /// <summary>Counts a failure.</summary>
    public Saying Add(string reason)
    {
        lock (_lock)
        {
            if (_failures == 0)
                (_began, _beganAt, _due) = (time.GetTimestamp(), time.GetUtcNow(), s_first);
            _failures = Math.Min(_failures + 1, int.MaxValue - 1);
            IsCalm = false;
            if (_said.Count < MostReasons && _said.Add(reason))
                return Saying.New;
            var lasted = time.GetElapsedTime(_began);
            if (lasted < _due)
                return Saying.Known;
            while (_due <= lasted)
                _due += s_again;
            return Saying.Due;
        }
    }

    /// <summary>Whether a connection that is made is worth a line: outside an outage, and for the first of an outage in which nothing was under way.</summary>
    public bool IsConnectNews(bool isIdle)
    {
        lock (_lock)
        {
            if (!IsOn)
                return true;
            IsCalm |= isIdle;
            var isNews = isIdle && !_isConnectSaid;
            _isConnectSaid |= isIdle;
            return isNews;
        }
    }

    public void End()
    {
        lock (_lock)
        {
            _failures = 0;
            IsCalm = _isConnectSaid = false;
            _said.Clear();
        }
    }
}
