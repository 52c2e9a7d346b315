using RabbitMQ.Client;

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

    private static async Task MakeAsync(IConnection connection, RabbitMqOptions options, string? destination, CancellationToken cancellationToken)
    {
        var arguments = options.QueueType is null ? null : new Dictionary<string, object?> { ["x-queue-type"] = options.QueueType };
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            if (options.Exchange.Length > 0)
                await channel.ExchangeDeclareAsync(options.Exchange, options.ExchangeType, options.IsDurable, cancellationToken: cancellationToken).ConfigureAwait(false);
            foreach (var queue in Queues(options, destination))
            {
                await channel.QueueDeclareAsync(
                    queue, options.IsDurable || options.QueueType == "quorum", exclusive: false, autoDelete: false, arguments, cancellationToken: cancellationToken).ConfigureAwait(false);
            }
            foreach (var binding in options.Bindings)
                await channel.QueueBindAsync(binding.Queue, options.Exchange, binding.RoutingKey, cancellationToken: cancellationToken).ConfigureAwait(false);
        }
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
