using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace EvBus.Testing;

/// <summary>Remembers every word that is said, also the structured values behind it. Thread-safe.</summary>
internal sealed class SaidLogger : ILogger
{
    private readonly ConcurrentQueue<string> _said = new();

    public IReadOnlyCollection<string> Said => _said;

    public void Add(string? text)
    {
        if (text is not null)
            _said.Enqueue(text);
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull
    {
        Add(state.ToString());
        return null;
    }

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Add(formatter(state, exception));
        Add(exception?.ToString());
        if (state is IEnumerable<KeyValuePair<string, object?>> values)
        {
            foreach (var (_, value) in values)
                Add(value?.ToString());
        }
    }
}
