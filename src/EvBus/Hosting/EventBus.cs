using System.Diagnostics.Metrics;
using EvBus.Hosting;
using EvBus.Journal;
using EvBus.Lanes;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus;

/// <summary>A bus of one's own, with or without a host.</summary>
public sealed partial class EventBus : IEventBus, IAsyncDisposable
{
    // The longest that a timer can be set to.
    private static readonly TimeSpan s_longestDeadline = TimeSpan.FromDays(49);

    private readonly EvBusBuilder _builder;
    private readonly BusOptions _options;
    private readonly ILogger _logger;
    private readonly SegmentJournal _journal;
    private readonly ReceiptTracker _receipts = new();
    private readonly LaneTable _lanes;
    private readonly Door _door;
    private readonly BusMeters _meters;
    private readonly IngressPlan _plan;
    private readonly ProfileReload _reload;
    private readonly Lock _lock = new();
    private Task? _starting;
    private Task<BusStatus>? _stopping;
    private volatile BusState _state;
    private Steps? _stop;
    private bool _wasRunning;
    private bool _isStopSaid;

    internal EventBus(EvBusBuilder builder, ILoggerFactory? loggers, IServiceProvider? services)
    {
        if (BusOptionsCheck.Errors(builder) is { Count: > 0 } errors)
            throw new EvBusConfigurationException(errors);
        _builder = builder;
        _options = builder.Options;
        builder.LoggerFactory = loggers ?? builder.LoggerFactory;
        builder.Close();
        // With a host, what it logs or does not log is its choice; without one, a warning that nobody sees helps nobody.
        var log = new BusLoggers(builder.LoggerFactory ?? (services is null ? StandardErrorLog.Instance : null), builder.Name);
        _logger = log.Bus;
        foreach (var (routingKey, capacity) in builder.InternalQueueSizes)
            Queues.Get(routingKey, capacity);
        Serializer = _options.Serializer ?? EventSerializer.Json;
        var seed = _options.Seed ?? RandomSeed();
        _journal = new SegmentJournal(_options, new Listener(this), builder.PoisonReleasedMemory, OpenStore(log.Journal), log.Journal);
        _lanes = new LaneTable(_journal, new LaneServices(_options, log.Lanes, _receipts, id => new Random(Fold(seed, id))));
        _door = new Door(_options, _journal, _receipts, _options.Ids ?? new EventIds((ulong)seed), _logger, builder.Name);
        _meters = new BusMeters(this, log.Bus, services?.GetService(typeof(IMeterFactory)) as IMeterFactory);
        _plan = new IngressPlan(builder, Queues, log, services);
        _reload = new ProfileReload(_options, builder.ProfileSources, _plan, _lanes, _logger);
    }

    /// <summary>Makes a bus that is not started: puts are kept until it is.</summary>
    /// <param name="configure">Describes it.</param>
    /// <exception cref="EvBusConfigurationException">The description cannot work; all errors at once.</exception>
    /// <exception cref="EvBusException">The journal on disk cannot be opened: another process has it, it is of a newer format, or the folder cannot be written.</exception>
    public static EventBus Create(Action<EvBusBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var builder = new EvBusBuilder("default");
        configure(builder);
        return new EventBus(builder, null, null);
    }

