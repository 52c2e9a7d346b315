namespace EvBus.Tools.Tester.Sources;

/// <summary>Holds a source to so many events a second, counted from its first: what was late is caught up with.</summary>
internal sealed class Pace(double rate, TimeProvider time)
{
    private readonly long _began = time.GetTimestamp();
    private long _sent;

    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        if (rate <= 0)
            return;
        var due = TimeSpan.FromSeconds(_sent++ / rate);
        for (var early = due - time.GetElapsedTime(_began); early > TimeSpan.Zero; early = due - time.GetElapsedTime(_began))
            await Task.Delay(early < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : early, time, cancellationToken);
    }
}
