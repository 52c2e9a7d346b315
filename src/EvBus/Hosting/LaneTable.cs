using EvBus.Journal;
using EvBus.Lanes;

namespace EvBus.Hosting;

/// <summary>The lanes of a bus, in the order they were added. Thread-safe.</summary>
internal sealed class LaneTable(IJournal journal, LaneServices services) : ILanes
{
    private readonly Lock _lock = new();
    private volatile Lane[] _lanes = [];
    private bool _running;
    private bool _closed;

    public IReadOnlyList<string> Ids => [.. _lanes.Select(lane => lane.Id)];

    public Lane Open(LaneDefinition definition)
    {
        if (LaneOptionsCheck.Errors(definition.Id, definition.Options) is { Count: > 0 } errors)
            throw new EvBusConfigurationException(errors);
        lock (_lock)
        {
            if (_closed)
                throw new InvalidOperationException($"The lane '{definition.Id}' cannot be added: the bus is stopping or has stopped, and nothing would ever end it. Add it before, or to another bus.");
            if (_lanes.Any(each => each.Id == definition.Id))
                throw new ArgumentException($"There is a lane called '{definition.Id}' already. Remove it first, or choose another id.", nameof(definition));
            var lane = new Lane(definition, services, journal);
            _lanes = [.. _lanes, lane];
            return lane;
        }
    }

    public void StartAll()
    {
        lock (_lock)
            _running = true;
        foreach (var lane in _lanes)
            lane.Start();
    }

    public ValueTask AddAsync(LaneDefinition lane, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(lane);
        OpenAndStart(lane);
        return ValueTask.CompletedTask;
    }

    /// <summary>How an orphan is given back to code that asks for its id.</summary>
    public Func<Lane, LaneDefinition, bool>? GiveBack { get; set; }

    public void OpenAndStart(LaneDefinition definition)
    {
        if (definition.Filter is null && Find(definition.Id) is { IsOrphaned: true } there && GiveBack?.Invoke(there, definition) == true)
            return;
        var added = Open(definition);
        bool running;
        lock (_lock)
            running = _running;
        if (running)
            added.Start();
    }

    public async ValueTask<bool> RemoveAsync(string laneId, CancellationToken cancellationToken = default)
    {
        return Find(laneId) is { } lane && await RemoveAsync(lane, DropReasons.Removed).ConfigureAwait(false);
    }

    /// <summary>False when it was removed before.</summary>
    public async ValueTask<bool> RemoveAsync(Lane lane, string reason)
    {
        lock (_lock)
        {
            if (Array.IndexOf(_lanes, lane) < 0)
                return false;
            _lanes = [.. _lanes.Where(each => each != lane)];
        }
        await lane.DisposeAsync().ConfigureAwait(false);
        lane.Forget(reason);
        return true;
    }

    public Lane? Find(string laneId) => Array.Find(_lanes, each => each.Id == laneId);

    public int Pause(string selector) => ForEach(selector, lane => lane.Pause());

    public int Resume(string selector) => ForEach(selector, lane => lane.Resume());

    public ValueTask<long> RewindAsync(string laneId, LanePlace to, CancellationToken cancellationToken = default) =>
        new(Need(laneId).MoveAsync(to, isSkip: false, cancellationToken));

    public ValueTask<long> SkipAsync(string laneId, LanePlace to, CancellationToken cancellationToken = default) =>
        new(Need(laneId).MoveAsync(to, isSkip: true, cancellationToken));

    public ValueTask DrainAsync(string laneId, CancellationToken cancellationToken = default) => new(Need(laneId).DrainedAsync(journal.End, cancellationToken));

    public IReadOnlyList<DeadLetter> GetDeadLetters(string laneId) => Need(laneId).DeadLetters.List();

    public int ReplayDeadLetters(string laneId, Func<DeadLetter, bool>? which = null) => Need(laneId).Replay(which);

    /// <summary>The text without the secrets of any lane's profile.</summary>
    public string Mask(string text) => _lanes.Aggregate(text, static (masked, lane) => lane.MaskAll(masked));

    public IReadOnlyList<LaneStatus> GetStatus() => [.. _lanes.Select(lane => lane.GetStatus())];

    /// <summary>From now on no lane is added.</summary>
    public void Close()
    {
        lock (_lock)
            _closed = true;
    }

    public async Task DrainAsync(TimeSpan deadline, CancellationToken cancellationToken)
    {
        Close();
        var lanes = _lanes;
        using var time = new CancellationTokenSource(deadline, services.Options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            await Task.WhenAll(lanes.Select(lane => lane.DrainAsync())).WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The deadline: what is left is left, and the ledger says how much.
        }
        await Task.WhenAll(lanes.Select(lane => lane.DisposeAsync().AsTask())).ConfigureAwait(false);
    }

    private int ForEach(string selector, Action<Lane> action)
    {
        var match = LaneSelector.Create(selector);
        var chosen = Array.FindAll(_lanes, lane => match(lane.Id));
        Array.ForEach(chosen, action);
        return chosen.Length;
    }

    private Lane Need(string laneId) =>
        Find(laneId) ?? throw new ArgumentException($"There is no lane called '{laneId}'. There are: {string.Join(", ", Ids)}.", nameof(laneId));
}
