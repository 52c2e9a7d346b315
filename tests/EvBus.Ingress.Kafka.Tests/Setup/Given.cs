using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using EvBus.Brokers;
using EvBus.Testing;
using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>Small beginnings that the tests share.</summary>
internal static class Given
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>A lane that notices and tries again quickly, so that an outage of seconds is one.</summary>
    public static readonly LaneOptions Quick = new() { CallTimeout = TimeSpan.FromSeconds(9), RetryMax = TimeSpan.FromMilliseconds(500) };

    /// <summary>For tests in which nothing goes wrong: however slow the machine is, nothing is sent again.</summary>
    public static readonly LaneOptions Patient = new() { CallTimeout = TimeSpan.FromMinutes(2), MaxAttempts = 1 };

    private static int s_topics;

    public static Profile Profile(string servers, string topic, params (string Key, object? Value)[] more)
    {
        var values = new Dictionary<string, object?> { ["bootstrap_servers"] = servers, ["topics"] = new List<object?> { topic } };
        foreach (var (key, value) in more)
            values[key] = value;
        return new Profile("kafka", "default", values);
    }

    public static Task<EventBus> BusAsync(Profile profile, LaneOptions? lane = null, ILoggerFactory? logs = null) => BusAsync(new One(profile), lane, logs);

    public static Task<EventBus> BusAsync(IProfileSource profiles, LaneOptions? lane = null, ILoggerFactory? logs = null) => EventBus.StartAsync(o =>
    {
        o.Options = o.Options with { Seed = 1, StopTimeout = TimeSpan.FromSeconds(20) };
        o.AddKafka(lane);
        o.AddProfiles(profiles);
        if (logs is not null)
            o.LoggerFactory = logs;
    });

    public static string NewName() => $"t{Environment.ProcessId}-{Interlocked.Increment(ref s_topics)}";

    public static Task<string> TopicAsync(string servers, int partitions = 1, params (string Key, string Value)[] settings) =>
        TopicAsync(servers, NewName(), partitions, settings);

    public static async Task<string> TopicAsync(string servers, string name, int partitions = 1, params (string Key, string Value)[] settings)
    {
        _ = NativeClient.Version;
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).SetLogHandler((_, _) => { }).Build();
        var topic = new TopicSpecification
        {
            Name = name, NumPartitions = partitions, ReplicationFactor = 1, Configs = settings.ToDictionary(pair => pair.Key, pair => pair.Value),
        };
        await admin.CreateTopicsAsync([topic]);
        // Made is not yet known: whoever sends at once to a topic that an event chose would be told that there is none.
        await UntilAsync(
            () => admin.GetMetadata(name, Patience).Topics.Exists(each => each.Topic == name && !each.Error.IsError && each.Partitions.Count == partitions && each.Partitions.TrueForAll(part => part.Leader >= 0)),
            $"topic {name} is known");
        return topic.Name;
    }

    public static BusEvent Numbered(int number) => new(number.ToString(CultureInfo.InvariantCulture));

    public static Task Soon(this Task task) => task.WaitAsync(Patience);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Patience);

    public static Task UntilAsync(Func<bool> condition, string what, TimeSpan? patience = null) => UntilAsync(condition, () => what, patience);

    public static async Task UntilAsync(Func<bool> condition, Func<string> what, TimeSpan? patience = null)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < (patience ?? Patience), $"It never came to this: {what()}.");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }
    }

    public static LaneStatus Lane(this EventBus bus) => bus.GetStatus().Lanes.Single();

    public static IReadOnlyList<DeadLetter> DeadLetters(this EventBus bus) => bus.Lanes.GetDeadLetters(bus.Lane().Id);

    public static void AssertBalanced(this EventBus bus) =>
        Assert.All(bus.GetStatus().Lanes, lane => Assert.Equal(lane.Matched, lane.Delivered + lane.Dead + lane.Dropped + lane.Queued));

    /// <summary>What an independent client finds in a topic, from its beginning to its present end.</summary>
    public static async Task<string[]> KcatAsync(string servers, string topic, string format, params string[] more)
    {
        var start = new ProcessStartInfo("kcat", ["-b", servers, "-t", topic, "-C", "-e", "-q", "-o", "beginning", "-f", format, .. more]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var kcat = Process.Start(start)!;
        var errors = kcat.StandardError.ReadToEndAsync();
        var output = await kcat.StandardOutput.ReadToEndAsync().Soon();
        await kcat.WaitForExitAsync();
        Assert.True(kcat.ExitCode == 0, $"kcat: {await errors}");
        return output.Split('\u001e', StringSplitOptions.RemoveEmptyEntries);
    }

    public static async Task<int[]> NumbersAsync(string servers, string topic) =>
        [.. (await KcatAsync(servers, topic, "%s\u001e")).Select(text => int.Parse(text, CultureInfo.InvariantCulture))];

    private sealed class One(Profile profile) : IProfileSource
    {
        public string Description => "the test";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new([profile]);
    }
}

