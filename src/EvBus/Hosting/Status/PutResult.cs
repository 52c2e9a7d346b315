using System.Text.Json.Serialization;

namespace EvBus;

/// <summary>What became of a put; from best to worst.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PutOutcome>))]
public enum PutOutcome : byte
{
    /// <summary>Kept once in the journal.</summary>
    Accepted,

    /// <summary>On disk.</summary>
    Durable,

    /// <summary>Confirmed by the destinations the receipt asked for.</summary>
    Delivered,

    /// <summary>Accepted, but no lane wants it. Counted and shown in the status.</summary>
    Unmatched,

    /// <summary>At least one lane kept it as a dead letter.</summary>
    DeadLettered,

    /// <summary>At least one lane dropped it by policy; <see cref="PutResult.Reason"/> names the reason.</summary>
    Dropped,

    /// <summary>The bus stopped before a lane was through with it.</summary>
    Abandoned,

    /// <summary>Not accepted; <see cref="PutResult.Refusal"/> says why.</summary>
    Refused,
}

/// <summary>Why the door refused an event.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RefusalReason>))]
public enum RefusalReason : byte
{
    /// <summary>It did not.</summary>
    None,

    /// <summary>The journal, or a lane that blocks the door, is full.</summary>
    Full,

    /// <summary>As <see cref="Full"/>, where the door's policy is <see cref="DoorPolicy.DropNewest"/>.</summary>
    DroppedNewest,

    /// <summary>Room did not come within the door's time-out.</summary>
    TimedOut,

    /// <summary>The bus is stopping or has stopped.</summary>
    Stopped,

    /// <summary>The event is larger than the bus allows.</summary>
    TooLarge,

    /// <summary>An attribute cannot be kept: attributes above 64 KiB in all, an id above 1,024 bytes, an extension whose name is not of lower-case letters and digits or is an attribute's.</summary>
    InvalidAttributes,

    /// <summary>The journal cannot write.</summary>
    JournalFailed,
}

/// <summary>What became of one put.</summary>
/// <param name="Outcome">The outcome, of as much as the receipt waited for.</param>
/// <param name="Refusal">Why it was refused; <see cref="RefusalReason.None"/> when it was not.</param>
/// <param name="Position">Where it stands in the journal; zero when refused.</param>
/// <param name="StampedId">The id the door stamped; empty when the event brought its own.</param>
/// <param name="Reason">Words for an operator: the drop reason, or what to do about a refusal.</param>
public readonly record struct PutResult(PutOutcome Outcome, RefusalReason Refusal, Position Position, Guid StampedId, string? Reason)
{
    /// <summary>Whether the event is the bus's responsibility now.</summary>
    public bool IsAccepted => Outcome != PutOutcome.Refused;

    /// <summary>Throws where the event was refused, for callers who have nothing else to do then: <c>(await bus.PutAsync(evt)).EnsureAccepted()</c>.</summary>
    /// <returns>This result.</returns>
    /// <exception cref="EvBusException">The event was refused. <see cref="EvBusException.IsTransient"/> says whether the same put may succeed later.</exception>
    public PutResult EnsureAccepted() => IsAccepted
        ? this
        : throw new EvBusException($"The bus refused the event ({Refusal}): {Reason}.") { IsTransient = Refusal is RefusalReason.Full or RefusalReason.DroppedNewest or RefusalReason.TimedOut };

    internal static PutResult Refused(RefusalReason why, string reason) => new(PutOutcome.Refused, why, default, Guid.Empty, reason);
}

/// <summary>How far <see cref="IEventBus.PutManyAsync"/> came.</summary>
/// <param name="Accepted">How many events were accepted: the first so many.</param>
/// <param name="Refusal">Why the next one was not; none when all were accepted.</param>
/// <param name="Reason">Words for an operator; null when all were accepted.</param>
public readonly record struct PutManyResult(int Accepted, RefusalReason Refusal, string? Reason);
