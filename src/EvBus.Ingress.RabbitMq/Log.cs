using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.RabbitMq;

/// <summary>What the RabbitMQ publisher says; ids 1100–1199.</summary>
internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Information, "Lane {Lane}: the broker closed the channel over an event; what was under way is sent one by one to find out which it was")]
    public static partial void Isolating(ILogger logger, string lane);

    [LoggerMessage(1101, LogLevel.Warning, "Lane {Lane}: login, password and events go to {Where} over a line that {Lack}, where anybody on the way can read them. Use amqps: with a verified certificate")]
    public static partial void NotPrivate(ILogger logger, string lane, string where, string lack);
}
