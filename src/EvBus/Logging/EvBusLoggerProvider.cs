using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text;
using EvBus.Lanes;
using EvBus.Logging;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus;

/// <summary>
/// Puts log records on a bus, one event each: type <c>evbus.log</c>, content type <c>application/json</c>, the profile of <see cref="EvBusLoggerOptions.Profile"/>. A host has it by
/// <c>logging.AddEvBus()</c>; without one, hand it to a logger factory and call <see cref="UseBus"/> when the bus is there.
/// </summary>
/// <remarks>
/// <para>It never waits: what the bus refuses is dropped, counted by reason (<see cref="Dropped"/>, metric <c>evbus.logger.dropped</c>) and said, at most once a minute, in the bus's own log (id 20).</para>
/// <para>It never goes round: the bus's own records (categories <c>EvBus</c> and <c>EvBus.…</c>) stay off the bus, and so does what a publisher says, by whatever logger, while its lane calls it or in
/// what it starts there, if that lane gets the records. What other publishers say goes on the bus like everything else.</para>
/// <para>The secrets of the profiles that the bus's lanes have are written as <c>***</c>, in message, exception and scopes; before the bus has started nobody knows them.</para>
/// <para>Scopes and levels work as with any provider; its name in configuration is <c>EvBus</c> (<c>Logging:EvBus:LogLevel:…</c>). All members may be called from any thread, also concurrently; what one thread logs stays in its order.</para>
/// </remarks>
[ProviderAlias("EvBus")]
public sealed class EvBusLoggerProvider : ILoggerProvider, ISupportExternalScope
{
    /// <summary>The CloudEvents type of the events.</summary>
    public const string EventType = "evbus.log";

    private static readonly TimeSpan SaidAgainAfter = TimeSpan.FromMinutes(1);

    [ThreadStatic]
    private static bool s_isPutting;

    private readonly EvBusLoggerOptions _options;
    private readonly EventAttributes _attributes;
    private readonly byte[] _profile;
    private readonly Lock _lock = new();
    private readonly Queue<BusEvent> _early = new();
    private readonly ConcurrentDictionary<RefusalReason, long> _dropped = new();
    private readonly Meter _meter;
    private volatile IEventBus? _bus;
    private volatile Func<string, string> _mask = static text => text;
    private long _accepted;
    private long _saidAt = long.MinValue;
    private bool _isDisposed;

    /// <summary>Makes one without a bus: records are kept, as many as <see cref="EvBusLoggerOptions.MaxEarlyRecords"/> allows.</summary>
    /// <param name="options">What goes on the bus. Default: everything, under the profile <c>logger</c>.</param>
    /// <exception cref="EvBusConfigurationException">An option cannot work; all errors at once.</exception>
    public EvBusLoggerProvider(EvBusLoggerOptions? options = null)
    {
        _options = (options ?? new()).Checked();
        _attributes = new EventAttributes { Profile = _options.Profile, Type = EventType, ContentType = "application/json" };
        _profile = Encoding.UTF8.GetBytes(_options.Profile);
        _meter = new Meter(BusMeters.MeterName);
        _meter.CreateObservableCounter<long>("evbus.logger.accepted", () => Measure(Accepted), "{record}", "Log records that the bus accepted");
        _meter.CreateObservableCounter<long>("evbus.logger.dropped", () => Dropped.Select(pair => Measure(pair.Value, new KeyValuePair<string, object?>("reason", pair.Key.ToString()))), "{record}", "Log records that the bus refused, by reason");
    }

    /// <summary>The name of the bus it is meant for.</summary>
    public string BusName => _options.Bus;

    /// <summary>How many records the bus has accepted.</summary>
    public long Accepted => Interlocked.Read(ref _accepted);

    /// <summary>
    /// How many records were dropped, by what the bus said: <see cref="RefusalReason.Full"/> (also: more than <see cref="EvBusLoggerOptions.MaxEarlyRecords"/> before there was a bus),
    /// <see cref="RefusalReason.TooLarge"/>, <see cref="RefusalReason.Stopped"/> … Reasons that did not occur are left out.
    /// </summary>
    public IReadOnlyDictionary<RefusalReason, long> Dropped => new Dictionary<RefusalReason, long>(_dropped);

    internal IExternalScopeProvider Scopes { get; private set; } = new LoggerExternalScopeProvider();

