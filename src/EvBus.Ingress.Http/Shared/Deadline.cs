namespace EvBus.Ingress.Http;

/// <summary>A time-out for one request after the other, and the caller's cancellation; made once for many, for a source of each request's own costs as much as the request.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly TimeSpan _timeout;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _registration;

    public Deadline(TimeSpan timeout, TimeProvider time, CancellationToken caller)
    {
        (_timeout, _caller) = (timeout, caller);
        _source = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _registration = caller.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    public CancellationToken Token => _source.Token;

    public bool IsCancelledByCaller => _caller.IsCancellationRequested;

    /// <summary>From now on; what was left of the last one does not count.</summary>
    public void Begin() => _source.CancelAfter(_timeout);

    public void Dispose()
    {
        _registration.Dispose();
        _source.Dispose();
    }
}
