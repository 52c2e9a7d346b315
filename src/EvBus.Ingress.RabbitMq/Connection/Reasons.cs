using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.RegularExpressions;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace EvBus.Ingress.RabbitMq;

/// <summary>What the client and the broker say, in words for an operator and with the remedy. The broker names users in its texts; nothing here does.</summary>
internal static partial class Reasons
{
    /// <summary>An exception of connecting or declaring as one of ours; ours stay as they are.</summary>
    public static Exception Translate(Exception thrown, RabbitMqOptions options, string where) =>
        thrown is EvBusException or OperationCanceledException { CancellationToken.IsCancellationRequested: true, InnerException: EvBusException }
            ? thrown
            : new EvBusException(Describe(thrown, options, where), thrown) { IsTransient = true };

    public static string Describe(Exception thrown, RabbitMqOptions options, string where) => thrown switch
    {
        EvBusException ours => ours.Message,
        BrokerUnreachableException { InnerException: AggregateException several } =>
            string.Join(" ", several.InnerExceptions.Select(each => Describe(each, options, where)).Distinct(StringComparer.Ordinal)),
        PossibleAuthenticationFailureException =>
            $"RabbitMQ at {where} refused the login. Correct login and password in the acct file, or the user at the broker; the broker's log says which of them it is.",
        OperationInterruptedException { ShutdownReason: { } reason } => Shutdown(reason, options, where),
        AuthenticationException => $"RabbitMQ at {where}: no TLS could be agreed on: {thrown.Message} Is this its TLS port, and does it want a client certificate (ssl_options: certfile)?",
        ProtocolVersionMismatchException or PacketNotRecognizedException or MalformedFrameException => $"What answers at {where} speaks no AMQP 0.9.1. Check host and port.",
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => $"Nobody listens at {where}. Is RabbitMQ running, and are host and port right?",
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } => $"The name of {where} cannot be resolved. Check the host.",
        SocketException socket => $"The connection to RabbitMQ at {where} broke: {socket.Message}.",
        TimeoutException or OperationCanceledException =>
            $"RabbitMQ at {where} did not answer within {options.Connection.Timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s. Does it run, and is there a firewall between? 'timeout' gives it longer.",
        BrokerUnreachableException or ConnectFailureException when thrown.InnerException is { } inner => Describe(inner, options, where),
        IOException when thrown.InnerException is { } inner => Describe(inner, options, where),
        IOException or ObjectDisposedException => $"RabbitMQ at {where} closed the connection without a word: {thrown.Message} If that is at once, check whether the port wants TLS.",
        _ => $"RabbitMQ at {where}: {thrown.GetType().Name}: {thrown.Message}",
    };

    public static string Shutdown(ShutdownEventArgs e, RabbitMqOptions options, string where)
    {
        var said = UserName().Replace(e.ReplyText, "this user");
        if (e.Initiator != ShutdownInitiator.Peer)
            return $"The connection to RabbitMQ at {where} broke: {Why(e, said)}";
        return e.ReplyCode switch
        {
            Constants.NotFound => $"RabbitMQ at {where}: {said}. Create it, correct its name in the profile, or set 'declare: active'.",
            Constants.PreconditionFailed when MaxLength(e) is not null => $"RabbitMQ at {where} closed the channel over an event that is too large: {said}.",
            Constants.PreconditionFailed => $"RabbitMQ at {where}: {said}. What is there has other properties than the profile says: correct the profile, or delete it at the broker.",
            Constants.AccessRefused => $"RabbitMQ at {where}: {said}. Grant it with 'rabbitmqctl set_permissions'.",
            Constants.NotAllowed => $"RabbitMQ at {where}: the virtual host '{options.Connection.VirtualHost}' is not there, or not for this user. Correct virtualhost, or the user's permissions.",
            Constants.ConnectionForced => $"RabbitMQ at {where} was told to close the connection: {said}.",
            _ => $"RabbitMQ at {where} closed the connection: {e.ReplyCode} {said}.",
        };
    }

    private static string Why(ShutdownEventArgs e, string said)
    {
        var why = e.Exception?.Message ?? said;
        return why.StartsWith("Heartbeat missing", StringComparison.Ordinal) ? "it gave no sign of life (heartbeat)." : $"{why.TrimEnd('.')}.";
    }

    public static string Unroutable(int code, string text, string exchange, string routingKey) => code == Constants.NoRoute
        ? exchange.Length == 0
            ? $"unroutable: there is no queue '{routingKey}'. Create it, correct the profile, or set 'declare: active'"
            : $"unroutable: no queue is bound to exchange '{exchange}' for routing key '{routingKey}'. Bind one, or set 'mandatory: false' where such events may vanish"
        : $"the broker gave it back: {code} {text}";

    /// <summary>The largest body the broker takes, when a larger one is why it closed the channel.</summary>
    public static long? MaxLength(ShutdownEventArgs e) =>
        e.ReplyCode == Constants.PreconditionFailed && MaxSize().Match(e.ReplyText) is { Success: true } match && long.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var most)
            ? most
            : null;

    [GeneratedRegex(@"user '[^']*'", RegexOptions.CultureInvariant)]
    private static partial Regex UserName();

    [GeneratedRegex(@"message size \d+ is larger than configured max size (\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex MaxSize();
}
