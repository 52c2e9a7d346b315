using System.Collections;

namespace EvBus;

/// <summary>
/// Events handed to a publisher, in order: borrowed views into the journal, valid until the call they were handed to has ended.
/// Read it from any thread while it is valid; keep nothing of it afterwards but what <see cref="EventView.ToEvent"/> copied.
/// </summary>
public sealed class EventBatch : IReadOnlyList<EventView>
{
    private RecordSlot[] _slots = [];
    private BatchLease? _lease;

    internal EventBatch() { }

    /// <summary>How many events there are; at least one.</summary>
    public int Count { get; private set; }

    /// <summary>The bytes of all records: bodies, attributes and a header of 40 bytes for each.</summary>
    public long Bytes { get; private set; }

    /// <summary>The event at <paramref name="index"/>.</summary>
    public EventView this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return new EventView(this, index);
        }
    }

    internal string DefaultSource { get; private set; } = EvBusDefaults.Source;

    internal string DefaultType { get; private set; } = EvBusDefaults.Type;

    /// <summary>Changes when the batch is given back, so that a view kept too long is noticed.</summary>
    internal int Lifetime { get; private set; }

    internal ReadOnlySpan<RecordSlot> Slots => _slots.AsSpan(0, Count);

    /// <summary>A batch of its own memory, for tests of publishers; it stays valid.</summary>
    /// <param name="events">At least one. Events without an id or a time get zeros.</param>
    public static EventBatch Of(params IReadOnlyList<BusEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        ArgumentOutOfRangeException.ThrowIfZero(events.Count, nameof(events));
        var batch = new EventBatch();
        for (var i = 0; i < events.Count; i++)
        {
            var evt = events[i];
            var attributes = evt.Attributes;
            var record = new byte[EventCodec.HeaderLength + EventCodec.AttributesBound(attributes) + evt.Body.Length];
            var length = EventCodec.Write(record, attributes, evt.Body.Span, Guid.Empty, attributes.Time ?? DateTimeOffset.UnixEpoch, awaited: false);
            batch.Add(new RecordSlot(record, 0, length, (ulong)i, (ulong)i));
        }
        return batch;
    }

    internal static EventBatch Single(ReadOnlyMemory<byte> record)
    {
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(record, out var segment);
        var batch = new EventBatch();
        batch.Add(new RecordSlot(segment.Array!, segment.Offset, segment.Count, 0, 0));
        return batch;
    }

    /// <inheritdoc cref="IEnumerable{T}.GetEnumerator"/>
    public Enumerator GetEnumerator() => new(this);

    IEnumerator<EventView> IEnumerable<EventView>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Whether somebody waits for the outcome of one of the events.</summary>
    internal bool HasAwaited { get; private set; }

    /// <summary>Whether the events follow each other in the journal with nothing but skipped ones between, so that one range settles them all.</summary>
    internal bool IsContiguous { get; set; }

    internal void Open(BatchLease lease, string defaultSource, string defaultType, ulong epoch)
    {
        Epoch = epoch;
        _lease = lease;
        lease.Share();
        DefaultSource = defaultSource;
        DefaultType = defaultType;
        HasAwaited = false;
        IsContiguous = false;
    }

    /// <summary>Adds a slice of another batch, sharing its memory.</summary>
    internal void Take(EventBatch other, int index)
    {
        if (_lease is null)
            Open(other._lease!, other.DefaultSource, other.DefaultType, other.Epoch);
        Add(other._slots[index]);
    }

    /// <summary>Some of the events as a batch of their own, which shares this one's memory; close it before this one ends.</summary>
    internal EventBatch Pick(ReadOnlySpan<int> indexes)
    {
        var some = new EventBatch();
        if (_lease is not null)
            some.Open(_lease, DefaultSource, DefaultType, Epoch);
        foreach (var index in indexes)
            some.Add(_slots[index]);
        return some;
    }

    internal void Add(in RecordSlot slot)
    {
        if (Count == _slots.Length)
            Array.Resize(ref _slots, Math.Max(16, _slots.Length * 2));
        _slots[Count++] = slot;
        Bytes += slot.Length;
        HasAwaited |= (slot.Buffer[slot.Offset + 9] & (byte)EventCodec.RecordFlags.Awaited) != 0;
    }

    internal BatchLease? Lease => _lease;

    internal Position PositionAt(int index) => new(Epoch, _slots[index].Sequence);

    internal ulong Epoch { get; private set; }

    internal ReadOnlyMemory<byte> RecordAt(int index) => new(_slots[index].Buffer, _slots[index].Offset, _slots[index].Length);

    /// <summary>Ends the batch: views of it throw from now on, and its part of the lease is given back. The object may then be opened again.</summary>
    internal void Close()
    {
        Lifetime++;
        Array.Clear(_slots, 0, Count);
        Count = 0;
        Bytes = 0;
        Interlocked.Exchange(ref _lease, null)?.Release();
    }

    /// <summary>Ends the batch without giving the lease back, for a caller that holds the journal's lock and does that itself.</summary>
    internal void Abandon()
    {
        Lifetime++;
        Count = 0;
    }

    /// <summary>Walks a batch in order.</summary>
    public struct Enumerator : IEnumerator<EventView>
    {
        private readonly EventBatch _batch;
        private int _index;

        internal Enumerator(EventBatch batch)
        {
            _batch = batch;
            _index = -1;
        }

        /// <inheritdoc/>
        public readonly EventView Current => _batch[_index];

        readonly object IEnumerator.Current => Current;

        /// <inheritdoc/>
        public bool MoveNext() => ++_index < _batch.Count;

        /// <inheritdoc/>
        public void Reset() => _index = -1;

        /// <inheritdoc/>
        public readonly void Dispose() { }
    }
}

/// <summary>Where one record of a batch lies.</summary>
/// <param name="Buffer">The memory of its segment.</param>
/// <param name="Offset">Where it begins there.</param>
/// <param name="Length">Its length.</param>
/// <param name="Sequence">Its place in the journal.</param>
/// <param name="Floor">The first place it answers for: those between were skipped, and are settled with it.</param>
internal readonly record struct RecordSlot(byte[] Buffer, int Offset, int Length, ulong Sequence, ulong Floor);

/// <summary>Keeps the memory behind one read alive while any batch made from it is in use.</summary>
internal abstract class BatchLease
{
    private int _shares;

    public void Share() => Interlocked.Increment(ref _shares);

    public void Release()
    {
        if (Interlocked.Decrement(ref _shares) == 0)
            OnReleased();
    }

    protected abstract void OnReleased();
}