    /// <summary>Gives it the bus; what was logged before goes there first, in order. For a bus without a host: a host does it when it makes the bus. The same bus again changes nothing.</summary>
    /// <param name="bus">The bus; started or not.</param>
    /// <exception cref="InvalidOperationException">It has another bus already.</exception>
    public void UseBus(IEventBus bus)
    {
        ArgumentNullException.ThrowIfNull(bus);
        lock (_lock)
        {
            if (_bus == bus)
                return;
            if (_bus is not null)
                throw new InvalidOperationException($"This logger provider puts its records on the bus '{_bus.Name}' already. Make another provider for '{bus.Name}'.");
            while (_early.TryDequeue(out var record))
                Hand(bus, record.Body.Span, record.Attributes);
            if (bus is EventBus own)
                _mask = own.Mask;
            _bus = bus;
        }
        if (_dropped.TryGetValue(RefusalReason.Full, out var full) && full > 0)
            Say(bus, RefusalReason.Full);
    }

    /// <summary>A logger for a category; one that does nothing, where the options leave the category out.</summary>
    /// <param name="categoryName">The category.</param>
    public ILogger CreateLogger(string categoryName)
    {
        ArgumentNullException.ThrowIfNull(categoryName);
        return _options.Wants(categoryName) ? new EvBusLogger(this, categoryName) : NullLogger.Instance;
    }

    /// <inheritdoc/>
    public void SetScopeProvider(IExternalScopeProvider scopeProvider)
    {
        ArgumentNullException.ThrowIfNull(scopeProvider);
        Scopes = scopeProvider;
    }

    /// <summary>Drops what still waits for a bus (counted as <see cref="RefusalReason.Stopped"/>) and ends the metrics. The bus is not its own: it goes on.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            while (_early.TryDequeue(out _))
                Count(RefusalReason.Stopped);
        }
        _meter.Dispose();
    }

    internal bool Takes(LogLevel level) => level >= _options.MinLevel && level != LogLevel.None && !s_isPutting && !LaneFlow.Gets(_profile);

    internal void Put(string category, LogLevel level, EventId id, string message, Exception? exception)
    {
        var now = _options.Time.GetUtcNow();
        var record = LogRecordWriter.Rent();
        record.Write(now, level, category, id, message, exception, _options.IncludeScopes ? Scopes : null, _mask);
        var attributes = _attributes with { Time = now };
        if (_bus is not null || !TryKeep(record.Written, in attributes))
            Hand(_bus!, record.Written, in attributes);
        record.Return();
    }

    /// <summary>Keeps a record for a bus that is to come; false when it has come in this moment.</summary>
    private bool TryKeep(ReadOnlySpan<byte> body, in EventAttributes attributes)
    {
        lock (_lock)
        {
            if (_bus is not null)
                return false;
            if (_isDisposed || _early.Count >= _options.MaxEarlyRecords)
                Count(_isDisposed ? RefusalReason.Stopped : RefusalReason.Full);
            // The door stamps the trace of who puts, and that will be somebody else.
            else if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
                _early.Enqueue(new BusEvent(body.ToArray(), attributes with { TraceParent = activity.Id, TraceState = activity.TraceStateString }));
            else
                _early.Enqueue(new BusEvent(body.ToArray(), attributes));
            return true;
        }
    }

    private void Hand(IEventBus bus, ReadOnlySpan<byte> body, in EventAttributes attributes)
    {
        s_isPutting = true;
        try
        {
            var result = bus.TryPut(body, in attributes);
            if (result.IsAccepted)
            {
                Interlocked.Increment(ref _accepted);
                return;
            }
            Count(result.Refusal);
            // After the stop there is nothing to mend.
            if (result.Refusal != RefusalReason.Stopped)
                Say(bus, result.Refusal);
        }
        finally
        {
            s_isPutting = false;
        }
    }

    private void Count(RefusalReason reason) => _dropped.AddOrUpdate(reason, 1, static (_, count) => count + 1);

    private void Say(IEventBus bus, RefusalReason reason)
    {
        var now = _options.Time.GetTimestamp();
        var saidAt = Interlocked.Read(ref _saidAt);
        if (saidAt != long.MinValue && _options.Time.GetElapsedTime(saidAt, now) < SaidAgainAfter)
            return;
        if (bus is EventBus { Logger: var logger } && Interlocked.CompareExchange(ref _saidAt, now, saidAt) == saidAt)
            Log.RecordsDropped(logger, bus.Name, _dropped.Values.Sum(), _options.Profile, reason);
    }

    private Measurement<long> Measure(long value, params KeyValuePair<string, object?>[] more)
    {
        KeyValuePair<string, object?>[] tags = [new("bus", _options.Bus), new("profile", _options.Profile), .. more];
        return new Measurement<long>(value, tags);
    }
}
