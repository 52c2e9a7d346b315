using Microsoft.Extensions.Logging;

namespace EvBus.Telemetry;

/// <summary>
/// A log that throws costs its line and not the lane that wrote it: what could not be said is counted, for there is nobody else to tell. What it says is one line, whatever came from outside is in it
/// (<see cref="PlainText"/>). Thread-safe as far as the logger behind it is.
/// </summary>
internal sealed class SteadyLogger(ILogger inner, LogFailures failures, object? scope = null) : ILogger
{
    public long Failures => failures.Count;

    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return inner.IsEnabled(logLevel);
        }
        catch (Exception)
        {
            failures.Add();
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
            failures.Add();
            return null;
        }
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            if (!inner.IsEnabled(logLevel))
                return;
            using (scope is null ? null : inner.BeginScope(scope))
                inner.Log(logLevel, eventId, state, exception, (said, thrown) => PlainText.OneLine(formatter(said, thrown)));
        }
        catch (Exception)
        {
            failures.Add();
        }
    }
}
