using System.Globalization;

namespace EvBus.Ingress.Exec;

/// <summary>
/// Who waits for which answer. Invariants: answers come in the order of the events, so the first batch in the queue that has one open gets the next; after the end every
/// batch is settled with its reason, and nothing is taken any more. Thread-safe.
/// </summary>
internal sealed class AnswerBook
{
    private readonly Lock _lock = new();
    private readonly Queue<Pending> _pending = new();
    private readonly TaskCompletionSource _greeted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _open;
    private int _credit;
    private string? _end;

    /// <summary>Completes with the first credit; fails when the program refuses or ends before.</summary>
    public Task Greeted => _greeted.Task;

    public int Credit => Volatile.Read(ref _credit);

    /// <summary>Why there will be no more answers; null while there may be.</summary>
    public string? End
    {
        get
        {
            lock (_lock)
                return _end;
        }
    }

    /// <summary>Puts a batch in the queue; its events are announced one by one.</summary>
    public Pending Begin(EventVerdict[] verdicts)
    {
        var pending = new Pending(verdicts);
        lock (_lock)
        {
            if (_end is not null)
                pending.Abort(_end);
            else
                _pending.Enqueue(pending);
        }
        return pending;
    }

    /// <summary>Takes as many credits as there are, at most so many; waits for the first. 0: the end.</summary>
    public async ValueTask<int> TakeAsync(int most, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_end is not null)
                    return 0;
                var free = Math.Min(most, _credit - _open);
                if (free > 0)
                {
                    _open += free;
                    return free;
                }
                changed = _changed.Task;
            }
            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A line of the program.</summary>
    /// <returns>What is wrong with it; null when nothing is.</returns>
    public string? Take(string line)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        var (word, rest) = space < 0 ? (line, "") : (line[..space], line[(space + 1)..].Trim());
        var number = 1;
        if (word is "credit" or "ok" && (rest.Length > 0 || word == "credit")
            && !(int.TryParse(rest, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number is >= 1 and <= 1_000_000))
        {
            return $"'{word}' is followed by a whole number from 1 to 1000000";
        }
        lock (_lock)
        {
            switch (word)
            {
                case "credit":
                    _credit = number;
                    break;
                case "ok":
                    for (; number > 0; number--)
                    {
                        if (!Settle(default))
                            return "it answers more events than it was given";
                    }
                    break;
                case "retry" or "reject":
                    if (!Settle(new EventVerdict(word == "retry" ? Verdict.Retry : Verdict.Rejected, rest.Length > 0 ? Words.OneLine(rest, Words.MostInReason) : "the program gave no reason")))
                        return "it answers more events than it was given";
                    break;
                default:
                    return "a line begins with credit, ok, retry or reject";
            }
            Pulse();
        }
        if (word == "credit")
            _greeted.TrySetResult();
        return null;
    }

    /// <summary>No answer comes any more: what is open is settled with the reason.</summary>
    public void Close(string reason)
    {
        Pending[] left;
        lock (_lock)
        {
            if (_end is not null)
                return;
            _end = reason;
            left = [.. _pending];
            _pending.Clear();
            Pulse();
        }
        _greeted.TrySetException(new EvBusException(reason) { IsTransient = true });
        // Nobody may ask any more.
        _ = _greeted.Task.Exception;
        foreach (var pending in left)
            pending.Abort(reason);
    }

    private bool Settle(EventVerdict verdict)
    {
        if (_open == 0 || !_pending.TryPeek(out var first))
            return false;
        _open--;
        if (first.Settle(verdict))
            _pending.Dequeue();
        return true;
    }

    private void Pulse()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.TrySetResult();
    }
}

/// <summary>A batch that waits for its answers; those that could not be sent have theirs already.</summary>
internal sealed class Pending
{
    private readonly EventVerdict[] _verdicts;
    private readonly TaskCompletionSource<PublishResult> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _at;

    public Pending(EventVerdict[] verdicts)
    {
        _verdicts = verdicts;
        Skip();
    }

    public Task<PublishResult> Result => _done.Task;

    /// <summary>The next open event has its answer. True: it was the last.</summary>
    public bool Settle(EventVerdict verdict)
    {
        _verdicts[_at++] = verdict;
        Skip();
        if (_at < _verdicts.Length)
            return false;
        Complete();
        return true;
    }

    public void Abort(string reason)
    {
        if (_at == 0)
        {
            _done.TrySetResult(PublishResult.Disconnected(reason));
            return;
        }
        for (; _at < _verdicts.Length; _at++)
        {
            if (_verdicts[_at].Verdict != Verdict.Rejected)
                _verdicts[_at] = new EventVerdict(Verdict.Disconnected, reason);
        }
        Complete();
    }

    public void Complete() => _done.TrySetResult(
        Array.TrueForAll(_verdicts, each => each.Verdict == Verdict.Delivered) ? PublishResult.Delivered : PublishResult.Mixed(_verdicts));

    // What could not be sent was rejected before anything began.
    private void Skip()
    {
        while (_at < _verdicts.Length && _verdicts[_at].Verdict == Verdict.Rejected)
            _at++;
    }
}
