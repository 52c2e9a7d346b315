using System.Buffers.Binary;
using System.Numerics;

namespace EvBus.Journal;

/// <summary>CRC32C (Castagnoli), by the processor's own instruction where it has one.</summary>
internal static class Crc32C
{
    public static uint Compute(ReadOnlySpan<byte> data) => ~Add(uint.MaxValue, data);

    private static uint Add(uint crc, ReadOnlySpan<byte> data)
    {
        while (data.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[8..];
        }
        foreach (var b in data)
            crc = BitOperations.Crc32C(crc, b);
        return crc;
    }

    /// <summary>The checksum of data that comes in pieces.</summary>
    public sealed class Running
    {
        private uint _crc = uint.MaxValue;

        /// <summary>The checksum of all that was added.</summary>
        public uint Value => ~_crc;

        public void Add(ReadOnlySpan<byte> data) => _crc = Crc32C.Add(_crc, data);
    }
}
