namespace EvBus.Lanes;

/// <summary>
/// The arithmetic of back-off: doubles from the initial wait up to the cap, and waits a random part of it (full jitter). Pure but for the
/// random source handed in. One lane, one thread at a time.
/// </summary>
internal sealed class RetrySchedule(TimeSpan initial, TimeSpan max, Random random)
{
    /// <summary>Failures in a row.</summary>
    public int Failures { get; private set; }

    /// <summary>The longest the wait after the <paramref name="failure"/>-th failure in a row can be.</summary>
    public TimeSpan Ceiling(int failure)
    {
        // Beyond 62 doublings the product leaves 64 bits; the cap was reached long before.
        var factor = 1L << Math.Clamp(failure - 1, 0, 62);
        return initial.Ticks > max.Ticks / factor ? max : TimeSpan.FromTicks(initial.Ticks * factor);
    }

    /// <summary>Counts a failure and says how long to wait; at least <paramref name="asked"/>, which the cap does not shorten.</summary>
    public TimeSpan Next(TimeSpan? asked)
    {
        Failures = Math.Min(Failures + 1, int.MaxValue - 1);
        var wait = TimeSpan.FromTicks((long)(Ceiling(Failures).Ticks * random.NextDouble()));
        return asked is { } least && least > wait ? least : wait;
    }

    public void Succeed() => Failures = 0;
}
