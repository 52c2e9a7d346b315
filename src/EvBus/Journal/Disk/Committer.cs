
namespace EvBus.Journal;

/// <summary>Whose groups the committer writes.</summary>
internal interface ICommitTarget
{
    /// <summary>Ends the group that was being filled; null when there is nothing to write.</summary>
    CommitGroup? CloseGroup();

    /// <summary>Whether the file that is written to may be closed, as nobody needs it.</summary>
    bool LeavesLog();

    /// <summary>The group is on disk.</summary>
    void Commit(CommitGroup group);

    /// <summary>Why nothing can be written any more; null when it can.</summary>
    string? Failure { get; }

    /// <summary>It cannot be written now, and nothing of it was: it is tried again.</summary>
    void Wait(string reason, bool isFull);

    /// <summary>Nothing can be written any more. <paramref name="defect"/> is null where the disk is the cause.</summary>
    void Fail(string reason, Exception? defect = null);
}

/// <summary>What is written and fsynced in one go.</summary>
internal sealed record CommitGroup(long FirstByte, ulong FirstSequence, ulong Epoch, int Events, long AcceptedBefore, IReadOnlyList<ArraySegment<byte>> Parts, CommitWaiters Waiters)
{
    /// <summary>What lies between the last group and this one was never meant for the disk.</summary>
    public bool IsAfterGap { get; init; }
}

/// <summary>
/// The one who writes the log: closes a group, writes it, fsyncs, and says so. A group is what has come while the last one was written. Those
/// it has just answered are given the time to come again, as long as they do come: else every second group would hold one event. For how many it
/// waits is for <see cref="GroupSize"/> to say.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "Late callers may still signal; without a wait handle asked for, it holds nothing.")]
internal sealed partial class Committer
{
    /// <summary>From so many missing on, those who come need the processor more than the one who waits for them.</summary>
    private const int Many = 128;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(1);

    private readonly ICommitTarget _target;
    private readonly LogFiles _log;
    private readonly TimeProvider _time;
    private readonly TimeSpan _linger;
    private readonly GroupSize _size = new();
    private readonly ManualResetEventSlim _signal = new(false, spinCount: 50);
    private readonly ManualResetEventSlim _gathered = new(false, spinCount: 0);
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;
    private volatile int _wanted;
    private bool _hasFailed;
    private CommitGroup? _left;
    private long _groups;
    private long _events;

    public Committer(ICommitTarget target, LogFiles log, TimeProvider time, TimeSpan linger)
    {
        _target = target;
        _log = log;
        _time = time;
        _linger = linger;
        // Its own thread: it spends its life waiting for the disk.
        new Thread(RunToTheEnd) { IsBackground = true, Name = "evbus journal" }.Start();
    }

    /// <summary>Groups written and events in them, for the bench.</summary>
    public (long Groups, long Events) Written => (Interlocked.Read(ref _groups), Interlocked.Read(ref _events));

    /// <summary>How many who wait for their receipt have come to the group that is being filled.</summary>
    public Func<int>? Arrivals { get; init; }

    /// <summary>There is something to write, or room on the disk again. Any thread.</summary>
    public void Signal()
    {
        if (!_signal.IsSet)
            _signal.Set();
    }

    /// <summary>As many wait for their receipt in the group that is being filled. Any thread, once for each number.</summary>
    public void Arrived(int count)
    {
        if (count == _wanted)
            _gathered.Set();
    }

    /// <summary>Writes what there is and ends.</summary>
    public Task StopAsync()
    {
        _stopping = true;
        _signal.Set();
        _gathered.Set();
        return _over.Task;
    }

    private void RunToTheEnd()
    {
        try
        {
            Run();
        }
#pragma warning disable CA1031 // Nobody is above this thread: what it does not catch ends the process.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _hasFailed = true;
            _target.Fail($"a defect of the bus: {e.Message}", e);
        }
        // Whoever still waits for a group is answered by the one who stops the committer, or has been by the failure.
        _over.TrySetResult();
    }

    private void Run()
    {
        var answered = 0;
        while (true)
        {
            // A group that could not be begun is tried again now and then: room may come from outside.
            if (_left is null)
                _signal.Wait();
            else
                _signal.Wait(RetryInterval);
            _signal.Reset();
            var isLast = _stopping;
            if (!isLast && _left is null)
                Gather(answered);
            if (_left is not null && _target.Failure is { } failure)
                Abandon(failure);
            while (!_hasFailed && (_left ?? _target.CloseGroup()) is { } group)
            {
                answered = group.Waiters.Count;
                var wasLeft = _left is not null;
                _left = TryWrite(group) ? null : group;
                // What came while it had no room has signalled in vain.
                if (_left is not null || !(isLast || wasLeft))
                    break;
            }
            if (isLast)
                break;
            if (_left is null && !_hasFailed && _target.LeavesLog())
                CloseFile();
        }
    }

    // The journal failed while a group waited for room: that must not be written behind what is missing.
    private void Abandon(string failure)
    {
        _hasFailed = true;
        _left!.Waiters.Complete(failure);
        _left = null;
    }

    private bool TryWrite(CommitGroup group)
    {
        var began = _time.GetTimestamp();
        try
        {
            _log.Write(group);
        }
        catch (StorageUnavailableException e)
        {
            _target.Wait(e.Message, isFull: e is StorageFullException);
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail(group, e);
            return true;
        }
        try
        {
            _log.Sync();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Never again: the system may have marked the pages clean, so a second fsync would lie.
            Fail(group, e);
            return true;
        }
        _size.Written(_time.GetTimestamp() - began);
        Interlocked.Increment(ref _groups);
        Interlocked.Add(ref _events, group.Events);
        _target.Commit(group);
        return true;
    }

    private void CloseFile()
    {
        try
        {
            _log.CloseCurrent();
            _log.DropSpares();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _hasFailed = true;
            _target.Fail(e.Message);
        }
    }

    private void Fail(CommitGroup group, Exception e)
    {
        _hasFailed = true;
        _target.Fail(e.Message);
        group.Waiters.Complete(e.Message);
    }
}
