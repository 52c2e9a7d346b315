using System.Globalization;
using Confluent.Kafka;

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
    private const int MostUnknown = 1000;

    /// <summary>What a broker takes unless its operator says otherwise: so an event that the door of a bus takes by default is not too large.</summary>
    public const int UsualLimit = 1_048_588;

    /// <summary>What a topic takes is asked again after that time, before an event is rejected for its size.</summary>
    private static readonly TimeSpan s_limitIsOld = TimeSpan.FromSeconds(10);

    /// <summary>The longest that a slow line is given for one event.</summary>
    private static readonly TimeSpan s_mostPatience = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private readonly KafkaIngressOptions _options;
    private readonly TimeProvider _time;
    private readonly int? _profileLimit;
    private int _window;
    private int _batchBytes = UsualBatchBytes;
    private int _limit = int.MaxValue;
    private bool _hasDelivered;
    private int _connections;
    private long _reports;

    public KafkaTuning(KafkaIngressOptions options, string? topic, TimeSpan callTimeout, TimeProvider time)
    {
        (_options, _time) = (options, time);
        _profileLimit = int.TryParse(options.Client.Get("message.max.bytes"), NumberStyles.None, CultureInfo.InvariantCulture, out var own) ? own : null;
        HasOneTopic = topic is not null;
        MessageTimeout = options.MessageTimeout ?? callTimeout / 2;
        Patience = callTimeout / 6;
        _window = Math.Min(FirstWindow, options.Window);
    }

    /// <summary>Whether all events go to one topic, whatever they are.</summary>
    public bool HasOneTopic { get; }

    /// <summary>How long the brokers may confirm nothing while something is under way. Grows where a line is so slow that a single request does not cross it in that time.</summary>
    public TimeSpan MessageTimeout { get; private set; }

    public TimeSpan Patience { get; }

    public int Window => Volatile.Read(ref _window);

    /// <summary>Whether the next connection sends each record by itself.</summary>
    public bool IsIsolating { get; set; }

    /// <summary>The line is as fast again as the window is wide: the next connection sends requests of the usual size.</summary>
    public bool IsStale { get; private set; }

    /// <summary>Whether to ask how much the topic takes: at each connection, and when an event is too large for what was learned a while ago.</summary>
    public bool MustAskLimit { get; set; } = true;

    private long? _askedLimit;

    private readonly Dictionary<string, int> _unknown = new(StringComparer.Ordinal);

    /// <summary>Sets up the next connection; which one of the publisher's it is.</summary>
    public int Apply(Dictionary<string, string> settings)
    {
        // The connection itself ends what is overdue, all at once; the client's own limit is only behind that.
        var timeout = (int)Math.Min((MessageTimeout + (Patience / 2)).TotalMilliseconds, 900_000);
        settings["message.timeout.ms"] = ((long)(Math.Max(MessageTimeout.TotalMilliseconds, s_mostPatience.TotalMilliseconds) * 2)).ToString(CultureInfo.InvariantCulture);
        settings.TryAdd("request.timeout.ms", timeout.ToString(CultureInfo.InvariantCulture));
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
            return ++_connections;
        }
    }

    /// <summary>How many delivery reports have come, over all connections.</summary>
    public long Reports => Interlocked.Read(ref _reports);

    /// <summary>A report has come; from the client's thread, of which a connection that is being closed still has one beside the next.</summary>
    public void Reported() => Interlocked.Increment(ref _reports);

    /// <summary>The topic takes this much in one request. True when that is news, and the connection must be made anew to keep to it.</summary>
    public bool Learn(int limit)
    {
        lock (_lock)
        {
            if (_limit == limit)
                return false;
            var mattered = Effective(_limit) != Effective(limit);
            _limit = limit;
            // Now that requests keep to it, what is too large is known before it is sent.
            IsIsolating &= !mattered;
            return mattered;
        }
    }

    /// <summary>Whether a new connection may know a topic better that an event chose. Only a topic that an earlier connection did not know either makes its events be rejected.</summary>
    public bool MayBeKnownAnew(string topic, ErrorCode code, int connection)
    {
        // How many partitions there are is known by each new connection.
        if (code == ErrorCode.Local_UnknownPartition)
            return true;
        lock (_lock)
        {
            if (_unknown.Count >= MostUnknown)
                _unknown.Clear();
            return _unknown.TryAdd(topic, connection) || _unknown[topic] == connection;
        }
    }

    /// <summary>The topic was asked at that moment.</summary>
    public void AskedLimit(long now) => (_askedLimit, MustAskLimit) = (now, false);

    /// <summary>Whether the topic may take more by now than it did when it was asked. True at most once in ten seconds, and never for what the profile says itself.</summary>
    public bool IsLimitOld(long now)
    {
        if (!HasOneTopic || _askedLimit is not { } asked || _profileLimit is { } own && own <= _limit || _time.GetElapsedTime(asked, now) < s_limitIsOld)
            return false;
        MustAskLimit = true;
        return true;
    }

    /// <summary>The limit that the client keeps to, and where it comes from.</summary>
    public string LimitWords(string topic) => _profileLimit is { } own && own <= _limit
        ? string.Create(CultureInfo.InvariantCulture, $"max_request_size ({own} bytes) of the profile. Raise it there, or put less into the event")
        : _limit == int.MaxValue
            ? string.Create(CultureInfo.InvariantCulture, $"max_request_size ({UsualLimit} bytes, the default). Raise it in the profile, or put less into the event")
            : string.Create(CultureInfo.InvariantCulture, $"the {_limit} bytes that topic '{topic}' takes (max.message.bytes). Raise it at the broker, or put less into the event");

    private static (int Batch, int Message) Effective(int limit) => (Math.Min(limit, UsualBatchBytes), limit == int.MaxValue ? UsualLimit : limit);

    // A compressed event may be smaller than it looks, so only the broker can refuse it.
    private void ApplyLimit(Dictionary<string, string> settings)
    {
        if (_limit < UsualBatchBytes)
            settings["batch.size"] = _limit.ToString(CultureInfo.InvariantCulture);
        var most = Math.Clamp(Effective(_limit).Message, 1000, 1_000_000_000);
        if (_profileLimit is { } own && own < most)
            return;
        // Batches are kept to the topic's limit above; a compressed record is the broker's to refuse.
        var isCompressed = settings.GetValueOrDefault("compression.type", "none") != "none";
        if (!isCompressed || _limit > UsualLimit)
            settings["message.max.bytes"] = most.ToString(CultureInfo.InvariantCulture);
        else if (_profileLimit is null)
            settings["message.max.bytes"] = UsualLimit.ToString(CultureInfo.InvariantCulture);
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
                // A request that cannot cross the line in time never will; a smaller one may, and one that is as small as can be needs more time.
                if (!_hasDelivered && _batchBytes <= SlowBatchBytes && MessageTimeout < s_mostPatience)
                    MessageTimeout = MessageTimeout * 2 < s_mostPatience ? MessageTimeout * 2 : s_mostPatience;
                if (!_hasDelivered)
                    _batchBytes = Math.Clamp(_batchBytes / 4, LeastBatchBytes, SlowBatchBytes);
            }
        }
    }
}
