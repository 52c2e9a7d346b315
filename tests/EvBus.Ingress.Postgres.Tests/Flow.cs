using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Postgres.Tests;

/// <summary>Numbered events flowing through a real bus while something happens, and the accounts afterwards.</summary>
internal sealed class Flow(Profile profile) : ILoggerProvider, ILogger, IProfileSource
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly ConcurrentQueue<string> _said = new();

    /// <summary>What the bus and the publisher logged at Information and above.</summary>
    public IReadOnlyCollection<string> Said => _said;

    public int Count { get; init; } = 20_000;

    public LaneOptions Lane { get; init; } = new() { RetryMax = TimeSpan.FromMilliseconds(500) };

    public IReadOnlyList<DeadLetter> Dead { get; private set; } = [];

    public LaneStatus Status { get; private set; } = null!;

    public Task<EventBus> StartAsync() => EventBus.StartAsync(bus =>
    {
        bus.LoggerFactory = LoggerFactory.Create(logging => logging.AddProvider(this));
        bus.AddProfiles(this).AddPostgres(Lane);
    });

    /// <summary>Puts a quarter of the events, waits until some are through, lets <paramref name="happen"/> run while events go on coming, puts the rest and waits for the end.</summary>
    public async Task RunAsync(Func<EventBus, Task> happen)
    {
        await using var bus = await StartAsync();
        var put = 0;
        async Task PutAsync(int to)
        {
            for (; put < to; put++)
                Assert.True((await bus.PutAsync(new BusEvent(put.ToString(CultureInfo.InvariantCulture)))).IsAccepted);
        }
        await PutAsync(Count / 4);
        await Until(() => Now(bus).Delivered + Now(bus).Dead > 0, () => Now(bus).Trouble ?? "Nothing was delivered.");
        var happening = happen(bus);
        while (!happening.IsCompleted)
        {
            await PutAsync(Math.Min(put + Math.Max(1, (Count - put) / 400), Count - 1));
            await Task.WhenAny(happening, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
        }
        await happening;
        await PutAsync(Count);
        await EndAsync(bus);
    }

    public async Task EndAsync(EventBus bus)
    {
        await Until(() => Now(bus).Queued == 0, () => Now(bus).Trouble ?? "It does not end.");
        Dead = bus.Lanes.GetDeadLetters("postgres/test");
        Status = (await bus.StopAsync(Patience)).Lanes.Single();
    }

    public static LaneStatus Now(EventBus bus) => bus.GetStatus().Lanes.Single();

    /// <summary>The ledger balances, and psql agrees with it: every event once and in order.</summary>
    public void AssertAccounts(string[] received)
    {
        Assert.Equal((Count, 0, 0, 0), (Status.Delivered, Status.Queued, Status.Dropped, Status.Dead));
        Assert.Equal(Count, Status.Matched);
        Assert.Equal(Enumerable.Range(0, Count), received.Select(text => int.Parse(text, CultureInfo.InvariantCulture)));
    }

    public static async Task Until(Func<bool> condition, Func<string>? otherwise = null)
    {
        var end = TimeProvider.System.GetTimestamp() + (long)(Patience.TotalSeconds * TimeProvider.System.TimestampFrequency);
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetTimestamp() < end, otherwise?.Invoke() ?? "It did not come about in time.");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    ILogger ILoggerProvider.CreateLogger(string categoryName) => this;

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (logLevel >= LogLevel.Information)
            _said.Enqueue($"{formatter(state, exception)} {exception}");
    }

    void IDisposable.Dispose() { }

    string IProfileSource.Description => "the test";

    ValueTask<IReadOnlyList<Profile>> IProfileSource.LoadAsync(CancellationToken cancellationToken) => new([profile]);
}
