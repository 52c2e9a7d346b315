namespace EvBus;

/// <summary>What a caller waits for when it puts an event.</summary>
public readonly record struct Receipt
{
    internal enum Level : byte { Accepted, Durable, DeliveredAll, DeliveredAny }

    private Receipt(Level level, string? selector)
    {
        Kind = level;
        Selector = selector;
    }

    /// <summary>The event is in the journal's order. The default.</summary>
    public static Receipt Accepted => default;

    /// <summary>The event is on disk: fsync has returned. A journal in memory refuses this with <see cref="NotSupportedException"/>; one whose disk fails refuses the put with
    /// <see cref="RefusalReason.JournalFailed"/>. Any number of puts may wait at the same time: they share one fsync.</summary>
    public static Receipt Durable => new(Level.Durable, null);

    internal Level Kind { get; }

    internal string? Selector { get; }

    /// <summary>Every lane that the event is for is through with it. The set of lanes is fixed at acceptance.</summary>
    /// <param name="selector">Only the lanes whose id matches, such as <c>kafka/*</c>. Default: all of the event's lanes.</param>
    public static Receipt Delivered(string? selector = null) => new(Level.DeliveredAll, selector);

    /// <summary>One lane that the event is for has delivered it, or all of them are through with it.</summary>
    /// <param name="selector">Only the lanes whose id matches. Default: all of the event's lanes.</param>
    public static Receipt DeliveredAny(string? selector = null) => new(Level.DeliveredAny, selector);
}
