using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.File.Tests;

internal sealed class CountingLogger : ILogger
{
    public int Warnings { get; private set; }

    public string Last { get; private set; } = "";

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (logLevel < LogLevel.Warning)
            return;
        Warnings++;
        Last = formatter(state, exception);
    }
}
