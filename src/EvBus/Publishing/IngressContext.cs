using Microsoft.Extensions.Logging;

namespace EvBus;

/// <summary>What a lane gives its publisher at birth: who it is, the profile it may connect with, a logger and the time.</summary>
/// <remarks>Immutable; safe from any thread. Prints the lane's id and nothing else.</remarks>
public sealed class IngressContext
{
    /// <summary>Makes a context; the lane does this, and tests may.</summary>
    /// <param name="laneId">The id of the lane.</param>
    /// <param name="profile">The profile; null for a publisher that needs none.</param>
    /// <param name="destination">The destination of the profile that this lane carries to; null when the profile has only one.</param>
    /// <param name="gathered">What a gatherer made of the profile; null without one.</param>
    /// <param name="logger">Where the publisher may log state changes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="services">The host's services; null without a host.</param>
    public IngressContext(
        string laneId, Profile? profile, string? destination, object? gathered, ILogger logger, TimeProvider time, IServiceProvider? services = null)
    {
        LaneId = laneId;
        Profile = profile;
        Destination = destination;
        Gathered = gathered;
        Logger = logger;
        Time = time;
        Services = services;
    }

    /// <summary>The id of the lane, such as <c>kafka/default#orders</c>.</summary>
    public string LaneId { get; }

    /// <summary>The profile to connect with; null for a publisher that needs none.</summary>
    public Profile? Profile { get; }

    /// <summary>Which of the profile's destinations this lane carries to (a channel, a topic); null when there is only one.</summary>
    public string? Destination { get; }

    /// <summary>What an <see cref="IProfileGatherer"/> made of the profile; null without one.</summary>
    [System.Diagnostics.DebuggerBrowsable(System.Diagnostics.DebuggerBrowsableState.Never)]
    [System.Text.Json.Serialization.JsonIgnore]
    public object? Gathered { get; }

    /// <summary>Where a publisher may log state changes (never one line per event). What is said through it is said with <c>***</c> in place of the profile's secrets.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public ILogger Logger { get; }

    /// <summary>The clock.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public TimeProvider Time { get; }

    /// <summary>The host's services; null without a host.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public IServiceProvider? Services { get; }

    /// <summary>
    /// How long the lane waits for one call and for one batch's acknowledgement before it gives this instance up; a publisher's own time-outs stay
    /// below it, so that nothing arrives late beside its repetition. Default: 30 s.
    /// </summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The internal queues of the bus.</summary>
    internal InternalQueues? Queues { get; init; }

    /// <summary>A value that the gatherer put in its dictionary.</summary>
    /// <exception cref="EvBusConfigurationException">There is no gatherer, or its dictionary has no such key.</exception>
    public object? this[string key] => Gathered is IReadOnlyDictionary<string, object?> map && map.TryGetValue(key, out var value)
        ? value
        : throw new EvBusConfigurationException($"Lane {LaneId}: no gatherer made a value called '{key}'. Register an IProfileGatherer for this provider that returns it.");

    /// <summary>What the gatherer made, or the first value of that type in its dictionary.</summary>
    /// <exception cref="EvBusConfigurationException">No gatherer made a value of that type.</exception>
    public T Get<T>() => Gathered switch
    {
        T whole => whole,
        IReadOnlyDictionary<string, object?> map when map.Values.OfType<T>().Any() => map.Values.OfType<T>().First(),
        _ => throw new EvBusConfigurationException($"Lane {LaneId}: no gatherer made a {typeof(T).Name}. Register an IProfileGatherer for this provider that returns one."),
    };

    /// <summary>The lane's id.</summary>
    public override string ToString() => LaneId;
}
