using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace EvBus;

/// <summary>
/// Writes MessagePack, each value in the form that Python's msgpack chooses: integers as short as they go (not negative: the unsigned
/// family), floats always as 64 bits, texts and bytes with their own types.
/// </summary>
/// <remarks>Does not check that an array or a map gets as many values as its header says. One writer belongs to one thread at a time.</remarks>
/// <param name="output">Where the bytes go. They are there as soon as a method returns; nothing is flushed.</param>
public readonly struct MessagePackWriter(IBufferWriter<byte> output)
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly IBufferWriter<byte> _output = output ?? throw new ArgumentNullException(nameof(output));

    /// <summary>Writes nil.</summary>
    public void WriteNil() => Byte(0xC0);

    /// <summary>Writes a truth value.</summary>
    public void Write(bool value) => Byte(value ? (byte)0xC3 : (byte)0xC2);

    /// <summary>Writes a whole number in its shortest form.</summary>
    public void Write(long value)
    {
        switch (value)
        {
            case >= 0:
                Write((ulong)value);
                break;
            case >= -32:
                Byte((byte)value);
                break;
            case >= sbyte.MinValue:
                Head(0xD0, 1)[0] = (byte)value;
                Advance(2);
                break;
            case >= short.MinValue:
                BinaryPrimitives.WriteInt16BigEndian(Head(0xD1, 2), (short)value);
                Advance(3);
                break;
            case >= int.MinValue:
                BinaryPrimitives.WriteInt32BigEndian(Head(0xD2, 4), (int)value);
                Advance(5);
                break;
            default:
                BinaryPrimitives.WriteInt64BigEndian(Head(0xD3, 8), value);
                Advance(9);
                break;
        }
    }

    /// <summary>Writes a whole number in its shortest form.</summary>
    public void Write(ulong value)
    {
        switch (value)
        {
            case <= 0x7F:
                Byte((byte)value);
                break;
            case <= byte.MaxValue:
                Head(0xCC, 1)[0] = (byte)value;
                Advance(2);
                break;
            case <= ushort.MaxValue:
                BinaryPrimitives.WriteUInt16BigEndian(Head(0xCD, 2), (ushort)value);
                Advance(3);
                break;
            case <= uint.MaxValue:
                BinaryPrimitives.WriteUInt32BigEndian(Head(0xCE, 4), (uint)value);
                Advance(5);
                break;
            default:
                BinaryPrimitives.WriteUInt64BigEndian(Head(0xCF, 8), value);
                Advance(9);
                break;
        }
    }

    /// <summary>Writes a number as 64 bits, its bits unchanged (also those of a NaN).</summary>
    public void Write(double value)
    {
        BinaryPrimitives.WriteDoubleBigEndian(Head(0xCB, 8), value);
        Advance(9);
    }

    /// <summary>Writes a text as UTF-8.</summary>
    /// <exception cref="ArgumentException">It holds half of a surrogate pair, which has no UTF-8.</exception>
    public void Write(ReadOnlySpan<char> text)
    {
        int length;
        try
        {
            length = Strict.GetByteCount(text);
        }
        catch (EncoderFallbackException exception)
        {
            // The inner exception names the character's index only; the text itself may be a secret.
            throw new ArgumentException($"The text holds half of a surrogate pair at index {exception.Index}, which UTF-8 cannot carry.", nameof(text));
        }
        switch (length)
        {
            case <= 31:
                Byte((byte)(0xA0 | length));
                break;
            default:
                Length(0xD9, length);
                break;
        }
        Strict.GetBytes(text, _output.GetSpan(length));
        Advance(length);
    }

    /// <summary>Writes bytes (the bin family).</summary>
    public void WriteBinary(ReadOnlySpan<byte> bytes)
    {
        Length(0xC4, bytes.Length);
        _output.Write(bytes);
    }

    /// <summary>Opens an array; write as many values after it.</summary>
    /// <param name="count">How many; not negative.</param>
    public void WriteArrayHeader(int count) => Count(0x90, 0xDC, count);

    /// <summary>Opens a map; write as many keys after it, each followed by its value.</summary>
    /// <param name="count">How many pairs; not negative.</param>
    public void WriteMapHeader(int count) => Count(0x80, 0xDE, count);

    /// <summary>Writes an extension.</summary>
    /// <param name="type">Its type; negative ones are MessagePack's own.</param>
    /// <param name="data">Its bytes.</param>
    public void WriteExtension(sbyte type, ReadOnlySpan<byte> data)
    {
        switch (data.Length)
        {
            case 1 or 2 or 4 or 8 or 16:
                Byte((byte)(0xD4 + int.Log2(data.Length)));
                break;
            default:
                Length(0xC7, data.Length);
                break;
        }
        Byte((byte)type);
        _output.Write(data);
    }

    /// <summary>Writes a moment as extension −1, in the shortest of its three forms; the offset is not kept.</summary>
    public void Write(DateTimeOffset moment)
    {
        var ticks = moment.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        var seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out var rest);
        if (rest < 0)
        {
            seconds--;
            rest += TimeSpan.TicksPerSecond;
        }
        var nanoseconds = (uint)rest * 100;
        Span<byte> data = stackalloc byte[12];
        if (seconds is < 0 or >= 1L << 34)
        {
            BinaryPrimitives.WriteUInt32BigEndian(data, nanoseconds);
            BinaryPrimitives.WriteInt64BigEndian(data[4..], seconds);
        }
        else if (nanoseconds != 0 || seconds > uint.MaxValue)
        {
            data = data[..8];
            BinaryPrimitives.WriteUInt64BigEndian(data, ((ulong)nanoseconds << 34) | (ulong)seconds);
        }
        else
        {
            data = data[..4];
            BinaryPrimitives.WriteUInt32BigEndian(data, (uint)seconds);
        }
        WriteExtension(-1, data);
    }

    private void Count(byte small, byte large, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        switch (count)
        {
            case <= 15:
                Byte((byte)(small | count));
                break;
            case <= ushort.MaxValue:
                BinaryPrimitives.WriteUInt16BigEndian(Head(large, 2), (ushort)count);
                Advance(3);
                break;
            default:
                BinaryPrimitives.WriteUInt32BigEndian(Head((byte)(large + 1), 4), (uint)count);
                Advance(5);
                break;
        }
    }

    // A family of three: length in 8, 16 or 32 bits.
    private void Length(byte first, int length)
    {
        switch (length)
        {
            case <= byte.MaxValue:
                Head(first, 1)[0] = (byte)length;
                Advance(2);
                break;
            case <= ushort.MaxValue:
                BinaryPrimitives.WriteUInt16BigEndian(Head((byte)(first + 1), 2), (ushort)length);
                Advance(3);
                break;
            default:
                BinaryPrimitives.WriteUInt32BigEndian(Head((byte)(first + 2), 4), (uint)length);
                Advance(5);
                break;
        }
    }

    private void Byte(byte value)
    {
        _output.GetSpan(1)[0] = value;
        _output.Advance(1);
    }

    private Span<byte> Head(byte type, int length)
    {
        var span = _output.GetSpan(length + 1);
        span[0] = type;
        return span.Slice(1, length);
    }

    private void Advance(int count) => _output.Advance(count);
}