/// <summary>Keeps every line that was logged.</summary>
internal sealed class Logs : ILoggerFactory, ILogger
{
    public ConcurrentQueue<(LogLevel Level, int Id, string Text)> Lines { get; } = new();

    public IEnumerable<string> Of(int id) => Lines.Where(line => line.Id == id).Select(line => line.Text);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose() { }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((logLevel, eventId.Id, $"{formatter(state, exception)} {exception}"));
}

/// <summary>The brokers of this run, started when a test first needs them.</summary>
public sealed class Brokers : IAsyncLifetime
{
    internal const string User = "evbus", Password = "Pa55-word-of-the-test", NextUser = "evbus-next", NextPassword = "Pa55-word-of-tomorrow";

    internal Certificates Certificates { get; } = new();

    private Task<KafkaBroker>? _own;
    private Task<KafkaBroker>? _withLogin;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var broker in new[] { _own, _withLogin })
        {
            if (broker is not null)
                await (await broker).DisposeAsync();
        }
        if (Line is not null)
            await Line.DisposeAsync();
        Certificates.Dispose();
    }

    /// <summary>Any broker: the one that was named, else our own.</summary>
    internal async Task<string> AnyAsync() => KafkaHome.Running ?? (await OwnAsync()).Address;

    /// <summary>A broker that a test may stop, kill and pause, if it leaves it running.</summary>
    internal Task<KafkaBroker> OwnAsync() => Needed(
        ref _own, () => KafkaBroker.StartAsync(new KafkaBroker.Settings { IsQuickToStart = true, Line = port => (Line = new FaultProxy("127.0.0.1", port)).Port }));

    /// <summary>A line to our own broker that a test can spoil, if it mends it.</summary>
    internal FaultProxy? Line { get; private set; }

    internal Task<KafkaBroker> WithLoginAsync() => Needed(
        ref _withLogin, () => KafkaBroker.StartAsync(new KafkaBroker.Settings
        {
            IsQuickToStart = true,
            PlainUsers = new Dictionary<string, string> { [User] = Password, [NextUser] = NextPassword }, ServerPem = Certificates.Server, CaPem = Certificates.Ca,
        }));

    private static Task<KafkaBroker> Needed(ref Task<KafkaBroker>? broker, Func<Task<KafkaBroker>> start)
    {
        if (KafkaHome.Jars is null)
        {
            Assert.SkipUnless(Environment.GetEnvironmentVariable("CI") == "true", KafkaHome.None);
            Assert.Fail(KafkaHome.None);
        }
        return broker ??= start();
    }
}

/// <summary>One after the other: the brokers are shared, and some tests stop them.</summary>
[CollectionDefinition("Kafka", DisableParallelization = true)]
public sealed class KafkaCollection : ICollectionFixture<Brokers>;
