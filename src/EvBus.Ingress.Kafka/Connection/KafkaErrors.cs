using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

/// <summary>What an error of the client or a broker means for an event.</summary>
internal enum Sort
{
    /// <summary>A request will never be taken as it is: too large, or with a record that the broker finds wrong. Which of its events it was is not said.</summary>
    Refused,

    /// <summary>The topic is not there or may not be written to: rejected if the event chose it, else waited for.</summary>
    Topic,

    /// <summary>Not now. The producer is given up with all it has, so that nothing arrives late beside its repetition, and in order.</summary>
    Broken,
}

/// <summary>Sorts errors and puts them into words.</summary>
internal static class KafkaErrors
{
    /// <summary>The version of librdkafka that first did what the definition of SCRAM says: 2.6.1.</summary>
    public const int FirstGoodScram = 0x020601ff;

    public static Sort SortOf(ErrorCode code) => code switch
    {
        ErrorCode.MsgSizeTooLarge or ErrorCode.RecordListTooLarge or ErrorCode.InvalidMsgSize
            or ErrorCode.InvalidRecord or ErrorCode.InvalidTimestamp or ErrorCode.PolicyViolation => Sort.Refused,
        ErrorCode.Local_UnknownTopic or ErrorCode.UnknownTopicOrPart or ErrorCode.TopicException or ErrorCode.TopicAuthorizationFailed
            or ErrorCode.Local_UnknownPartition => Sort.Topic,
        _ => Sort.Broken,
    };

    /// <summary>Whether an error may be a passing state of a topic that an event chose: it was deleted a moment ago, is being made, or was made anew with fewer partitions.</summary>
    public static bool MayPass(ErrorCode code, KafkaIngressOptions options) => code is ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic
        || (code == ErrorCode.Local_UnknownPartition && options.Partition is null && options.PartitionTemplate is null);

    /// <summary>What the client says of one broker, with the usual cause where the broker's own name leads nowhere.</summary>
    public static string OfABroker(Error error, KafkaIngressOptions options) => error.Code == ErrorCode.Local_Resolve
        ? $"{options.Client.Redact(error.Reason)}. The brokers tell this name to their clients: correct advertised.listeners of the broker, or let the name be resolved here"
        : options.Client.Redact(error.Reason);

    /// <summary>What an operator reads; the same cause gives the same words.</summary>
    public static string Words(Error error, string topic, KafkaIngressOptions options) => error.Code switch
    {
        ErrorCode.Local_UnknownTopic or ErrorCode.UnknownTopicOrPart =>
            $"the brokers have no topic '{topic}' and make none by themselves. Create it, or correct topics",
        ErrorCode.Local_UnknownPartition when options.Partition is null =>
            $"topic '{topic}' has fewer partitions than a moment ago: it was deleted and made anew, or an event's own partition is not there",
        ErrorCode.Local_UnknownPartition =>
            $"topic '{topic}' has no partition {options.Partition}. Correct partition, or give the topic more",
        ErrorCode.MsgSizeTooLarge or ErrorCode.RecordListTooLarge or ErrorCode.InvalidMsgSize =>
            "the brokers refuse it as too large; message.max.bytes of the broker or max.message.bytes of the topic says how much they take",
        ErrorCode.TopicAuthorizationFailed => $"this login may not write to topic '{topic}'. Allow it (ACL: Write), or correct topics",
        ErrorCode.ClusterAuthorizationFailed => "this login may not write with idempotence. Allow it (ACL: IdempotentWrite), or set enable_idempotence: false",
        ErrorCode.InvalidRecord =>
            $"the broker refuses the record ({options.Client.Redact(error.Reason)}). A compacted topic takes no record without a key: give the event a key, or set key in the profile",
        ErrorCode.InvalidTimestamp =>
            $"the event's time is too far from the broker's for topic '{topic}' (message.timestamp.before.max.ms and message.timestamp.after.max.ms say how far it may be). Correct the event's time, or set record_time: sending",
        ErrorCode.Local_Destroy => "the producer was given up before the brokers confirmed",
        ErrorCode.Local_MsgTimedOut => "the brokers did not confirm in time",
        ErrorCode.NotEnoughReplicas or ErrorCode.NotEnoughReplicasAfterAppend => $"topic '{topic}' has too few replicas in sync at the moment",
        ErrorCode.Local_Ssl =>
            $"TLS does not come about: {options.Client.Redact(error.Reason)}. Check ssl_cafile, the client certificate, and that the broker's certificate has the name it is reached by",
        _ when IsLogin(error.Code) =>
            $"the brokers refuse the login: {options.Client.Redact(error.Reason)}. Correct user name, password or sasl_mechanism in the acct file{OldScram(options)}",
        _ => $"{options.Client.Redact(error.Reason)} ({error.Code})",
    };

    // It sends a nonce too many, which Kafka 4 no longer overlooks; the broker's words are those of a wrong password.
    private static string OldScram(KafkaIngressOptions options) =>
        Library.Version < FirstGoodScram && options.Client.Get("sasl.mechanism")?.StartsWith("SCRAM", StringComparison.Ordinal) == true
            ? $". Or the client is too old: librdkafka {Library.VersionString} cannot log in to Kafka 4 by SCRAM, only 2.6.1 and later can; install it, or use PLAIN over TLS"
            : "";

    public static bool IsLogin(ErrorCode code) => code is ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed
        or ErrorCode.UnsupportedSaslMechanism or ErrorCode.IllegalSaslState;

    /// <summary>TLS that cannot come about does not by trying again; it is said like a wrong login.</summary>
    public static bool IsTls(Error error) => error.Code == ErrorCode.Local_Ssl;
}
