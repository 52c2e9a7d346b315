using EvBus.Ingress.Kafka;

namespace EvBus;

/// <summary>The door of the Kafka publisher: <c>bus.AddKafka()</c>.</summary>
public static class KafkaIngress
{
    /// <summary>What the bus knows about it: provider name <c>kafka</c>, one lane for each profile and topic.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "kafka",
        Description = "Publishes events to topics of Apache Kafka; delivered means that the brokers confirmed.",
        OptionsType = typeof(KafkaIngressOptions),
        Example = """
            kafka:
              default:
                connection:
                  bootstrap_servers: [kafka1.example.org:9093, kafka2.example.org:9093]
                  client_id: evbus             # default
                  acks: all                    # default; with idempotence
                  compression_type: lz4        # none | gzip | snappy | lz4 | zstd; default: none
                  linger_ms: 5                 # default
                  security_protocol: SASL_SSL  # PLAINTEXT | SSL | SASL_PLAINTEXT | SASL_SSL; default: what the other keys need
                  sasl_mechanism: SCRAM-SHA-512
                  sasl_plain_username: evbus
                  sasl_plain_password: 'change me'
                  ssl_cafile: /etc/evbus/ca.pem
                topics: [events]               # each gets every event; {subject}, {profile}, {type}, {source}, {key}, {ext:NAME}
                key: '{key}'                   # default: the event's own key
                format: body                   # body | cloudevents-binary | cloudevents-structured
                ordering: window               # window | strict
                properties:                    # any setting of librdkafka
                  sticky.partitioning.linger.ms: 10
            """,
        Validate = KafkaProfileCheck.Validate,
        Destinations = profile => [.. KafkaProfileReader.ReadTopics(profile).Select(topic => topic.Text)],
        Create = context => new KafkaPublisher(context, KafkaIngressOptions.Read(context.Profile!)),
    };

    /// <summary>Adds the Kafka publisher; profiles under <c>kafka:</c> get a lane for each of their topics.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="lane">How its lanes work. Default: the bus's.</param>
    public static EvBusBuilder AddKafka(this EvBusBuilder bus, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddIngress(Descriptor, lane: lane);
    }
}
