namespace EvBus.Ingress.Kafka;

/// <summary>A record is larger than the topic took when it was last asked, and that is some time ago: it is asked again before anything is rejected.</summary>
internal sealed class LimitIsOldException : Exception;
