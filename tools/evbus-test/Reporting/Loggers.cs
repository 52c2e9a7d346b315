using System.Globalization;
using EvBus.Tools.Tester.Options;
using Microsoft.Extensions.Logging;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>The log of the tester: on standard error, and in a file if one is named. Formats are those of Python's logging, as far as people use them.</summary>
internal sealed class Loggers(TesterOptions options, TesterHost host, TextWriter? file) : ILoggerFactory
{
    private readonly Lock _lock = new();

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("The tester logs to standard error and to a file only.");

    public void Dispose() => file?.Dispose();

    private void Write(LogLevel level, string category, string message)
    {
        var name = level switch { LogLevel.Information => "INFO", LogLevel.Critical => "CRITICAL", _ => level.ToString().ToUpperInvariant() };
        var line = options.LogFormat
            .Replace("%(levelname)-8s", name.PadRight(8), StringComparison.Ordinal)
            .Replace("%(levelname)s", name, StringComparison.Ordinal)
            .Replace("%(asctime)s", Date(host.Time.GetLocalNow(), options.LogDateFormat), StringComparison.Ordinal)
            .Replace("%(name)s", category, StringComparison.Ordinal)
            .Replace("%(message)s", message, StringComparison.Ordinal);
        lock (_lock)
        {
            host.Error.WriteLine(line);
            file?.WriteLine(line);
            file?.Flush();
        }
    }

    /// <summary>The common part of Python's <c>strftime</c>; what it does not know stays as it is.</summary>
    public static string Date(DateTimeOffset time, string format)
    {
        (string Sign, string Format)[] parts =
        [
            ("%Y", "yyyy"), ("%m", "MM"), ("%d", "dd"), ("%H", "HH"), ("%M", "mm"), ("%S", "ss"), ("%f", "ffffff"), ("%y", "yy"), ("%b", "MMM"), ("%a", "ddd"), ("%z", "zzz"),
        ];
        foreach (var (sign, each) in parts)
            format = format.Replace(sign, time.ToString(each, CultureInfo.InvariantCulture), StringComparison.Ordinal);
        return format;
    }

    private sealed class Logger(Loggers owner, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None && logLevel >= owner.Level;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                owner.Write(logLevel, category, exception is null ? formatter(state, null) : $"{formatter(state, exception)}: {exception.Message}");
        }
    }

    private LogLevel Level => options.LogLevel;
}
