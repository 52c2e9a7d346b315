namespace EvBus.Ingress.RabbitMq;

/// <summary>How sure it is that one event made the broker close the channel.</summary>
internal enum Suspicion
{
    /// <summary>Every event would meet the same, or none had to do with it.</summary>
    None,

    /// <summary>It may be one event, or the broker's own trouble.</summary>
    Likely,

    /// <summary>The broker refused what only one event has.</summary>
    Certain,
}

/// <summary>
/// What the connections of a lane learned from the broker, one after another: its size limit, and that one event makes it close the channel. Then everything that was under way is sent one
/// by one, until the one is found and rejected: an outage would be tried again for ever, and one event would stop the lane.
/// </summary>
internal sealed class Lessons(TimeProvider time)
{
    /// <summary>So many closings in a row with the same event alone under way are no accident.</summary>
    public const int Closings = 3;

    /// <summary>For so long a size limit is believed without asking again: it can be raised while the connection stays.</summary>
    public static readonly TimeSpan Belief = TimeSpan.FromMinutes(1);

    private long _progress;
    private long _maxLength;
    private long _learnedAt;
    private Position _upTo;
    private Position? _suspect;
    private int _closings;

    /// <summary>Grows whenever the broker took something.</summary>
    public long Progress => Volatile.Read(ref _progress);

    /// <summary>The largest body the broker takes, as far as it said so lately; null otherwise.</summary>
    public long? MaxLength => _maxLength > 0 && time.GetElapsedTime(_learnedAt) < Belief ? _maxLength : null;

    /// <summary>Whether events are sent one by one.</summary>
    public bool IsIsolating { get; private set; }

    public void Moved() => Interlocked.Increment(ref _progress);

    public void Learn(long maxLength) => (_maxLength, _learnedAt) = (maxLength, time.GetTimestamp());

    /// <summary>A connection ended because of an event.</summary>
    /// <param name="suspicion">How sure that is.</param>
    /// <param name="last">The last event that was handed over.</param>
    /// <param name="underWay">How many had no verdict yet.</param>
    /// <returns>Whether it was that last event, which is rejected.</returns>
    public bool Judge(Suspicion suspicion, Position last, int underWay)
    {
        if (suspicion == Suspicion.None || underWay == 0)
            return false;
        if (underWay > 1)
        {
            IsIsolating = true;
            _upTo = last > _upTo ? last : _upTo;
            return false;
        }
        _closings = last == _suspect ? _closings + 1 : 1;
        _suspect = last;
        return suspicion == Suspicion.Certain || _closings >= Closings;
    }

    /// <summary>A batch is about to be written. True when all that was under suspicion is through: there may be a window again.</summary>
    public bool IsThrough(Position first)
    {
        if (!IsIsolating || first <= _upTo)
            return false;
        IsIsolating = false;
        return true;
    }
}
