using System.Collections;
using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;

namespace EvBus.Acct.Tests;

/// <summary>A publisher that fails in the way its profile is named after, and puts every secret it knows into what it says.</summary>
internal sealed class Talkative(IngressContext context, Action<string> called) : IWindowedPublisher
{
    private readonly string _mode = context.Profile!.Name;
    private readonly string _words = WordsOf(context.Profile!);

    public static readonly string[] Modes =
        ["create", "connect", "throw", "reject", "reject_by_exception", "retry", "disconnect", "mixed", "broken_list", "acknowledge", "dispose", "log", "gather"];

    /// <summary>All secrets, in the spellings that libraries use.</summary>
    public static string WordsOf(Profile profile)
    {
        var password = profile.GetRequiredString("password");
        return $"broker.example refused '{password}' / {Uri.EscapeDataString(password)} / {Convert.ToBase64String(Encoding.UTF8.GetBytes(password))} / "
            + $"{System.Text.Json.JsonSerializer.Serialize(password)} / {profile.GetString("url")} / {profile.GetSection("connection")!.GetString("api_key")} / "
            + $"{profile.GetString("dsn")} / {string.Join(' ', profile.GetStrings("tokens"))} / {profile.GetInt64("pin_code_password")} / pin {profile.GetString("short_secret")}.";
    }

    public static InvalidOperationException Exception(string words) => new(words, new IOException($"inner {words}") { Data = { ["words"] = words } });

    public int Window => 10;

    public ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        if (_mode != "connect")
            return ValueTask.CompletedTask;
        called(_mode);
        throw Exception(_words);
    }

    public ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        called(_mode);
        return _mode switch
        {
            "throw" => throw Exception(_words),
            "reject_by_exception" => throw new RejectEventException(_words),
            "reject" => new(Task.FromResult(PublishResult.Rejected(_words))),
            "retry" => new(Task.FromResult(PublishResult.Retry(_words))),
            "disconnect" => new(Task.FromResult(PublishResult.Disconnected(_words))),
            "mixed" => new(Task.FromResult(PublishResult.Mixed([.. batch.Select((_, i) => new EventVerdict(i % 2 == 0 ? Verdict.Rejected : Verdict.Retry, _words))]))),
            "broken_list" => new(Task.FromResult(PublishResult.Mixed(new BrokenList(batch.Count, _words)))),
            "acknowledge" => new(Task.FromException<PublishResult>(Exception(_words))),
            _ => new(Task.FromResult(Logging())),
        };
    }

    public ValueTask DisposeAsync() => _mode == "dispose" ? throw Exception(_words) : ValueTask.CompletedTask;

    private PublishResult Logging()
    {
        if (_mode == "log")
        {
            using var scope = context.Logger.BeginScope(new Dictionary<string, object?> { ["connection"] = _words });
            var thrown = Exception(_words);
            context.Logger.Log(LogLevel.Warning, 7, _words, thrown, (said, _) => $"the publisher says {said}");
            var values = new Dictionary<string, object?> { ["hidden"] = _words };
            context.Logger.Log(LogLevel.Debug, 8, values, null, (_, _) => "only the values tell");
        }
        return PublishResult.Delivered;
    }

    private sealed class BrokenList(int count, string words) : IReadOnlyList<EventVerdict>
    {
        public EventVerdict this[int index] => throw Exception(words);

        public int Count => count;

        public IEnumerator<EventVerdict> GetEnumerator() => throw Exception(words);

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

/// <summary>Keeps everything that a log could print: texts, structured values, scopes, exceptions with their stack and their data.</summary>
internal sealed class CapturedLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<string> _said = new();

    public IEnumerable<string> Said => _said;

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull
    {
        Keep("Scope", state);
        return null;
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _said.Enqueue($"{logLevel} {eventId.Id}: {formatter(state, exception)}");
        Keep($"{logLevel} {eventId.Id}", state);
        for (var at = exception; at is not null; at = at.InnerException)
            _said.Enqueue($"{logLevel} {eventId.Id}: {at} {string.Join(' ', at.Data.Values.Cast<object?>())}");
    }

    public void Dispose()
    {
    }

    private void Keep(string what, object? state)
    {
        _said.Enqueue($"{what}: {state}");
        foreach (var (name, value) in state as IEnumerable<KeyValuePair<string, object?>> ?? [])
            _said.Enqueue($"{what}: {name} = {value}");
    }
}
