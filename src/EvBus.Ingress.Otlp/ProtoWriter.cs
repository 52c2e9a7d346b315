using System.Buffers.Binary;
using System.Text;

namespace EvBus.Ingress.Otlp;

/// <summary>
/// Writes protobuf's wire format, as far as log records need it, into one buffer that grows. The length of a message is known at its end: its place is kept open for a varint of four bytes,
/// padded where fewer would do, which every reader takes. Not thread-safe.
/// </summary>
internal sealed class ProtoWriter
{
    /// <summary>What a varint of four bytes can say.</summary>
    public const int MaxLength = (1 << 28) - 1;

    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int Bytes = 2;
    private const int Fixed32 = 5;
    private const int LengthSize = 4;

    private byte[] _buffer = new byte[1 << 16];

    public int Length { get; private set; }

    public int Capacity => _buffer.Length;

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    /// <summary>Forgets what was written behind a place; 0 is all of it.</summary>
    public void CutBack(int length) => Length = length;

    /// <summary>Begins a message; what is written until <see cref="End"/> is in it.</summary>
    /// <returns>What <see cref="End"/> wants to know.</returns>
    public int Begin(int field)
    {
        Tag(field, Bytes);
        Length += Take(LengthSize).Length;
        return Length;
    }

    /// <exception cref="RejectEventException">The message is longer than <see cref="MaxLength"/>.</exception>
    public void End(int begin)
    {
        var length = Length - begin;
        if (length > MaxLength)
            throw new RejectEventException($"it would be a request of more than {MaxLength} bytes");
        for (var i = 0; i < LengthSize; i++)
            _buffer[begin - LengthSize + i] = (byte)((length >> (7 * i) & 0x7F) | (i < LengthSize - 1 ? 0x80 : 0));
    }

    public void Number(int field, ulong value)
    {
        Tag(field, Varint);
        Raw(value);
    }

    public void Fixed(int field, ulong value)
    {
        Tag(field, Fixed64);
        BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);
        Length += 8;
    }

    public void Fixed(int field, uint value)
    {
        Tag(field, Fixed32);
        BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);
        Length += 4;
    }

    public void Data(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, Bytes);
        Raw((ulong)value.Length);
        value.CopyTo(Take(value.Length));
        Length += value.Length;
    }

    public void Text(int field, string value)
    {
        Tag(field, Bytes);
        var length = Encoding.UTF8.GetByteCount(value);
        Raw((ulong)length);
        Length += Encoding.UTF8.GetBytes(value, Take(length));
    }

    private void Tag(int field, int type) => Raw((ulong)(field << 3 | type));

    private void Raw(ulong value)
    {
        var target = Take(10);
        var at = 0;
        for (; value >= 0x80; value >>= 7)
            target[at++] = (byte)(value | 0x80);
        target[at++] = (byte)value;
        Length += at;
    }

    private Span<byte> Take(int count)
    {
        if (_buffer.Length - Length < count)
            Array.Resize(ref _buffer, (int)Math.Min(Array.MaxLength, Math.Max(_buffer.Length * 2L, (long)Length + count)));
        return _buffer.AsSpan(Length, count);
    }
}
