using System.Collections.Concurrent;
using System.Globalization;
using EvBus.Brokers;
using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>Numbered events flowing through a real bus while something happens, and the accounts afterwards.</summary>
internal sealed class Flow(RabbitMqBroker broker, string queue) : ILoggerProvider, ILogger, IProfileSource
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>More than an outage of these tests may come twice: a full window, and the batch that was being written.</summary>
    public const int Window = 4096 + 500;

    private readonly ConcurrentQueue<string> _said = new();
    private Action? _changed;
    private int _others;

    public string Name { get; init; } = "test";

    public string LaneId => $"rabbitmq/{Name}";

    /// <summary>What the bus and the publisher logged at Information and above.</summary>
    public IReadOnlyCollection<string> Said => _said;

    public int Count { get; init; } = 20_000;

    public int Port { get; init; } = broker.Port;

    public Dictionary<string, object?> Keys { get; } = [];

    public LaneOptions Lane { get; init; } = new() { RetryMax = TimeSpan.FromSeconds(1) };

    public IReadOnlyList<DeadLetter> Dead { get; private set; } = [];

    public LaneStatus Status { get; private set; } = null!;

    /// <summary>The profile in its old shape, with <see cref="Keys"/> over it; a null takes a key away.</summary>
    public Profile Profile
    {
        get
        {
            var values = new Dictionary<string, object?>
            {
                ["host"] = broker.Host,
                ["port"] = (long)Port,
                ["login"] = broker.Login,
                ["password"] = broker.Password,
                ["ingress_channels"] = new object?[] { queue },
            };
            foreach (var (key, value) in Keys)
            {
                if (value is null)
                    values.Remove(key);
                else
                    values[key] = value;
            }
            return new Profile("pika", Name, values);
        }
    }

    /// <summary>The profiles there are, where it is not this one alone.</summary>
    public IReadOnlyList<Profile>? Profiles { get; set; }

    /// <summary>Says that <see cref="Keys"/> or <see cref="Profiles"/> were changed.</summary>
    public void ChangeProfile() => _changed!();

    public Task<EventBus> StartAsync() => EventBus.StartAsync(bus =>
    {
        bus.LoggerFactory = LoggerFactory.Create(logging => logging.AddProvider(this));
        bus.AddProfiles(this).AddRabbitMq(Lane);
    });

    /// <summary>
    /// Puts a quarter of the events, waits until some are delivered, lets <paramref name="happen"/> run while events go on coming, puts the rest and waits for the end.
    /// </summary>
    /// <param name="happen">What happens.</param>
    /// <param name="others">How many more events it puts by itself.</param>
    public async Task RunAsync(Func<EventBus, Task> happen, int others = 0)
    {
        _others = others;
        await using var bus = await StartAsync();
        var put = 0;
        async Task PutAsync(int to)
        {
            for (; put < to; put++)
                Assert.True((await bus.PutAsync(new BusEvent(put.ToString(CultureInfo.InvariantCulture)))).IsAccepted);
        }
        await PutAsync(Count / 4);
        await Until(() => Now(bus).Delivered + Now(bus).Dead > 0);
        var happening = happen(bus);
        // So that it falls among events that flow, however long it takes: many at first, and few a second for more than a minute after that.
        while (!happening.IsCompleted)
        {
            var step = (Count - put) / 400;
            await PutAsync(Math.Min(put + Math.Max(1, step), Count - 1));
            await Task.WhenAny(happening, Task.Delay(TimeSpan.FromMilliseconds(step > 0 ? 20 : 200), TimeProvider.System));
        }
        await happening;
        await PutAsync(Count);
        await Until(() => Now(bus).Queued == 0);
        Dead = bus.Lanes.GetDeadLetters(LaneId);
        Status = (await bus.StopAsync(Patience)).Lanes.Single(lane => lane.Id == LaneId);
    }

    public LaneStatus Now(EventBus bus) => bus.GetStatus().Lanes.Single(lane => lane.Id == LaneId);

    /// <summary>The ledger balances, and what a client found that knows nothing of EvBus agrees with it.</summary>
    public void AssertAccounts(int[] received, int windows = 1)
    {
        // On a slow machine one outage may become two.
        windows = Math.Max(windows, _said.Count(line => line.Contains("flows again", StringComparison.Ordinal)));
        Assert.Equal(Count + _others, Status.Matched);
        Assert.Equal(0, Status.Queued);
        Assert.Equal(0, Status.Dropped);
        Assert.Equal(Count + _others, Status.Delivered + Status.Dead);
        var dead = Dead.Select(letter => int.TryParse(letter.Event.GetText(), CultureInfo.InvariantCulture, out var number) ? number : -1).ToHashSet();
        var missing = Enumerable.Range(0, Count).Except(received).Except(dead).Take(5).ToArray();
        Assert.True(missing.Length == 0, $"Missing: {string.Join(", ", missing)}…");
        var seen = new HashSet<int>();
        var last = -1;
        var duplicates = 0;
        foreach (var number in received)
        {
            if (seen.Add(number))
            {
                Assert.True(number > last, $"{number} came first after {last}.");
                last = number;
                continue;
            }
            duplicates++;
            Assert.True(last - number <= Window, $"{number} came again after {last}, which is more than a window later.");
        }
        Assert.True(duplicates <= windows * Window, $"{duplicates} came twice.");
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
            _said.Enqueue(formatter(state, exception));
    }

    void IDisposable.Dispose() { }

    string IProfileSource.Description => "the test";

    ValueTask<IReadOnlyList<Profile>> IProfileSource.LoadAsync(CancellationToken cancellationToken) => new(Profiles ?? [Profile]);

    IDisposable? IProfileSource.Watch(Action changed)
    {
        _changed = changed;
        return this;
    }
}
