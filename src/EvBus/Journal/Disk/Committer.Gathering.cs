namespace EvBus.Journal;

// For whom a group waits, and how.
internal sealed partial class Committer
{
    /// <summary>Waits while those just answered keep coming, at most the linger when one is set.</summary>
    private void Gather(int answered)
    {
        if (_linger > TimeSpan.Zero)
        {
            Linger();
            return;
        }
        if (answered < 2 || Arrivals is null)
            return;
        var first = Arrivals();
        var enough = _size.Wanted(answered + first);
        var began = _time.GetTimestamp();
        var seen = enough - first < Many ? Watch(first, enough) : Wait(first, enough);
        if (seen >= enough)
            _size.Came(seen - first, _time.GetTimestamp() - began);
    }

    private void Linger()
    {
        var began = _time.GetTimestamp();
        _gathered.Reset();
        // Asleep for whole milliseconds, which is what a wait can be told; only what is left of one is spent awake.
        for (TimeSpan left; (left = _linger - _time.GetElapsedTime(began)) > TimeSpan.Zero && !_stopping;)
        {
            if (left < Patience)
                Thread.Yield();
            else
                _gathered.Wait(left);
        }
    }

    private int Watch(int seen, int enough)
    {
        for (var quiet = 0; seen < enough && quiet < 20 && !_stopping;)
        {
            if (!Thread.Yield())
                Thread.SpinWait(100);
            var now = Arrivals!();
            quiet = now == seen ? quiet + 1 : 0;
            seen = now;
        }
        return seen;
    }

    private int Wait(int seen, int enough)
    {
        _gathered.Reset();
        _wanted = enough;
        // Whoever came before the number stood there has not seen it.
        Interlocked.MemoryBarrier();
        int before;
        do
        {
            before = seen;
            if (Arrivals!() < enough && !_stopping)
                _gathered.Wait(Patience);
            seen = Arrivals();
        }
        while (before < seen && seen < enough && !_stopping);
        _wanted = 0;
        return seen;
    }
}
