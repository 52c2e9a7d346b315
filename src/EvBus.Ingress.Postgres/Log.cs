using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Postgres;

/// <summary>What the PostgreSQL publisher says; ids 1600–1699.</summary>
internal static partial class Log
{
    [LoggerMessage(1600, LogLevel.Information, "Lane {Lane}: the table {Table} was not there and has been made")]
    public static partial void Made(ILogger logger, string lane, string table);
}
