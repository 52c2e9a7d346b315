namespace EvBus;

/// <summary>
/// One call of a gatherer for all profiles of its provider at the start, made by the first lane that asks; each profile's value goes to the first lane
/// that asks for it. Whoever asks again, too late, or for a profile that is not in it gathers by itself. Thread-safe.
/// Invariant: a value is handed out once, or disposed here.
/// </summary>
internal sealed class GatherGroup(IProfileGatherer gatherer, IReadOnlyList<Profile> profiles) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly bool[] _taken = new bool[profiles.Count];
    private readonly CancellationTokenSource _over = new();
    private Task<IReadOnlyList<object>>? _call;
    private int _waiting;
    private bool _closed;
    private bool _disposed;

    /// <summary>What the gatherer makes of <paramref name="profile"/>; the caller's from now on.</summary>
    public async ValueTask<object> TakeAsync(Profile profile, CancellationToken cancellationToken)
    {
        Task<IReadOnlyList<object>>? call;
        var share = IndexOf(profile);
        lock (_lock)
        {
            call = TryJoin(share);
            if (call is not null)
                _waiting++;
        }
        if (call is null)
            return await GatherAsync(gatherer, profile, cancellationToken).ConfigureAwait(false);
        try
        {
            return (await call.WaitAsync(cancellationToken).ConfigureAwait(false))[share];
        }
        catch
        {
            // This lane gathers by itself when it tries again; what may still come for it belongs to nobody.
            _ = LetGoAsync(call, share);
            throw;
        }
        finally
        {
            Leave(call);
        }
    }

    /// <summary>Disposes what nobody took. A gatherer that does not heed its cancellation is left behind; what it makes is disposed when it ends.</summary>
    public async ValueTask DisposeAsync()
    {
        Task<IReadOnlyList<object>>? call;
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = _closed = true;
            call = _call;
        }
        await _over.CancelAsync().ConfigureAwait(false);
        _over.Dispose();
        if (call is null)
            return;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1), TimeProvider.System);
        await DisposeFreeAsync(call).WaitAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public static async ValueTask<object> GatherAsync(IProfileGatherer gatherer, Profile profile, CancellationToken cancellationToken) =>
        (await GatherAsync(gatherer, [profile], cancellationToken).ConfigureAwait(false))[0];

    private static async Task<IReadOnlyList<object>> GatherAsync(IProfileGatherer gatherer, IReadOnlyList<Profile> profiles, CancellationToken cancellationToken)
    {
        var made = await gatherer.GatherAsync(profiles, cancellationToken).ConfigureAwait(false);
        if (made.Count == profiles.Count)
            return made;
        foreach (var value in made)
            await GatheredPublisher.LetGoAsync(value).ConfigureAwait(false);
        throw new EvBusException($"The gatherer of '{gatherer.Provider}' returned {made.Count} contexts for {profiles.Count} profiles. Return one for each profile it is given.");
    }

    private Task<IReadOnlyList<object>>? TryJoin(int share)
    {
        if (share < 0 || _closed || _taken[share] || _call is { IsCompleted: true, IsCompletedSuccessfully: false })
            return null;
        _taken[share] = true;
        var token = _over.Token;
        return _call ??= Task.Run(() => GatherAsync(gatherer, profiles, token), CancellationToken.None);
    }

    private void Leave(Task call)
    {
        lock (_lock)
        {
            if (--_waiting > 0 || call.IsCompleted || _closed)
                return;
            _closed = true;
            // Each has its own time-out; the call is cancelled when the last one that waits for it has run out. The gatherer's own code on
            // the token runs elsewhere, not under this lock.
            _ = _over.CancelAsync();
        }
    }

    private int IndexOf(Profile profile)
    {
        for (var i = 0; i < profiles.Count; i++)
        {
            if (ReferenceEquals(profiles[i], profile))
                return i;
        }
        return -1;
    }

    private async Task DisposeFreeAsync(Task<IReadOnlyList<object>> call)
    {
        for (var i = 0; i < profiles.Count; i++)
        {
            lock (_lock)
            {
                if (_taken[i])
                    continue;
                _taken[i] = true;
            }
            await LetGoAsync(call, i).ConfigureAwait(false);
        }
    }

    private static async Task LetGoAsync(Task<IReadOnlyList<object>> call, int share)
    {
        await ((Task)call).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (call.IsCompletedSuccessfully)
            await GatheredPublisher.LetGoAsync(call.Result[share]).ConfigureAwait(false);
    }
}
