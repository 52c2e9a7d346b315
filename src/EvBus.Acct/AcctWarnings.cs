using Microsoft.Extensions.Logging;

namespace EvBus.Acct;

/// <summary>Warnings for programs without a log: each once, as a line on standard error.</summary>
public static class AcctWarnings
{
    /// <summary>A logger that writes warnings and errors as lines <c>warning: …</c>, each text once. Safe from any thread.</summary>
    /// <param name="writer">Usually <see cref="Console.Error"/>. Stays the caller's.</param>
    public static ILogger WriteTo(TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        return new LineLogger(writer);
    }

    private sealed class LineLogger(TextWriter writer) : ILogger
    {
        private readonly HashSet<string> _said = new(StringComparer.Ordinal);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Warning and < LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            var line = (logLevel == LogLevel.Warning ? "warning: " : "error: ") + formatter(state, exception);
            lock (_said)
            {
                if (_said.Add(line))
                    writer.WriteLine(line);
            }
        }
    }
}
