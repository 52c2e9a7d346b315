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
    private const string TopicRefused = "access to topic '";

    /// <summary>An exception of connecting or declaring as one of ours; ours stay as they are.</summary>
    public static Exception Translate(Exception thrown, RabbitMqOptions options, string where) =>
        thrown is EvBusException or OperationCanceledException { CancellationToken.IsCancellationRequested: true, InnerException: EvBusException }
            ? thrown
            : new EvBusException(Describe(thrown, options, where), thrown) { IsTransient = true };

    /// <summary>The same while a connection is made: with TLS, a line that breaks then is how a client certificate is refused, and the alert that says so may be lost on the way.</summary>
    public static Exception TranslateConnecting(Exception thrown, RabbitMqOptions options, string where)
    {
        var translated = Translate(thrown, options, where);
        if (options.Connection.Tls is not { } tls || translated is not EvBusException || !HasBroken(thrown, out var alert))
            return translated;
        var hint = tls.CertFile is null
            ? "It may want a client certificate: name one in ssl_options: certfile."
            : $"{(alert ? "It refused" : "It may have refused")} the client certificate: its log says why. The broker must know its authority (cacertfile), and certfile must hold the authorities in between as well.";
        return new EvBusException($"{translated.Message} {hint}", thrown) { IsTransient = true };
    }

    private static bool HasBroken(Exception thrown, out bool isAlert)
    {
        var (broken, alert) = (false, false);
        void Look(Exception? e)
        {
            for (; e is not null; e = e.InnerException)
            {
                if (e is AggregateException several)
                {
                    foreach (var each in several.InnerExceptions)
                        Look(each);
                }
                alert |= e.Message.Contains(" alert ", StringComparison.Ordinal);
                broken |= e is IOException or SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown or SocketError.ConnectionAborted };
            }
        }
        Look(thrown);
        isAlert = alert;
        return broken || alert;
    }

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
        ArgumentException { Message: var text } when text.StartsWith("No ip address could be resolved", StringComparison.Ordinal) =>
            $"Nobody listens at {where}. Is RabbitMQ running there, also over IPv6, and are host and port right?",
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
            Constants.PreconditionFailed => $"RabbitMQ at {where}: {said}. {Precondition(said)}",
            Constants.AccessRefused => $"RabbitMQ at {where}: {said}. {Access(said)}",
            Constants.NotAllowed when said.Contains("limit", StringComparison.Ordinal) =>
                $"RabbitMQ at {where}: {said}. Raise it with 'rabbitmqctl set_vhost_limits' or 'set_user_limits', or close connections: each lane needs one.",
            Constants.NotAllowed when said.Contains("vhost", StringComparison.Ordinal) =>
                $"RabbitMQ at {where}: the virtual host '{options.Connection.VirtualHost}' is not there, or not for this user. Correct virtualhost, or the user's permissions.",
            Constants.NotAllowed => $"RabbitMQ at {where}: {said}.",
            Constants.CommandInvalid when said.Contains("exchange type", StringComparison.Ordinal) =>
                $"RabbitMQ at {where}: {said}. Correct exchange_type, or enable the plugin of the broker that has it ('rabbitmq-plugins enable').",
            Constants.ConnectionForced => $"RabbitMQ at {where} was told to close the connection: {said}.",
            _ => $"RabbitMQ at {where} closed the connection: {e.ReplyCode} {said}.",
        };
    }

    private static string Precondition(string said) =>
        said.Contains("inequivalent arg", StringComparison.Ordinal) ? "What is there has other properties than the profile says: correct the profile, or delete it at the broker."
        : said.Contains("limit", StringComparison.Ordinal) ? "Raise the limit with 'rabbitmqctl set_vhost_limits', or delete what is not needed."
        : said.Contains("binding key must be", StringComparison.Ordinal) || said.Contains("binding", StringComparison.Ordinal) ? "Correct bindings: this type of exchange wants other routing keys."
        : said.Contains("expiration", StringComparison.Ordinal) ? "Correct expiration."
        : "The broker takes no such value: correct it in the profile.";

    private static string Access(string said) =>
        said.Contains(TopicRefused, StringComparison.Ordinal) ? "Grant the routing key with 'rabbitmqctl set_topic_permissions', or correct routing_key."
        : said.Contains("internal exchange", StringComparison.Ordinal) ? "Only other exchanges publish to an internal one: name another exchange."
        : said.Contains("reserved prefix", StringComparison.Ordinal) ? "Names that begin with 'amq.' belong to the broker: give it another name."
        : "Grant it with 'rabbitmqctl set_permissions'.";

    /// <summary>Whether one event made the broker close the channel.</summary>
    /// <param name="e">What it said.</param>
    /// <param name="hasConstantKey">Whether all events have the same routing key, so that what is said of it is no event's fault.</param>
    public static Suspicion Suspect(ShutdownEventArgs e, bool hasConstantKey) => e.Initiator != ShutdownInitiator.Peer ? Suspicion.None : e.ReplyCode switch
    {
        Constants.AccessRefused => !hasConstantKey && e.ReplyText.Contains(TopicRefused, StringComparison.Ordinal) ? Suspicion.Certain : Suspicion.None,
        // The profile's, and so every event's.
        Constants.PreconditionFailed => e.ReplyText.Contains("expiration", StringComparison.Ordinal) ? Suspicion.None : Suspicion.Likely,
        Constants.ContentTooLarge or Constants.FrameError or Constants.SyntaxError or Constants.CommandInvalid or Constants.ChannelError or Constants.UnexpectedFrame
            or Constants.ResourceError or Constants.NotImplemented or Constants.InternalError => Suspicion.Likely,
        _ => Suspicion.None,
    };

    private static string Why(ShutdownEventArgs e, string said)
    {
        var why = e.Exception?.Message ?? said;
        return why.StartsWith("Heartbeat missing", StringComparison.Ordinal) ? "it gave no sign of life (heartbeat)." : $"{why.TrimEnd('.')}.";
    }

    /// <param name="code">The broker's code.</param>
    /// <param name="text">The broker's text.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="canDeclare">Whether <c>declare: active</c> would make the queue.</param>
    public static string Unroutable(int code, string text, string exchange, string routingKey, bool canDeclare) => code == Constants.NoRoute
        ? exchange.Length == 0
            ? $"unroutable: there is no queue '{routingKey}'. Create it, or correct the profile{(canDeclare ? ", or set 'declare: active'" : "")}"
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
