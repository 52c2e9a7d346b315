namespace EvBus.Journal;

/// <summary>Somebody who waits until a group is on disk.</summary>
internal interface ICommitWaiter
{
    /// <summary>Called once: null when it is on disk, else why it is not.</summary>
    void Complete(string? failure);
}

/// <summary>
/// Those who wait until a group is on disk. A thousand may wait for one group, so they are answered by a few pool threads that take one after the
/// other, not by a work item each. Whoever blocks in its continuation holds up nobody: as long as somebody is left there is always one more work
/// item on its way.
/// </summary>
/// <param name="asked">Called whenever somebody begins to wait, with how many do.</param>
internal sealed class CommitWaiters(Action<int>? asked = null) : IThreadPoolWorkItem
{
    private readonly Lock _lock = new();
    private ICommitWaiter[] _waiting = [];
    private TaskCompletionSource<string?>? _task;
    private string? _failure;
    private int _count;
    private int _queued;
    private int _next;
    private int _isOnItsWay;
    private bool _isComplete;

    /// <summary>How many have asked.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Any thread, also behind the end: then it is answered before this returns.</summary>
    public void Add(ICommitWaiter waiter)
    {
        bool isOver;
        int count;
        lock (_lock)
        {
            count = ++_count;
            isOver = _isComplete;
            if (!isOver)
            {
                if (_queued == _waiting.Length)
                    Array.Resize(ref _waiting, Math.Max(16, _queued * 2));
                _waiting[_queued++] = waiter;
            }
        }
        if (isOver)
            waiter.Complete(_failure);
        else
            asked?.Invoke(count);
    }

    /// <summary>The same for those who may stop waiting.</summary>
    public Task<string?> AsTask()
    {
        TaskCompletionSource<string?> task;
        int count;
        lock (_lock)
        {
            count = ++_count;
            task = _task ??= new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_isComplete)
                task.TrySetResult(_failure);
        }
        asked?.Invoke(count);
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
            _waiting[at].Complete(_failure);
        }
    }

    private void SendOneMore()
    {
        if (Volatile.Read(ref _isOnItsWay) == 0 && Interlocked.Exchange(ref _isOnItsWay, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
