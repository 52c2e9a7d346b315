using System.Buffers.Binary;
using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

/// <summary>What one slot of a file of slots holds.</summary>
internal enum SlotState { Empty, Valid, Damaged }

/// <summary>All slots of a file (see SlotFile), looked at one by one: the journal itself only wants the one that counts.</summary>
internal sealed record SlotScan(IReadOnlyList<SlotState> States, byte[]? Content)
{
    public const int Count = 3;
    private const int HeaderLength = 24;

    public bool IsNeverWritten => States.All(state => state == SlotState.Empty);

    public bool IsLost => Content is null && !IsNeverWritten;

    public bool HasDamagedSlot => States.Contains(SlotState.Damaged);

    /// <summary>Where the damaged slot begins; of several the first.</summary>
    public int DamagedAt(int slotLength) => States.TakeWhile(state => state != SlotState.Damaged).Count() * slotLength;

    public static SlotScan Read(IStorage storage, string name, int slotLength)
    {
        using var file = storage.OpenRead(name);
        var slot = new byte[slotLength];
        var states = new SlotState[Count];
        var (best, generation) = ((byte[]?)null, 0UL);
        for (var i = 0; i < Count; i++)
        {
            var read = file.Read((long)i * slotLength, slot);
            states[i] = StateOf(slot.AsSpan(0, read));
            if (states[i] != SlotState.Valid || BinaryPrimitives.ReadUInt64LittleEndian(slot.AsSpan(16)) is var its && its <= generation)
                continue;
            generation = its;
            best = slot.AsSpan(HeaderLength, (int)BinaryPrimitives.ReadUInt32LittleEndian(slot.AsSpan(8))).ToArray();
        }
        return new SlotScan(states, best);
    }

    private static SlotState StateOf(ReadOnlySpan<byte> slot)
    {
        if (!slot.ContainsAnyExcept((byte)0))
            return SlotState.Empty;
        if (slot.Length < HeaderLength || !slot[..4].SequenceEqual("EVS1"u8))
            return SlotState.Damaged;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(slot[8..]);
        return length <= slot.Length - HeaderLength && Crc32C.Compute(slot.Slice(8, 16 + (int)length)) == BinaryPrimitives.ReadUInt32LittleEndian(slot[4..])
            ? SlotState.Valid
            : SlotState.Damaged;
    }
}
