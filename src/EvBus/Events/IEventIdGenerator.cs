namespace EvBus;

/// <summary>Makes the ids of events that come without one. Called from any thread, also concurrently, once for each such event.</summary>
public interface IEventIdGenerator
{
    /// <summary>A new id. Must never wait and should never repeat.</summary>
    /// <param name="now">The moment of acceptance, for ids that carry a time.</param>
    Guid Next(DateTimeOffset now);
}
