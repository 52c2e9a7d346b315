using System.Collections.Concurrent;
using EvBus.Testing;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Hosting.Reload;

/// <summary>A source whose profiles change when a test says so.</summary>
internal sealed class ChangingProfiles(params Profile[] profiles) : IProfileSource
{
    private Action? _changed;
    private volatile Profile[] _profiles = profiles;
    private int _loads;
    private int _watches;

    public string Description => "a test";

    public int Loads => Volatile.Read(ref _loads);

    /// <summary>How many watch it now.</summary>
    public int Watches => Volatile.Read(ref _watches);

    /// <summary>What a load does before it answers.</summary>
    public Func<CancellationToken, Task>? OnLoad { get; set; }

    public static Profile Profile(string name, string version, string? lane = null) =>
        new("mine", name, new Dictionary<string, object?> { ["v"] = version, ["lane"] = lane });

    public void Change(params Profile[] profiles)
    {
        _profiles = profiles;
        Signal();
    }

    public void Signal() => _changed?.Invoke();

    public async ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _loads);
        if (OnLoad is { } onLoad)
            await onLoad(cancellationToken);
        return _profiles;
    }

    public IDisposable Watch(Action changed)
    {
        Interlocked.Increment(ref _watches);
        _changed = changed;
        return new Watching(this);
    }

    private sealed class Watching(ChangingProfiles source) : IDisposable
    {
        public void Dispose()
        {
            source._changed = null;
            Interlocked.Decrement(ref source._watches);
        }
    }
}

/// <summary>A bus whose publisher <c>mine</c> is a scripted one for each value of the key <c>v</c>, with profiles that change and a clock that is driven.</summary>
internal sealed class Bed : IAsyncDisposable, ILoggerFactory, ILogger
{
    private readonly ConcurrentDictionary<string, ScriptedPublisher> _publishers = new();
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _lines = new();

    public Bed(params Profile[] profiles) => Source = new ChangingProfiles(profiles);

    public FakeClock Clock { get; } = new();

    public ChangingProfiles Source { get; }

    public EventBus Bus { get; private set; } = null!;

    /// <summary>The publisher of profiles with this version.</summary>
    public ScriptedPublisher this[string version]
    {
        get => _publishers.GetOrAdd(version, _ => new ScriptedPublisher());
        init => _publishers[version] = value;
    }

    public IEnumerable<string> Lines(LogLevel level) => _lines.Where(line => line.Level == level).Select(line => line.Text);

    public async Task<Bed> StartAsync(BusOptions? options = null, LaneOptions? lane = null, bool isExclusive = false, Action<EvBusBuilder>? more = null)
    {
        Bus = EventBus.Create(o =>
        {
            o.LoggerFactory = this;
            o.Options = (options ?? new BusOptions()) with { Time = Clock, Seed = 1, Lane = lane ?? new LaneOptions { CallTimeout = TimeSpan.FromDays(1) } };
            o.AddProfiles(Source).AddIngress(new IngressDescriptor
            {
                Name = "mine", IsExclusive = isExclusive,
                Validate = profile => profile.GetString("v") == "invalid" ? [$"{profile.PathOf("v")} is invalid."] : [],
                Create = context => this[context.Profile!.GetRequiredString("v")],
            });
            more?.Invoke(o);
        });
        await Bus.StartAsync(TestContext.Current.CancellationToken);
        return this;
    }

    /// <summary>Lets time go on until something is so.</summary>
    public Task UntilAsync(Func<bool> condition) => Given.UntilAsync(condition, Clock);

    /// <summary>Changes the profiles and waits until that has been followed.</summary>
    public async Task ChangeAsync(params Profile[] profiles)
    {
        var before = Reloads;
        Source.Change(profiles);
        await UntilAsync(() => Reloads > before);
    }

    public int Reloads => Lines(LogLevel.Information).Count(line => line.StartsWith("Profiles read again", StringComparison.Ordinal));

    public void Put(int from, int count, string? profile = null)
    {
        for (var i = from; i < from + count; i++)
            Assert.True(Bus.TryPut(Given.Event(i, profile)).IsAccepted);
    }

    public async ValueTask DisposeAsync()
    {
        // Null when the start was refused.
        if (Bus is not null)
            await Bus.DisposeAsync().AsTask().Soon();
    }

    void IDisposable.Dispose()
    {
    }

    void ILoggerFactory.AddProvider(ILoggerProvider provider)
    {
    }

    ILogger ILoggerFactory.CreateLogger(string categoryName) => this;

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => logLevel > LogLevel.Debug;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((logLevel, formatter(state, exception)));
}
