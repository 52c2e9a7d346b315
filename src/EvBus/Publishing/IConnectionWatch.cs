namespace EvBus;

/// <summary>How a publisher's connection is, also between two calls.</summary>
public enum ConnectionState : byte
{
    /// <summary>It takes events, as far as anybody knows.</summary>
    Open,

    /// <summary>The destination asked to wait and keeps the connection open. Calls may take as long as that lasts: no time-out counts meanwhile.</summary>
    Blocked,

    /// <summary>It is gone: the lane calls <see cref="IPublisher.ConnectAsync"/> again, also when it has nothing to send.</summary>
    Lost,
}

/// <summary>How a connection is, and why.</summary>
/// <param name="State">How it is.</param>
/// <param name="Reason">Why it is not open, in words for an operator; no secret. Null when open.</param>
public readonly record struct ConnectionCondition(ConnectionState State, string? Reason = null);

/// <summary>
/// An optional power of an <see cref="IPublisher"/>: to say, without being called, that its connection was blocked or lost. A lane that is told
/// so counts as not flowing at once, reconnects also when idle, and holds no time-out against a destination that asked it to wait.
/// </summary>
public interface IConnectionWatch : IPublisher
{
    /// <summary>How the connection is at this moment; read from any thread. Before the first connect: open.</summary>
    ConnectionCondition Condition { get; }

    /// <summary>Raised after <see cref="Condition"/> has changed, from any thread; the handler is quick and does not throw.</summary>
    event Action? ConditionChanged;
}