    /// <summary>Makes a bus and starts it.</summary>
    /// <param name="configure">Describes it.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="EvBusConfigurationException">The description or a profile cannot work; all errors at once.</exception>
    /// <exception cref="EvBusException">The profiles cannot be read, or the journal on disk cannot be opened.</exception>
    public static async Task<EventBus> StartAsync(Action<EvBusBuilder> configure, CancellationToken cancellationToken = default)
    {
        var bus = Create(configure);
        try
        {
            await bus.StartAsync(cancellationToken).ConfigureAwait(false);
            return bus;
        }
        catch
        {
            await bus.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => _builder.Name;

    /// <inheritdoc/>
    public EventSerializer Serializer { get; }

    /// <inheritdoc/>
    public ILanes Lanes => _lanes;

    /// <summary>Where the bus says what it has to say of itself.</summary>
    internal ILogger Logger => _logger;

    /// <summary>The text without the secrets of the profiles that lanes have.</summary>
    internal string Mask(string text) => _lanes.Mask(text);

    /// <summary>Events of which somebody waits to hear that they are delivered.</summary>
    internal int Awaited => _receipts.Count;

    /// <summary>Groups that the journal on disk has written, and events in them.</summary>
    internal (long Groups, long Events) GroupsWritten => _journal.GroupsWritten;

    /// <summary>The internal queues, by routing key.</summary>
    public InternalQueues Queues { get; } = new();

    /// <summary>Reads the profiles, opens the lanes and delivers what was put before. A second start does nothing.</summary>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="EvBusConfigurationException">A profile cannot work; all errors at once.</exception>
    /// <exception cref="EvBusException">The profiles cannot be read.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        lock (_lock)
            return _starting ??= OpenAsync(cancellationToken);
    }

    /// <summary>
    /// Closes the door, drains the lanes until the deadline, disposes the publishers, and returns the final ledger. Stopping twice is harmless: the second call waits for the first. A step that fails (an application's
    /// own source of profiles, say) keeps none of the others from being done, and is tried again by another call.
    /// </summary>
    /// <param name="deadline">How long to drain. Default: <see cref="BusOptions.StopTimeout"/>. What is negative counts as zero; <see cref="Timeout.InfiniteTimeSpan"/> and what is longer than 49 days as that.</param>
    /// <param name="cancellationToken">Ends the draining at once.</param>
    /// <exception cref="EvBusException">A step of the stop failed; the others are done.</exception>
    public Task<BusStatus> StopAsync(TimeSpan? deadline = null, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_stopping is not { IsFaulted: false })
                _stopping = CloseAsync(Clamp(deadline ?? _options.StopTimeout), cancellationToken);
            return _stopping;
        }
    }

    /// <inheritdoc/>
    public ValueTask<PutResult> PutAsync(BusEvent evt, Receipt receipt = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(evt);
        return _door.PutAsync(evt, receipt, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<PutManyResult> PutManyAsync(IReadOnlyList<BusEvent> events, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(events);
        for (var i = 0; i < events.Count; i++)
        {
            PutResult result;
            try
            {
                result = await _door.PutAsync(events[i], Receipt.Accepted, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return new PutManyResult(i, RefusalReason.TimedOut, "the call was cancelled");
            }
            if (!result.IsAccepted)
                return new PutManyResult(i, result.Refusal, result.Reason);
        }
        return new PutManyResult(events.Count, RefusalReason.None, null);
    }

    /// <inheritdoc/>
    public PutResult TryPut(BusEvent evt)
    {
        ArgumentNullException.ThrowIfNull(evt);
        return _door.TryPut(evt.Body.Span, evt.Attributes);
    }

    /// <inheritdoc/>
    public PutResult TryPut(ReadOnlySpan<byte> body, in EventAttributes attributes) => _door.TryPut(body, in attributes);

    /// <inheritdoc/>
    public BusStatus GetStatus()
    {
        var lanes = _lanes.GetStatus();
        var counts = _journal.Count();
        return new BusStatus
        {
            Name = Name,
            State = _state,
            Accepted = counts.Accepted,
            Unmatched = counts.Unmatched,
            Unwritten = _journal.Unconfirmed,
            Refused = _door.Refused,
            UnmatchedProfiles = counts.UnmatchedProfiles,
            JournalTrouble = _journal.Trouble,
            PutsWaiting = _door.Waiting,
            Lanes = lanes,
        };
    }

    /// <summary>Stops, with the deadline of the options, and lets go of everything. A step of the stop that fails is logged, and thrown by <see cref="StopAsync"/> only.</summary>
    public async ValueTask DisposeAsync()
    {
        await ((Task)StopAsync()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _meters.Dispose();
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        _reload.Watch();
        var planned = await _plan.MakeAsync(cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            // A stop that came first wins: what was put stays where it is and is counted.
            if (_stopping is not null)
                return;
            foreach (var lane in planned)
                _lanes.Open(lane.Definition);
            OpenOrphans();
            _journal.Commence();
            _state = BusState.Running;
        }
        _lanes.StartAll();
        Log.BusStarted(_logger, Name, planned.Count);
        if (_lanes.Ids.Count == 0)
            Log.BusWithoutLanes(_logger, Name);
        _reload.Begin(planned);
    }

    private static long RandomSeed()
    {
        Span<byte> bytes = stackalloc byte[8];
        System.Security.Cryptography.RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToInt64(bytes);
    }

    // HashCode and string.GetHashCode differ in each process, and a seed is there to repeat a run.
    private static int Fold(long seed, string text) => text.Aggregate(unchecked((int)(seed ^ (seed >> 32))), (hash, c) => unchecked((hash * 31) + c));

    private sealed class Listener(EventBus bus) : IJournalListener
    {
        public void OnRouted(Position position, string[] lanes) => bus._receipts.Route(position, lanes);

        public void OnUnmatched(string? profile) => Log.Unmatched(bus._logger, bus.Name, profile ?? "(none)");
    }
}
