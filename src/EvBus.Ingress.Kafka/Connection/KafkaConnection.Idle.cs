using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

// While nothing is under way no report tells whether the brokers are there, so they are asked now and then. It is no more than a heartbeat would be.
internal sealed partial class KafkaConnection
{
    private long _lastSign;
    private bool _isProbing;
    private volatile string? _lost;

    /// <summary>Why it ended while nothing was under way; null when it did not.</summary>
    public string? Lost => _lost;

    /// <summary>Called once, from any thread, when <see cref="Lost"/> has its value.</summary>
    public Action<KafkaConnection>? OnLost { get; init; }

    /// <summary>The topic to ask about: the last one sent to is cheaper than all there are.</summary>
    private string? ProbeTopic => _where.Topic is { Length: > 0 } topic ? topic : _topic;

    /// <summary>Under the list's lock, with nothing under way: asks when it is time to.</summary>
    private void ProbeIdle()
    {
        if (!_isReady || _isProbing || _closing is not null || !_asking.IsCompleted)
            return;
        if (!_saidAway && (ProbeTopic is null || _context.Time.GetElapsedTime(_lastSign) < _tuning.Patience))
            return;
        _isProbing = true;
        _ = ProbeAsync(ProbeTopic);
    }

    private async Task ProbeAsync(string? topic)
    {
        string? trouble = null;
        try
        {
            // Never under the lock of whoever began it.
            await ((Task)BeginAsking(topic, _tuning.Patience)).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }
        catch (Exception e)
        {
            // Whatever it is, it is said below, or the connection has ended of it already.
            trouble = e.Message;
        }
        lock (_listLock)
        {
            _isProbing = false;
            _lastSign = Now;
            if (trouble is null)
                _saidAway = false;
            // What was begun meanwhile has its own time to be confirmed, and ends the connection when that is over.
            if (trouble is null || _open.Count > 0 || _broken is not null)
                return;
        }
        _lost = trouble;
        Break(trouble, Breach.Idle);
        OnLost?.Invoke(this);
    }

    /// <summary>Asks on a thread of its own, for the client's question cannot be cut short. Whoever closes the connection waits for it.</summary>
    private Task<Metadata> BeginAsking(string? topic, TimeSpan patience)
    {
        var asking = Task.Factory.StartNew(() => Ask(topic, patience), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        WaitFor(asking);
        return asking;
    }

    private void WaitFor(Task asking)
    {
        lock (_listLock)
            _asking = Task.WhenAll(_asking, asking);
    }
}
