using System.Threading.Tasks.Sources;
using EvBus.Journal;

namespace EvBus.Hosting;

/// <summary>
/// One put that waits for the disk. Used again when its result has been taken, so that a durable put makes no garbage; as every value task it is
/// awaited once.
/// </summary>
internal sealed class DurablePut : ICommitWaiter, IValueTaskSource<PutResult>
{
    private const int Kept = 2048;

    [ThreadStatic]
    private static Stack<DurablePut>? s_free;

    private ManualResetValueTaskSourceCore<PutResult> _core;
    private Door? _door;
    private PutResult _accepted;

    public static ValueTask<PutResult> WaitAsync(Door door, in PutResult accepted, CommitWaiters commit)
    {
        var put = s_free is { } free && free.TryPop(out var used) ? used : new DurablePut();
        (put._door, put._accepted) = (door, accepted);
        var task = new ValueTask<PutResult>(put, put._core.Version);
        commit.Add(put);
        return task;
    }

    void ICommitWaiter.Complete(string? failure) => _core.SetResult(_door!.Committed(_accepted, failure));

    PutResult IValueTaskSource<PutResult>.GetResult(short token)
    {
        var result = _core.GetResult(token);
        _core.Reset();
        // A thread must not keep a bus alive.
        (_door, _accepted) = (null, default);
        var free = s_free ??= new Stack<DurablePut>();
        if (free.Count < Kept)
            free.Push(this);
        return result;
    }

    ValueTaskSourceStatus IValueTaskSource<PutResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<PutResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
