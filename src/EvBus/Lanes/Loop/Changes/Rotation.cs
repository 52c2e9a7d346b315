namespace EvBus.Lanes;

/// <summary>What a lane is to become: its next definition, and the instance made from it once that is connected. Under the lane's lock.</summary>
internal sealed class Rotation : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private int _begun;

    public Rotation(LaneDefinition definition, bool atOnce)
    {
        Definition = definition;
        AtOnce = atOnce;
        Over = _over.Token;
    }

    public LaneDefinition Definition { get; }

    /// <summary>No instance may be made beside the old one: that is closed first.</summary>
    public bool AtOnce { get; }

    /// <summary>The new instance, connected.</summary>
    public IPublisher? Ready { get; set; }

    /// <summary>Why there is none yet, in words.</summary>
    public string? Trouble { get; set; }

    /// <summary>Cancelled when nobody waits for the new instance any more.</summary>
    public CancellationToken Over { get; }

    /// <summary>True once: for the one who begins to make the new instance.</summary>
    public bool TryBegin() => Interlocked.Exchange(ref _begun, 1) == 0;

    /// <summary>Ends the making, if it still goes on.</summary>
    public void Dispose()
    {
        LaneSession.Cancel(_over);
        _over.Dispose();
    }
}
