using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

/// <summary>
/// A batch that is written and not yet confirmed, with a handler for each event's delivery report. Reports come on the client's thread while the lane's may still be
/// writing, so the batch counts what is open, and one for the writer; who brings the count to zero completes it. Used again after that.
/// </summary>
internal sealed class WrittenBatch(KafkaConnection connection)
{
    private readonly List<Slot> _slots = [];
    private TaskCompletionSource<PublishResult> _acknowledged = null!;
    private int _open;
    private int _failed;
    private int _handed;
    private string? _lost;

    public int Count { get; private set; }

    public Task<PublishResult> Acknowledged => _acknowledged.Task;

    public void Begin(int count)
    {
        // Whoever waits goes on elsewhere: the client's thread has more reports to bring.
        _acknowledged = new TaskCompletionSource<PublishResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        while (_slots.Count < count)
            _slots.Add(new Slot(this));
        for (var i = 0; i < count; i++)
            _slots[i].Reset();
        Count = count;
        _open = count + 1;
        _failed = _handed = 0;
        _lost = null;
        Began = connection.Now;
    }

    /// <summary>When its writing began (timestamp of the clock).</summary>
    public long Began { get; private set; }

    /// <summary>What the client calls with the report on an event.</summary>
    public Action<DeliveryReport<byte[], byte[]>> HandlerOf(int index) => _slots[index].Handler;

    public void Reject(int index, string reason) => _slots[index].Settle(Verdict.Rejected, reason);

    /// <summary>The events before this one are the client's, or rejected; those from here on are still the writer's.</summary>
    public void HandedUpTo(int index) => _handed = index;

    /// <summary>The writer is through with it. What it did not hand over is given back.</summary>
    public void EndWriting(string? reason = null)
    {
        for (var i = _handed; i < Count; i++)
            _slots[i].Settle(Verdict.Retry, reason);
        CountDown();
    }

    /// <summary>Gives up what was handed over and has no report. No report may come any more, and nobody may hand over more. How many there were.</summary>
    public int Abandon(string reason)
    {
        // The last one completes the batch, after which it may be somebody else's.
        var (handed, left) = (_handed, 0);
        for (var i = 0; i < handed; i++)
        {
            if (_slots[i].IsDone)
                continue;
            left++;
            _slots[i].Settle(Verdict.Retry, reason);
        }
        return left;
    }

    private void CountDown()
    {
        if (Interlocked.Decrement(ref _open) > 0)
            return;
        var (acknowledged, result) = (_acknowledged, Result());
        connection.Complete(this, isDelivered: _failed == 0);
        acknowledged.SetResult(result);
    }

    private PublishResult Result()
    {
        if (_failed == 0)
            return PublishResult.Delivered;
        // One by itself would use up an attempt, and nothing delivered means that the connection is the cause.
        if (_lost is not null && _failed == Count && _slots.Take(Count).All(slot => slot.Verdict == Verdict.Retry))
            return PublishResult.Disconnected(_lost);
        if (Count == 1)
            return PublishResult.Rejected(_slots[0].Reason!);
        var each = new EventVerdict[Count];
        for (var i = 0; i < Count; i++)
            each[i] = new EventVerdict(_slots[i].Verdict, _slots[i].Reason);
        return PublishResult.Mixed(each);
    }

    private sealed class Slot
    {
        private readonly WrittenBatch _batch;

        public Slot(WrittenBatch batch)
        {
            _batch = batch;
            Handler = OnReport;
        }

        public Action<DeliveryReport<byte[], byte[]>> Handler { get; }

        public bool IsDone { get; private set; }

        public Verdict Verdict { get; private set; }

        public string? Reason { get; private set; }

        public void Reset() => (IsDone, Verdict, Reason) = (false, Verdict.Delivered, null);

        public void Settle(Verdict verdict, string? reason)
        {
            (IsDone, Verdict, Reason) = (true, verdict, reason);
            if (verdict != Verdict.Delivered)
            {
                Interlocked.Increment(ref _batch._failed);
                if (verdict == Verdict.Retry)
                    _batch._lost ??= reason;
            }
            _batch.CountDown();
        }

        private void OnReport(DeliveryReport<byte[], byte[]> report)
        {
            var connection = _batch.Connection;
            if (report.Error.Code == ErrorCode.NoError)
            {
                Settle(Verdict.Delivered, null);
            }
            else
            {
                var (verdict, reason) = connection.Judge(report.Error, report.Topic);
                Settle(verdict, reason);
            }
            connection.OnRoom();
        }
    }

    private KafkaConnection Connection => connection;
}
