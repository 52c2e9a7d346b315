using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Looks for the exchanges and queues of a profile, or makes them. On a channel of its own, because what is not there closes the channel.</summary>
internal static class Topology
{
    public static Task DeclareAsync(IConnection connection, RabbitMqOptions options, string? destination, CancellationToken cancellationToken) => options.Declare switch
    {
        RabbitMqDeclare.Passive => CheckAsync(connection, options, destination, cancellationToken),
        RabbitMqDeclare.Active => MakeAsync(connection, options, destination, cancellationToken),
        _ => Task.CompletedTask,
    };

    /// <summary>Whether <c>declare: active</c> makes something that a message may miss.</summary>
    public static bool WouldDeclare(RabbitMqOptions options, string? destination) => options.Exchange.Length > 0 ? options.Bindings.Count > 0 : Queues(options, destination).Any();

    public static async Task CheckAsync(IConnection connection, RabbitMqOptions options, string? destination, CancellationToken cancellationToken)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            if (options.Exchange.Length > 0)
                await channel.ExchangeDeclarePassiveAsync(options.Exchange, cancellationToken).ConfigureAwait(false);
            foreach (var queue in Queues(options, destination))
                await channel.QueueDeclarePassiveAsync(queue, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Finds what is there with other properties than <c>declare: active</c> wants, and makes nothing: declaring what is there changes nothing.</summary>
    public static async Task CompareAsync(IConnection connection, RabbitMqOptions options, string? destination, CancellationToken cancellationToken)
    {
        if (options.Exchange.Length > 0 && await IsThereAsync(connection, channel => channel.ExchangeDeclarePassiveAsync(options.Exchange, cancellationToken), cancellationToken).ConfigureAwait(false))
            await OnChannelAsync(connection, channel => MakeExchangeAsync(channel, options, cancellationToken), cancellationToken).ConfigureAwait(false);
        foreach (var queue in Queues(options, destination))
        {
            if (await IsThereAsync(connection, channel => channel.QueueDeclarePassiveAsync(queue, cancellationToken), cancellationToken).ConfigureAwait(false))
                await OnChannelAsync(connection, channel => MakeQueueAsync(channel, options, queue, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task MakeAsync(IConnection connection, RabbitMqOptions options, string? destination, CancellationToken cancellationToken)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            if (options.Exchange.Length > 0)
                await MakeExchangeAsync(channel, options, cancellationToken).ConfigureAwait(false);
            foreach (var queue in Queues(options, destination))
                await MakeQueueAsync(channel, options, queue, cancellationToken).ConfigureAwait(false);
            foreach (var binding in options.Bindings)
            {
                await channel.QueueBindAsync(binding.Queue, options.Exchange, binding.RoutingKey, new Dictionary<string, object?>(binding.Arguments), cancellationToken: cancellationToken)
                    .ConfigureAwait(false);
            }
        }
    }

    private static Task MakeExchangeAsync(IChannel channel, RabbitMqOptions options, CancellationToken cancellationToken) => channel.ExchangeDeclareAsync(
        options.Exchange, options.ExchangeType, options.IsDurable, autoDelete: false, new Dictionary<string, object?>(options.ExchangeArguments), cancellationToken: cancellationToken);

    private static Task MakeQueueAsync(IChannel channel, RabbitMqOptions options, string queue, CancellationToken cancellationToken)
    {
        var arguments = new Dictionary<string, object?>(options.QueueArguments);
        if (options.QueueType is { } type)
            arguments["x-queue-type"] = type;
        return channel.QueueDeclareAsync(
            queue, options.IsDurable || options.QueueType == "quorum", exclusive: false, autoDelete: false, arguments, cancellationToken: cancellationToken);
    }

    private static async Task<bool> IsThereAsync(IConnection connection, Func<IChannel, Task> look, CancellationToken cancellationToken)
    {
        try
        {
            await OnChannelAsync(connection, look, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == Constants.NotFound)
        {
            return false;
        }
    }

    private static async Task OnChannelAsync(IConnection connection, Func<IChannel, Task> act, CancellationToken cancellationToken)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
            await act(channel).ConfigureAwait(false);
    }

    /// <summary>The queues that are known by name: those bound, and with the default exchange the one the routing key names, unless it depends on the event.</summary>
    private static IEnumerable<string> Queues(RabbitMqOptions options, string? destination)
    {
        var queues = options.Bindings.Select(binding => binding.Queue).Distinct(StringComparer.Ordinal);
        if (options.Exchange.Length > 0)
            return queues;
        var template = EventTemplate.Parse(options.RoutingKey);
        return (destination ?? (template.IsConstant ? template.Format(default) : null)) is { } queue ? queues.Append(queue) : queues;
    }
}
