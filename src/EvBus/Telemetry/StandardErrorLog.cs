using Microsoft.Extensions.Logging;

namespace EvBus.Telemetry;

/// <summary>Where a bus without a host and without a log says what somebody has to know: warnings and worse, on standard error, one line each.</summary>
internal sealed class StandardErrorLog : ILoggerFactory, ILogger
{
    public static StandardErrorLog Instance { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) { }

    public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Warning and < LogLevel.None;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        var word = logLevel switch { LogLevel.Warning => "warning", LogLevel.Error => "error", _ => "critical" };
        Console.Error.WriteLine($"EvBus {word} {eventId.Id}: {formatter(state, exception)}{(exception is null ? "" : $" {PlainText.OneLine($"{exception.GetType().Name}: {exception.Message}")}")}");
    }

    public void Dispose() { }
}
