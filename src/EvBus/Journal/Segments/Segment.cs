namespace EvBus.Journal;

/// <summary>
/// A piece of the log in memory. One appender at a time writes behind <see cref="Written"/>; readers look only before <see cref="Readable"/>,
/// without a lock. In memory the two move together; with a disk, what is readable is what is committed.
/// </summary>
internal sealed class Segment
{
    private int _written;
    private int _readable;
    private Segment? _next;
    private int _pins;

    public Segment(byte[] buffer, ulong firstSequence, long firstByte)
    {
        Buffer = buffer;
        FirstSequence = firstSequence;
        FirstByte = firstByte;
    }

    /// <summary>A block read from disk for one lane, which is its first holder.</summary>
    public Segment(byte[] buffer, ulong firstSequence, long firstByte, int length)
        : this(buffer, firstSequence, firstByte)
    {
        _written = _readable = length;
        _pins = 1;
        IsBlock = IsLoose = true;
    }

    public byte[] Buffer { get; }

    public ulong FirstSequence { get; }

    /// <summary>All bytes appended to the journal before this segment.</summary>
    public long FirstByte { get; }

    /// <summary>The first sequence number after this segment; only meaningful once there is a <see cref="Next"/>.</summary>
    public ulong EndSequence { get; set; }

    /// <summary>Read from disk, not part of the chain.</summary>
    public bool IsBlock { get; }

    /// <summary>In no chain any more: its buffer goes back with the last pin.</summary>
    public bool IsLoose { get; set; }

    public int Written => Volatile.Read(ref _written);

    public int Readable => Volatile.Read(ref _readable);

    public Segment? Next
    {
        get => Volatile.Read(ref _next);
        set => Volatile.Write(ref _next, value);
    }

    public bool IsPinned => Volatile.Read(ref _pins) != 0;

    public int Free => Buffer.Length - _written;

    /// <summary>Where the appender writes the next record, before it calls <see cref="Advance"/>.</summary>
    public Span<byte> Room => Buffer.AsSpan(_written);

    public void Advance(int length, bool isReadable)
    {
        _written += length;
        if (isReadable)
            Volatile.Write(ref _readable, _written);
    }

    public void MakeReadable(int end) => Volatile.Write(ref _readable, end);

    public void Pin() => Interlocked.Increment(ref _pins);

    /// <summary>True when it was the last pin.</summary>
    public bool Unpin() => Interlocked.Decrement(ref _pins) == 0;
}

/// <summary>Buffers of one size, used again: a bus in a steady state makes no garbage of them. Under its owner's lock.</summary>
internal sealed class SegmentPool(int size, int keep, bool poison)
{
    private readonly Stack<byte[]> _free = new();

    public int Size => size;

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

/// <summary>A place in the log and in the memory that holds it.</summary>
internal sealed record Place(Segment Segment, int Offset, ulong Sequence, long Bytes);
