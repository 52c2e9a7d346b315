namespace EvBus.Testing;

/// <summary>
/// What the certification of a publisher needs to know: how to make one, its profile, how to read what arrived, and how to hurt it. A fact gets a harness of its own
/// with an empty destination, uses it from one flow at a time, and disposes it.
/// </summary>
/// <remarks>What is left out needs a reason in <see cref="Limits"/>, which the report prints; a fact that finds neither fails and says so.</remarks>
public sealed class PublisherHarness : IAsyncDisposable
{
    /// <summary>What <see cref="Attributes"/> is unless set: <c>id</c>, <c>type</c>, <c>source</c>, <c>subject</c>, <c>partitionkey</c> and the extension <c>region</c>.</summary>
    public static IReadOnlyList<string> AllAttributes { get; } = ["id", "type", "source", "subject", "partitionkey", "region"];

    /// <summary>The publisher's name, for reports.</summary>
    public required string Name { get; init; }

    /// <summary>Makes a publisher, as <see cref="IngressDescriptor.Create"/> does. Called several times.</summary>
    public required Func<IngressContext, IPublisher> Create { get; init; }

    /// <summary>The profile that works. Default: none.</summary>
    public Profile? Profile { get; init; }

    /// <summary>The destination of the profile that the lane carries to. Default: none.</summary>
    public string? Destination { get; init; }

    /// <summary>All that is at the destination now, in its order; what was acknowledged must be there at once.</summary>
    public Func<CancellationToken, ValueTask<IReadOnlyList<ReceivedEvent>>>? Read { get; init; }

    /// <summary>Which attributes arrive, by their CloudEvents names. Default: <see cref="AllAttributes"/>.</summary>
    public IReadOnlyList<string> Attributes { get; init; } = AllAttributes;

    /// <summary>Ends the publisher's connections without a goodbye, while it works; new ones are accepted.</summary>
    public Func<ValueTask>? Cut { get; init; }

    /// <summary>The profile with credentials that the destination refuses.</summary>
    public Profile? RefusedProfile { get; init; }

    /// <summary>The profile of a destination that does not exist.</summary>
    public Profile? MissingProfile { get; init; }

    /// <summary>An event that the destination will never take.</summary>
    public BusEvent? Unwanted { get; init; }

    /// <summary>The destination stops answering, without an error, until <see cref="Release"/>.</summary>
    public Func<ValueTask>? Hold { get; init; }

    /// <summary>Ends <see cref="Hold"/>.</summary>
    public Func<ValueTask>? Release { get; init; }

    /// <summary>How many connections of publishers the destination has open now.</summary>
    public Func<int>? OpenConnections { get; init; }

    /// <summary>Passwords, tokens and keys of all profiles here: no word of the publisher may contain one.</summary>
    public IReadOnlyList<string> Secrets { get; init; } = [];

    /// <summary>What the destination cannot do, each with its reason. Default: it can do everything.</summary>
    public PublisherLimits Limits { get; init; } = new();

    /// <summary>The clock that publishers get and waits are measured with. Default: the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How long a call may take before it counts as hanging. Default: 30 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Takes the destination away again. Default: nothing.</summary>
    public Func<ValueTask>? OnDispose { get; init; }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => OnDispose?.Invoke() ?? ValueTask.CompletedTask;
}

/// <summary>What a destination, or a harness, cannot do: null means it can, a text says why not and stands in the report.</summary>
public sealed record PublisherLimits
{
    /// <summary>Why nobody can read what arrived.</summary>
    public string? Reading { get; init; }

    /// <summary>Why the order of events is lost.</summary>
    public string? Order { get; init; }

    /// <summary>Why attributes do not arrive.</summary>
    public string? Attributes { get; init; }

    /// <summary>Why an empty body cannot arrive as one; it is to be rejected then.</summary>
    public string? EmptyBodies { get; init; }

    /// <summary>Why bytes that are no text cannot arrive as they are; they are to be rejected then.</summary>
    public string? BinaryBodies { get; init; }

    /// <summary>Why a body of 1 MB cannot arrive; it is to be rejected then.</summary>
    public string? LargeBodies { get; init; }

    /// <summary>Why there is no connection to cut.</summary>
    public string? Cut { get; init; }

    /// <summary>Why no credentials can be refused.</summary>
    public string? Refusal { get; init; }

    /// <summary>Why refused credentials are noticed at the first batch, and not when connecting.</summary>
    public string? EarlyRefusal { get; init; }

    /// <summary>Why a destination cannot be missing.</summary>
    public string? Missing { get; init; }

    /// <summary>Why there is no event that the destination refuses.</summary>
    public string? Unwanted { get; init; }

    /// <summary>Why the destination cannot be made slow.</summary>
    public string? Hold { get; init; }

    /// <summary>Why nobody can count the open connections.</summary>
    public string? OpenConnections { get; init; }

    /// <summary>Why the profile has no secret.</summary>
    public string? Secrets { get; init; }

    /// <summary>Why no second instance may work beside the first, or after it, in the same process.</summary>
    public string? SecondInstance { get; init; }
}
