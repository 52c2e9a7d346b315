using System.Globalization;

namespace EvBus.Ingress.Kafka;

/// <summary>What broke a connection, as far as the next one should know.</summary>
internal enum Breach
{
    Other,
    TimedOut,
    Refused,
    Idle,
}

/// <summary>
/// What a publisher has learned about its destination, kept from one connection to the next. The window grows as events are confirmed and shrinks when that takes long, so that
/// what is under way can be confirmed before it times out, on a slow line too. Safe from any thread.
/// </summary>
internal sealed class KafkaTuning
{
    private const int FirstWindow = 1024;
    private const int LeastWindow = 16;
    private const int LeastBatchBytes = 1024;
    private const int SlowBatchBytes = 16_384;
    private const int UsualBatchBytes = 1_000_000;

    private readonly Lock _lock = new();
    private readonly KafkaIngressOptions _options;
    private int _window;
    private int _batchBytes = UsualBatchBytes;
    private int _limit = int.MaxValue;
    private bool _hasDelivered;

    public KafkaTuning(KafkaIngressOptions options, string? topic, TimeSpan callTimeout)
    {
        _options = options;
        HasOneTopic = topic is not null;
        var most = callTimeout * 2 / 3;
        MessageTimeout = options.MessageTimeout is { } asked && asked < most ? asked : options.MessageTimeout is null ? callTimeout / 2 : most;
        Patience = callTimeout / 6;
        _window = Math.Min(FirstWindow, options.Window);
    }

    /// <summary>Whether all events go to one topic, whatever they are.</summary>
    public bool HasOneTopic { get; }

    /// <summary>How long the client tries; what waits for its room before that has <see cref="Patience"/>, and together they stay below the lane's time-out.</summary>
    public TimeSpan MessageTimeout { get; }

    public TimeSpan Patience { get; }

    public int Window => Volatile.Read(ref _window);

    /// <summary>Whether the next connection sends each record by itself.</summary>
    public bool IsIsolating { get; set; }

    /// <summary>The line is as fast again as the window is wide: the next connection sends requests of the usual size.</summary>
    public bool IsStale { get; private set; }

    /// <summary>Whether to ask how much the topic takes: at the first connection, and when a request was too large.</summary>
    public bool MustAskLimit { get; set; } = true;

    public void Apply(Dictionary<string, string> settings)
    {
        // A little more than the connection itself waits, and still below the lane's time-out.
        var timeout = ((int)(MessageTimeout + (Patience / 2)).TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        settings["message.timeout.ms"] = timeout;
        settings.TryAdd("request.timeout.ms", timeout);
        settings.TryAdd("topic.metadata.propagation.max.ms", ((int)Patience.TotalMilliseconds).ToString(CultureInfo.InvariantCulture));
        // A request that fails for good ends the producer: what is behind it must not overtake it.
        if (HasOneTopic && !IsIsolating && settings.GetValueOrDefault("enable.idempotence") == "true")
            settings.TryAdd("enable.gapless.guarantee", "true");
        lock (_lock)
        {
            _hasDelivered = IsStale = false;
            ApplyLimit(settings);
            if (_batchBytes < UsualBatchBytes)
                settings["batch.size"] = _batchBytes.ToString(CultureInfo.InvariantCulture);
            if (IsIsolating)
                settings["batch.num.messages"] = "1";
        }
    }

    /// <summary>The topic takes this much in one request. True when that is news, and the connection must be made anew to keep to it.</summary>
    public bool Learn(int limit)
    {
        lock (_lock)
        {
            if (_limit == limit)
                return false;
            var mattered = Math.Min(_limit, limit) < UsualBatchBytes;
            _limit = limit;
            // Now that requests keep to it, what is too large is known before it is sent.
            IsIsolating &= !mattered;
            return mattered;
        }
    }

    // A compressed event may be smaller than it looks, so only the broker can refuse it.
    private void ApplyLimit(Dictionary<string, string> settings)
    {
        if (_limit >= UsualBatchBytes)
            return;
        var limit = _limit.ToString(CultureInfo.InvariantCulture);
        settings["batch.size"] = limit;
        if (settings.GetValueOrDefault("compression.type", "none") == "none"
            && !(settings.TryGetValue("message.max.bytes", out var asked) && int.Parse(asked, CultureInfo.InvariantCulture) < _limit))
            settings["message.max.bytes"] = Math.Max(1000, _limit).ToString(CultureInfo.InvariantCulture);
    }

    public void Delivered(int events, TimeSpan took)
    {
        lock (_lock)
        {
            _hasDelivered = true;
            if (took > MessageTimeout / 4)
                _window = Math.Max(Math.Min(LeastWindow, _options.Window), _window * 3 / 4);
            else if (_window < _options.Window)
                _window = Math.Min(_options.Window, _window + events);
            else if (_batchBytes < UsualBatchBytes && !IsIsolating)
                (_batchBytes, IsStale) = (UsualBatchBytes, true);
        }
    }

    public void BrokenBy(Breach breach)
    {
        lock (_lock)
        {
            if (breach == Breach.Refused)
            {
                IsIsolating = MustAskLimit = true;
                _window = Math.Min(_window, FirstWindow);
                _batchBytes = Math.Max(LeastBatchBytes, _batchBytes / 2);
            }
            else if (breach == Breach.TimedOut)
            {
                _window = Math.Max(Math.Min(LeastWindow, _options.Window), _window / 4);
                // A request that cannot cross the line in time never will; a smaller one may.
                if (!_hasDelivered)
                    _batchBytes = Math.Clamp(_batchBytes / 4, LeastBatchBytes, SlowBatchBytes);
            }
        }
    }
}
