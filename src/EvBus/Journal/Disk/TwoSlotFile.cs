using System.Buffers.Binary;

namespace EvBus.Journal;

/// <summary>
/// A small state in a file of two slots, written in turn and never in place, so that a write cut short leaves the other.
/// <code>
///   slot:  0  4B "EVS1" · 4 u32 CRC32C of 8 .. end · 8 u32 length of the content · 12 u32 0 · 16 u64 generation · 24 content
/// </code>
/// The valid slot of the higher generation counts. For one thread at a time.
/// </summary>
internal sealed class TwoSlotFile : IDisposable
{
    private const int HeaderLength = 24;
    private readonly IStorageFile _file;
    private readonly int _slotLength;
    private byte[] _buffer = [];
    private ulong _generation;
    private bool _unsynced;

    private TwoSlotFile(IStorageFile file, int slotLength)
    {
        _file = file;
        _slotLength = slotLength;
    }

    /// <summary>The most content that fits.</summary>
    public int Capacity => _slotLength - HeaderLength;

    private static ReadOnlySpan<byte> Magic => "EVS1"u8;

    /// <summary>Opens or makes the file, with room for both slots reserved, so that a full disk cannot stop a write.</summary>
    public static TwoSlotFile Open(IStorage storage, string name, int slotLength, out byte[]? content)
    {
        var file = storage.Open(name, preallocate: 2L * slotLength);
        var slots = new TwoSlotFile(file, slotLength);
        content = slots.Load();
        return slots;
    }

    /// <summary>The content of a file that is there, for reading only; null when neither slot is valid.</summary>
    public static byte[]? Read(IStorage storage, string name, int slotLength)
    {
        using var slots = new TwoSlotFile(storage.OpenRead(name), slotLength);
        return slots.Load();
    }

    /// <summary>Writes the next state; durable after <see cref="Sync"/>.</summary>
    public void Write(ReadOnlySpan<byte> content)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(content.Length, Capacity, nameof(content));
        var length = HeaderLength + content.Length;
        if (_buffer.Length < length)
            _buffer = new byte[Math.Max(length, 1024)];
        var slot = _buffer.AsSpan(0, length);
        slot[..HeaderLength].Clear();
        Magic.CopyTo(slot);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[8..], (uint)content.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[16..], _generation + 1);
        content.CopyTo(slot[HeaderLength..]);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[4..], Crc32C.Compute(slot[8..]));
        _file.Write((long)((_generation + 1) % 2) * _slotLength, slot);
        _generation++;
        _unsynced = true;
    }

    public void Sync()
    {
        if (!_unsynced)
            return;
        _file.Sync();
        _unsynced = false;
    }

    public void Dispose() => _file.Dispose();

    private byte[]? Load()
    {
        byte[]? best = null;
        var slot = new byte[_slotLength];
        for (var i = 0; i < 2; i++)
        {
            var read = _file.Read((long)i * _slotLength, slot);
            if (read < HeaderLength || !slot.AsSpan(0, 4).SequenceEqual(Magic))
                continue;
            var length = BinaryPrimitives.ReadUInt32LittleEndian(slot.AsSpan(8));
            if (length > read - HeaderLength || Crc32C.Compute(slot.AsSpan(8, 16 + (int)length)) != BinaryPrimitives.ReadUInt32LittleEndian(slot.AsSpan(4)))
                continue;
            var generation = BinaryPrimitives.ReadUInt64LittleEndian(slot.AsSpan(16));
            if (generation <= _generation)
                continue;
            _generation = generation;
            best = slot.AsSpan(HeaderLength, (int)length).ToArray();
        }
        return best;
    }
}
