namespace EvBus.Lanes;

/// <summary>A batch on its way, with what it has been through.</summary>
internal sealed class LaneWork
{
    public EventBatch Batch { get; } = new();

    /// <summary>How often one event alone, or each of these by its own verdict, has failed.</summary>
    public int Attempts { get; set; }

    /// <summary>How often the batch as it is has failed by exception or time-out.</summary>
    public int Exceptions { get; set; }

    /// <summary>Whether it has been handed to the publisher before; duplicates are possible then.</summary>
    public bool WasTried { get; set; }

    /// <summary>When its acknowledgement is overdue (timestamp of the clock).</summary>
    public long Deadline { get; set; }

    /// <summary>For a publisher with a window, or one that prepares: completes when the batch is acknowledged.</summary>
    public Task<PublishResult>? Acknowledged { get; set; }

    /// <summary>For a publisher that prepares: sends what it has made of the batch. Null when it has made nothing yet.</summary>
    public PreparedSend? Send { get; set; }

    /// <summary>It has its verdict, and only its dead letter could not be written. One event; it is not published again.</summary>
    public Burial? Burial { get; set; }

    public LaneWork Slice(int from, int count)
    {
        var part = new LaneWork { Attempts = Attempts, Exceptions = Exceptions, WasTried = true };
        for (var i = 0; i < count; i++)
            part.Batch.Take(Batch, from + i);
        part.Batch.IsContiguous = Batch.IsContiguous;
        return part;
    }

    /// <summary>The same events in another batch, for an instance that is to take over while the old one may still be reading this one.</summary>
    public LaneWork Clone() => Slice(0, Batch.Count);

    public void Reset()
    {
        Batch.Close();
        Attempts = Exceptions = 0;
        WasTried = false;
        Acknowledged = null;
        Send = null;
        Burial = null;
    }
}
