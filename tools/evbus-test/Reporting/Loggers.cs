using System.Globalization;
using System.Text;
using EvBus.Tools.Tester.Options;
using Microsoft.Extensions.Logging;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>The log of the tester: on standard error, and in a file if one is named. Formats are those of Python's logging, as far as people use them.</summary>
internal sealed class Loggers(TesterOptions options, TesterHost host, TextWriter? file) : ILoggerFactory
{
    private readonly Lock _lock = new();
    private bool _isFileWell = true;

    private static readonly Dictionary<char, string> s_parts = new()
    {
        ['Y'] = "yyyy", ['m'] = "MM", ['d'] = "dd", ['H'] = "HH", ['M'] = "mm", ['S'] = "ss", ['f'] = "ffffff", ['y'] = "yy", ['b'] = "MMM", ['a'] = "ddd", ['z'] = "zzz",
    };

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("The tester logs to standard error and to a file only.");

    public void Dispose()
    {
        try
        {
            file?.Dispose();
        }
        catch (Exception e) when (StandardStreams.IsRefused(e))
        {
            // It was said when it was written to.
        }
    }

    // A log that cannot be kept is no reason to lose events: said once, and the log on standard error goes on.
    private void WriteToFile(string line)
    {
        try
        {
            if (_isFileWell)
            {
                file?.WriteLine(line);
                file?.Flush();
            }
        }
        catch (Exception e) when (StandardStreams.IsRefused(e))
        {
            _isFileWell = false;
            host.Say($"--log-file: '{options.LogFile}' cannot be written: {e.Message.TrimEnd('.')}. The log goes on here, on standard error, only.");
        }
    }

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
            WriteToFile(line);
        }
    }

    /// <summary>The common part of Python's <c>strftime</c>; what it does not know stays as it is.</summary>
    public static string Date(DateTimeOffset time, string format)
    {
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            var sign = format[i] == '%' && i + 1 < format.Length ? format[i + 1] : '\0';
            if (sign == '%')
                text.Append('%');
            else if (s_parts.TryGetValue(sign, out var part))
                text.Append(time.ToString(part, CultureInfo.InvariantCulture));
            else
            {
                text.Append(format[i]);
                continue;
            }
            i++;
        }
        return text.ToString();
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
