namespace EvBus.Journal;

/// <summary>
/// A piece of the log. One appender at a time writes behind <see cref="Written"/> and then moves it; readers look only before it, without a lock.
/// </summary>
internal sealed class Segment(byte[] buffer, ulong firstSequence, long firstByte)
{
    private int _written;
    private Segment? _next;
    private int _pins;

    public byte[] Buffer { get; } = buffer;

    public ulong FirstSequence { get; } = firstSequence;

    /// <summary>All bytes appended to the journal before this segment.</summary>
    public long FirstByte { get; } = firstByte;

    /// <summary>The first sequence number after this segment; only meaningful once there is a <see cref="Next"/>.</summary>
    public ulong EndSequence { get; set; }

    public int Written => Volatile.Read(ref _written);

    public Segment? Next
    {
        get => Volatile.Read(ref _next);
        set => Volatile.Write(ref _next, value);
    }

    public bool IsPinned => Volatile.Read(ref _pins) != 0;

    public int Free => Buffer.Length - _written;

    public void Append(ReadOnlySpan<byte> record)
    {
        record.CopyTo(Buffer.AsSpan(_written));
        Volatile.Write(ref _written, _written + record.Length);
    }

    public void Pin() => Interlocked.Increment(ref _pins);

    public void Unpin() => Interlocked.Decrement(ref _pins);
}

/// <summary>Buffers of one size, used again: a bus in a steady state makes no garbage of them. Under the journal's lock.</summary>
internal sealed class SegmentPool(int size, int keep, bool poison)
{
    private readonly Stack<byte[]> _free = new();

    public byte[] Rent(int atLeast) =>
        atLeast <= size && _free.TryPop(out var buffer) ? buffer : GC.AllocateUninitializedArray<byte>(Math.Max(size, atLeast));

    public void Return(byte[] buffer)
    {
        if (poison)
            buffer.AsSpan().Fill(0xDD);
        if (buffer.Length == size && _free.Count < keep)
            _free.Push(buffer);
    }
}
