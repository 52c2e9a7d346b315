using System.Buffers.Binary;

namespace EvBus.Journal;

/// <summary>
/// A small state in a file of three slots: the one that is durable is never written over, the other two are written in turn. So a kill loses
/// nothing, and after a power failure, whatever it left of the writes that were not fsynced, the durable one is there.
/// <code>
///   slot:  0  4B "EVS1" · 4 u32 CRC32C of 8 .. end · 8 u32 length of the content · 12 u32 0 · 16 u64 generation · 24 content
/// </code>
/// The valid slot of the higher generation counts. Writing goes on while an fsync runs;
/// what is being made durable is then left alone like what is. Of each, writing and making durable, one at a time.
/// </summary>
internal sealed class SlotFile : IDisposable
{
    /// <summary>What is behind the name of a file that is just being made.</summary>
    public const string Unmade = ".new";

    private const int HeaderLength = 24;
    private const int Slots = 3;
    private readonly IStorageFile _file;
    private readonly int _slotLength;
    private byte[] _buffer = [];
    private ulong _generation;
    private readonly Lock _lock = new();
    private int _latest = -1;
    private int _durable = -1;
    private int _syncing = -1;
    private bool _disposed;

    private SlotFile(IStorageFile file, int slotLength)
    {
        _file = file;
        _slotLength = slotLength;
    }

    /// <summary>The most content that fits.</summary>
    public int Capacity => _slotLength - HeaderLength;

    /// <summary>Whether no slot was ever written, as far as one can see: there are zeros where all of them begin.</summary>
    public bool IsBlank
    {
        get
        {
            var header = new byte[HeaderLength];
            for (var i = 0; i < Slots; i++)
            {
                var read = _file.Read((long)i * _slotLength, header);
                if (header.AsSpan(0, read).ContainsAnyExcept((byte)0))
                    return false;
            }
            return true;
        }
    }

    private static ReadOnlySpan<byte> Magic => "EVS1"u8;

    /// <summary>Opens or makes the file, with room for all slots reserved, so that a full disk cannot stop a write.</summary>
    public static SlotFile Open(IStorage storage, string name, int slotLength, out byte[]? content)
    {
        var file = storage.Open(name, preallocate: (long)Slots * slotLength);
        var slots = new SlotFile(file, slotLength);
        content = slots.Load();
        // What a killed process wrote last may be in the system's memory only; the slot before it is about to be written over.
        if (content is not null)
            file.Sync();
        return slots;
    }

    /// <summary>Makes a file that has this content from the moment on in which it has its name: one without a valid slot is damaged, never new. The entry is durable when its folder is synced.</summary>
    public static void Make(IStorage storage, string name, int slotLength, ReadOnlySpan<byte> content)
    {
        using (var slots = Open(storage, name + Unmade, slotLength, out _))
        {
            slots.Write(content);
            slots.Sync();
        }
        storage.Rename(name + Unmade, name);
    }

    /// <summary>The content of a file that is there, for reading only; null when no slot is valid.</summary>
    public static byte[]? Read(IStorage storage, string name, int slotLength)
    {
        using var slots = new SlotFile(storage.OpenRead(name), slotLength);
        return slots.Load();
    }

    /// <summary>Writes the next state; durable after <see cref="Sync"/>.</summary>
    public void Write(ReadOnlySpan<byte> content)
    {
        if (content.Length > Capacity)
            throw new IOException($"a state of {content.Length} bytes does not fit into the {Capacity} bytes that {_file} has for it");
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
        lock (_lock)
        {
            // While the latest but one is on its way to the disk there is no fourth slot: what came after it is written over.
            var next = 0;
            while (next == _durable || (_syncing < 0 ? next == _latest : next == _syncing))
                next++;
            _file.Write((long)next * _slotLength, slot);
            _generation++;
            _latest = next;
        }
    }

    public void Sync()
    {
        lock (_lock)
        {
            if (_disposed || _durable == _latest)
                return;
            _syncing = _latest;
        }
        try
        {
            _file.Sync();
            lock (_lock)
                _durable = _syncing;
        }
        finally
        {
            bool isLast;
            lock (_lock)
                (_syncing, isLast) = (-1, _disposed);
            if (isLast)
                _file.Dispose();
        }
    }

    /// <summary>An fsync that runs is not waited for: the file is closed behind it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            if (_syncing >= 0)
                return;
        }
        _file.Dispose();
    }

    private byte[]? Load()
    {
        byte[]? best = null;
        var slot = new byte[_slotLength];
        for (var i = 0; i < Slots; i++)
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
            _latest = _durable = i;
            best = slot.AsSpan(HeaderLength, (int)length).ToArray();
        }
        return best;
    }
}
