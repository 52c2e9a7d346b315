using Microsoft.Extensions.Logging;

namespace EvBus.Telemetry;

/// <summary>The logger that a publisher is given: what it says with a secret of its profile in it is said without. Thread-safe as far as the logger behind it is.</summary>
internal sealed class DiscreetLogger(ILogger inner, ProfileSecrets secrets) : ILogger
{
    public static ILogger Around(ILogger inner, ProfileSecrets secrets) => secrets.IsEmpty ? inner : new DiscreetLogger(inner, secrets);

    public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull
    {
        var text = state.ToString() ?? "";
        return IsClean(state) && secrets.Mask(text) == text ? inner.BeginScope(state) : inner.BeginScope(secrets.Mask(text));
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!inner.IsEnabled(logLevel))
            return;
        var text = formatter(state, exception);
        var masked = secrets.Mask(text);
        var covered = exception is null ? null : secrets.Mask(exception);
        if (masked == text && ReferenceEquals(covered, exception) && IsClean(state))
            inner.Log(logLevel, eventId, state, exception, formatter);
        else
            inner.Log(logLevel, eventId, masked, covered, static (said, _) => said);
    }

    // Structured values reach a log without the text around them.
    private bool IsClean<TState>(TState state) =>
        state is not IEnumerable<KeyValuePair<string, object?>> values || values.All(pair => pair.Value?.ToString() is not { } text || secrets.Mask(text) == text);
}
