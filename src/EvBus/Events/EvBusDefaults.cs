namespace EvBus;

/// <summary>Names that are the same on every bus and in every publisher.</summary>
public static class EvBusDefaults
{
    /// <summary>CloudEvents <c>source</c> of events that name none, unless the bus says otherwise.</summary>
    public const string Source = "urn:evbus";

    /// <summary>CloudEvents <c>type</c> of events that name none, unless the bus says otherwise.</summary>
    public const string Type = "evbus.event";

    /// <summary>The header (or its nearest relative) that carries the event's id at every destination: the key to drop duplicates by.</summary>
    public const string IdHeader = "evbus-id";
}
