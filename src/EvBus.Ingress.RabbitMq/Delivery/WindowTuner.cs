namespace EvBus.Ingress.RabbitMq;

/// <summary>
/// How many events may be unconfirmed. It begins small, so that a slow line is never flooded, doubles while confirmations come back quickly and it
/// was the window that held things up, and halves when they take long.
/// </summary>
internal sealed class WindowTuner(bool isStrict)
{
    private volatile bool _isStrict = isStrict;
    public const int Least = 64;
    public const int Most = 4096;

    private static readonly TimeSpan s_quick = TimeSpan.FromMilliseconds(80);
    private static readonly TimeSpan s_slow = TimeSpan.FromMilliseconds(400);

    private int _window = isStrict ? 1 : Least;

    public int Window => Volatile.Read(ref _window);

    /// <summary>What went one by one goes with a window from now on.</summary>
    public void Open()
    {
        Volatile.Write(ref _window, Least);
        _isStrict = false;
    }

    /// <param name="latency">From the publishing of an event to its confirmation.</param>
    /// <param name="wasFull">Whether the window was full meanwhile.</param>
    public void Measured(TimeSpan latency, bool wasFull)
    {
        if (_isStrict)
            return;
        if (latency > s_slow)
            Volatile.Write(ref _window, Math.Max(Least, _window / 2));
        else if (latency < s_quick && wasFull)
            Volatile.Write(ref _window, Math.Min(Most, _window * 2));
    }
}
