namespace EvBus;

/// <summary>Where profiles come from: an acct file, configuration, the environment.</summary>
public interface IProfileSource
{
    /// <summary>What to call it in messages, such as <c>acct file credentials.yml.fernet</c>. No secret.</summary>
    string Description { get; }

    /// <summary>Reads all profiles, in the order of the source. Called at start, and again when the source says it has changed.</summary>
    /// <exception cref="EvBusException">The source cannot be read; the message says why and what to do, without secrets.</exception>
    ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken);

    /// <summary>Calls <paramref name="changed"/> after each change until disposed. Default: the source never changes.</summary>
    /// <param name="changed">Must not throw; may be called from any thread, also more often than the content changed.</param>
    IDisposable? Watch(Action changed) => null;
}

/// <summary>
/// Turns a provider's profiles into ready contexts, for example by opening connections (the original's <c>gather</c>).
/// What it returns is disposed with the lane, and made anew after <see cref="Verdict.Disconnected"/> and when the profile changes.
/// </summary>
/// <remarks>
/// May be called for several lanes at the same time. At the start the first lane that connects makes one call for all profiles, and the others take theirs from it;
/// if that fails, each lane tries again for its own profile. Of several lanes of one profile (one for each destination) the first takes the shared value,
/// the others have theirs made.
/// </remarks>
public interface IProfileGatherer
{
    /// <summary>The provider whose profiles it wants: the publisher's name or one of its aliases.</summary>
    string Provider { get; }

    /// <summary>
    /// One value for each profile, in the order given: an object that the publisher takes by <c>ctx.Get&lt;T&gt;()</c>, or a
    /// dictionary that it reads by <c>ctx["channels"]</c>. An exception is retried by the lane with back-off.
    /// </summary>
    /// <param name="profiles">All profiles of the provider at the start; later only those that must be made again.</param>
    /// <param name="cancellationToken">Cancelled at the lane's time-out and at stop.</param>
    ValueTask<IReadOnlyList<object>> GatherAsync(IReadOnlyList<Profile> profiles, CancellationToken cancellationToken);
}
