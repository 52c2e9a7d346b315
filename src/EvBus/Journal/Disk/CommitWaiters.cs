using System.Runtime.CompilerServices;

namespace EvBus.Journal;

/// <summary>
/// Those who wait until a group is on disk: <c>await</c> gives null when it is, else why it is not. A thousand may wait for one group, so they are
/// answered by a few pool threads that take one after the other, not by a work item each. Whoever blocks in its continuation holds up nobody:
/// as long as somebody is left there is always one more work item on its way.
/// </summary>
/// <param name="asked">Called whenever somebody begins to wait.</param>
internal sealed class CommitWaiters(Action? asked = null) : IThreadPoolWorkItem
{
    private readonly Lock _lock = new();
    private Action[] _waiting = [];
    private TaskCompletionSource<string?>? _task;
    private string? _failure;
    private int _count;
    private int _queued;
    private int _next;
    private int _isOnItsWay;
    private volatile bool _isComplete;

    /// <summary>How many have asked.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Any thread, also before and after the end.</summary>
    public Awaiter GetAwaiter()
    {
        Interlocked.Increment(ref _count);
        asked?.Invoke();
        return new Awaiter(this);
    }

    /// <summary>The same for those who may stop waiting.</summary>
    public Task<string?> AsTask()
    {
        TaskCompletionSource<string?> task;
        lock (_lock)
        {
            task = _task ??= new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_isComplete)
                task.TrySetResult(_failure);
        }
        Interlocked.Increment(ref _count);
        asked?.Invoke();
        return task.Task;
    }

    public void Complete(string? failure)
    {
        TaskCompletionSource<string?>? task;
        lock (_lock)
        {
            if (_isComplete)
                return;
            _failure = failure;
            _isComplete = true;
            task = _task;
        }
        task?.TrySetResult(failure);
        if (_queued > 0)
            SendOneMore();
    }

    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref _isOnItsWay, 0);
        int at;
        while ((at = Interlocked.Increment(ref _next) - 1) < _queued)
        {
            if (at + 1 < _queued)
                SendOneMore();
            _waiting[at]();
        }
    }

    private void SendOneMore()
    {
        if (Volatile.Read(ref _isOnItsWay) == 0 && Interlocked.Exchange(ref _isOnItsWay, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void Add(Action continuation)
    {
        lock (_lock)
        {
            if (!_isComplete)
            {
                if (_queued == _waiting.Length)
                    Array.Resize(ref _waiting, Math.Max(16, _queued * 2));
                _waiting[_queued++] = continuation;
                return;
            }
        }
        ThreadPool.UnsafeQueueUserWorkItem(static continuation => continuation(), continuation, preferLocal: false);
    }

    internal readonly struct Awaiter(CommitWaiters waiters) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => waiters._isComplete;

        public string? GetResult() => waiters._failure;

        public void OnCompleted(Action continuation)
        {
            // Nobody here awaits it outside an async method, which restores the context itself.
            waiters.Add(continuation);
        }

        public void UnsafeOnCompleted(Action continuation) => waiters.Add(continuation);
    }
}
