using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Http;

/// <summary>What the HTTP publisher says; ids 1300–1399.</summary>
internal static partial class Log
{
    [LoggerMessage(1300, LogLevel.Error, "Lane {Lane}: {Destination} refuses the credentials (HTTP {Code}); events wait until the profile is corrected")]
    public static partial void Refused(ILogger logger, string lane, string destination, int code);

    [LoggerMessage(1301, LogLevel.Information, "Lane {Lane}: {Destination} accepts the credentials again")]
    public static partial void Accepted(ILogger logger, string lane, string destination);

    [LoggerMessage(1302, LogLevel.Warning, "Lane {Lane}: the credentials go to {Destination} over a line that is not encrypted, so whoever is on the way can read them; use an https url")]
    public static partial void Readable(ILogger logger, string lane, string destination);
}
