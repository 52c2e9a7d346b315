using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Kafka;

/// <summary>What the Kafka publisher says; ids 1200–1299.</summary>
internal static partial class Log
{
    [LoggerMessage(1200, LogLevel.Information, "Lane {Lane}: connected to Kafka at {Servers}, {Brokers} brokers, with librdkafka {Version}")]
    public static partial void Connected(ILogger logger, string lane, string servers, int brokers, string version);

    [LoggerMessage(1201, LogLevel.Warning, "Lane {Lane}: no broker of {Servers} can be reached at the moment: {Reason}")]
    public static partial void BrokersAway(ILogger logger, string lane, string servers, string reason);

    [LoggerMessage(1202, LogLevel.Information, "Lane {Lane}: the producer is given up and made anew: {Reason}")]
    public static partial void Broken(ILogger logger, string lane, string reason);

    [LoggerMessage(1203, LogLevel.Debug, "Lane {Lane}: librdkafka: {Text}")]
    public static partial void Librdkafka(ILogger logger, string lane, string text);

    [LoggerMessage(1204, LogLevel.Warning, "Lane {Lane}: acks is 0, so 'delivered' means handed to the network, not confirmed by a broker. Use acks: all to be told the truth")]
    public static partial void NothingIsConfirmed(ILogger logger, string lane);

    [LoggerMessage(1205, LogLevel.Warning, "Lane {Lane}: {Events} events written were not confirmed when the publisher was closed; they stay with the bus, and may arrive twice")]
    public static partial void Unconfirmed(ILogger logger, string lane, int events);

    [LoggerMessage(1206, LogLevel.Debug, "Lane {Lane}: the client's queue is full; the lane waits until there is room")]
    public static partial void QueueFull(ILogger logger, string lane);

    [LoggerMessage(1207, LogLevel.Information, "Lane {Lane}: the brokers refused a request for good; its events are sent one by one to find out which it was")]
    public static partial void Isolating(ILogger logger, string lane);

    [LoggerMessage(1208, LogLevel.Warning, "Lane {Lane}: the password goes to {Servers} in clear text, for the connection has no TLS. Use security_protocol: SASL_SSL")]
    public static partial void LoginIsShown(ILogger logger, string lane, string servers);
}
