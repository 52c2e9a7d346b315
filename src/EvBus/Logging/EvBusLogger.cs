using Microsoft.Extensions.Logging;

namespace EvBus.Logging;

/// <summary>Puts the records of one category on the bus. Thread-safe.</summary>
internal sealed class EvBusLogger(EvBusLoggerProvider provider, string category) : ILogger
{
    public bool IsEnabled(LogLevel logLevel) => provider.Takes(logLevel);

    // The host's factory keeps the scopes for all providers; this is for who uses the provider without one.
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => provider.Scopes.Push(state);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        ArgumentNullException.ThrowIfNull(formatter);
        // Factories do not ask a provider whether it is enabled.
        if (provider.Takes(logLevel))
            provider.Put(category, logLevel, eventId, formatter(state, exception), exception);
    }
}
