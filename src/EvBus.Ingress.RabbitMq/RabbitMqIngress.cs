using EvBus.Ingress.RabbitMq;

namespace EvBus;

/// <summary>The door of the RabbitMQ publisher: <c>bus.AddRabbitMq()</c>.</summary>
public static class RabbitMqIngress
{
    /// <summary>What the bus knows about it: provider names <c>rabbitmq</c>, <c>pika</c> and <c>amqp</c>, one lane for each of a profile's <c>ingress_channels</c>.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "rabbitmq",
        Aliases = ["pika", "amqp"],
        Description = "Publishes to RabbitMQ and waits for the broker's confirmation of each event, many at a time.",
        OptionsType = typeof(RabbitMqOptions),
        Example = """
            rabbitmq:                      # or pika, or amqp
              default:
                connection:
                  url: amqps://login:password@rabbit.example:5671/virtualhost
                  # or: host, hosts: [a, b:5673], port, login, password, virtualhost, ssl: true
                  ssl_options:
                    cafile: /etc/ssl/our-ca.pem   # default: the machine's authorities
                    certfile: client.pem          # with keyfile; for sasl: external
                  sasl: plain                     # plain | external
                  heartbeat: 3
                exchange: events             # default: the default exchange
                routing_key: "evbus.{type}"  # {subject} {profile} {type} {source} {key} {id} {ext:NAME}, {subject|none}
                # or, a lane for each:  ingress_channels: [queue1, queue2]
                declare: none                # none | passive | active
                exchange_type: topic         # the rest is for declare: active
                durable: true
                queue_type: quorum           # classic | quorum
                bindings:
                  orders: "evbus.order.#"      # or [keys], or {routing_key: key, arguments: {x-match: any, level: 5}}
                  # with declare: active also  exchange_arguments: {alternate-exchange: others}  and  queue_arguments: {x-max-length: 100000}
                mandatory: true              # what reaches no queue is rejected
                persistent: true
                format: body                 # body | cloudevents-binary | cloudevents-structured
                ordering: window             # window | strict
                headers: {site: "{ext:site|north}", level: 5, share: "{ext:share}"}
                header_types: {share: double}   # text | int | double | bool, for what is a text above
                priority: 5
                expiration: 1h
                timeout: 10                  # for connecting
                confirm_timeout: 10          # without any confirmation
            """,
        // What is wrong with a profile is said by Validate, once.
        Destinations = profile => RabbitMqOptionsReader.TryRead(profile, out _)?.Channels ?? [],
        Validate = profile => RabbitMqOptionsReader.TryRead(profile, out var errors) is null ? errors : [],
        Create = context => new RabbitMqPublisher(context, RabbitMqOptions.Read(context.Profile!)),
    };

    /// <summary>Adds the RabbitMQ publisher; profiles under <c>rabbitmq:</c>, <c>pika:</c> and <c>amqp:</c> get lanes.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="lane">How its lanes work. Default: the bus's. Its <see cref="LaneOptions.CallTimeout"/> counts from the last progress, and the profile's <c>timeout</c> and <c>confirm_timeout</c> count where they are longer.</param>
    public static EvBusBuilder AddRabbitMq(this EvBusBuilder bus, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddIngress(Descriptor, lane: lane);
    }
}
