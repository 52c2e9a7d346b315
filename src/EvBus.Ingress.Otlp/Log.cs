using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Otlp;

/// <summary>What the OTLP publisher says; ids 1500–1599.</summary>
internal static partial class Log
{
    [LoggerMessage(1500, LogLevel.Error, "Lane {Lane}: {Destination} refuses the credentials (HTTP {Code}); events wait until the profile is corrected")]
    public static partial void Refused(ILogger logger, string lane, string destination, int code);

    [LoggerMessage(1501, LogLevel.Information, "Lane {Lane}: {Destination} accepts the credentials again")]
    public static partial void Accepted(ILogger logger, string lane, string destination);

    [LoggerMessage(1502, LogLevel.Warning, "Lane {Lane}: {Destination} takes the events and warns: {Warning}")]
    public static partial void Warned(ILogger logger, string lane, string destination, string warning);

    [LoggerMessage(1503, LogLevel.Warning, "Lane {Lane}: the credentials go to {Destination} over a line that is not encrypted, so whoever is on the way can read them; use an https url")]
    public static partial void Readable(ILogger logger, string lane, string destination);

    [LoggerMessage(1504, LogLevel.Warning, "Lane {Lane}: {Destination} takes the events (HTTP {Code}), but its answer breaks off, does not come to its end or is longer than {Limit} bytes, so nobody knows whether it has refused some of them")]
    public static partial void Unread(ILogger logger, string lane, string destination, int code, int limit);
}
