using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Postgres;

/// <summary>What the PostgreSQL publisher says; ids 1600–1699.</summary>
internal static partial class Log
{
    [LoggerMessage(1600, LogLevel.Information, "Lane {Lane}: the table {Table} was not there and has been made")]
    public static partial void Made(ILogger logger, string lane, string table);

    [LoggerMessage(1601, LogLevel.Warning, "Lane {Lane}: the password goes to {Where} with ssl_mode: {Mode}, which does not check who is there, so whoever is on the way can ask for it; set ssl_mode: verify-full")]
    public static partial void Readable(ILogger logger, string lane, string where, string mode);
}
