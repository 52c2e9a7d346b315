using Microsoft.Extensions.Logging;

namespace EvBus.Telemetry;

/// <summary>A log that throws costs its line and not the lane that wrote it: what could not be said is counted, for there is nobody else to tell. Thread-safe as far as the logger behind it is.</summary>
internal sealed class SteadyLogger(ILogger inner) : ILogger
{
    private long _failures;

    public long Failures => Interlocked.Read(ref _failures);

    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return inner.IsEnabled(logLevel);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref _failures);
            return false;
        }
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull
    {
        try
        {
            return inner.BeginScope(state);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref _failures);
            return null;
        }
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            inner.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref _failures);
        }
    }
}
