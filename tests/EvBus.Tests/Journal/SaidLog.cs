using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Journal;

/// <summary>What a bus says, with the ids of the lines.</summary>
internal sealed class SaidLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<(int Id, LogLevel Level, string Text)> _lines = new();

    public IEnumerable<string> All => _lines.Select(line => line.Text);

    /// <summary>Each with its level before it.</summary>
    public IEnumerable<string> Lines => _lines.Select(line => $"{line.Level}: {line.Text}");

    public IEnumerable<string> Of(int id) => _lines.Where(line => line.Id == id).Select(line => line.Text);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((eventId.Id, logLevel, formatter(state, exception)));

    public void Dispose() { }
}
