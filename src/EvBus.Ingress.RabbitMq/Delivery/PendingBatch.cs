namespace EvBus.Ingress.RabbitMq;

/// <summary>A batch under way: how many of its events have no verdict yet, and the verdicts that are not Delivered. Under the lock of its ring.</summary>
internal sealed class PendingBatch
{
    private readonly TaskCompletionSource<PublishResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _count;
    private int _open;
    private int _disconnected;
    private int _nacked;
    private string? _reason;
    private EventVerdict[]? _each;

    public PendingBatch(int count) => _count = _open = count;

    public Task<PublishResult> Result => _result.Task;

    /// <summary>The first event that was not written yet.</summary>
    public int Written { get; set; }

    public void Settle(int index, Verdict verdict, string? reason)
    {
        if (verdict != Verdict.Delivered)
        {
            (_each ??= new EventVerdict[_count])[index] = new EventVerdict(verdict, reason);
            _reason = reason;
            _disconnected += verdict == Verdict.Disconnected ? 1 : 0;
            _nacked += verdict == Verdict.Retry ? 1 : 0;
        }
        if (--_open == 0)
            _result.SetResult(Sum());
    }

    /// <summary>Gives what was not written one verdict.</summary>
    public void SettleRest(Verdict verdict, string reason)
    {
        while (Written < _count)
            Settle(Written++, verdict, reason);
    }

    // A verdict on the whole batch uses up no attempt of any event, which is right for what is no fault of theirs.
    private PublishResult Sum()
    {
        if (_each is null)
            return PublishResult.Delivered;
        if (_disconnected == _count)
            return PublishResult.Disconnected(_reason!);
        return _nacked == _count ? PublishResult.Retry(_reason!) : PublishResult.Mixed(_each);
    }
}
