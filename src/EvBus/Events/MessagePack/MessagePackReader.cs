using System.Buffers.Binary;
using System.Text;

namespace EvBus;

/// <summary>What stands next in a MessagePack document.</summary>
public enum MessagePackType
{
    /// <summary>The document ends here.</summary>
    End,

    /// <summary>Nil.</summary>
    Nil,

    /// <summary>A truth value.</summary>
    Boolean,

    /// <summary>A whole number, −2⁶³ to 2⁶⁴−1.</summary>
    Integer,

    /// <summary>A floating-point number of 32 or 64 bits.</summary>
    Float,

    /// <summary>A text; in documents of old writers also bytes (the raw family).</summary>
    Text,

    /// <summary>Bytes.</summary>
    Binary,

    /// <summary>An array.</summary>
    Array,

    /// <summary>A map.</summary>
    Map,

    /// <summary>An extension.</summary>
    Extension,
}

/// <summary>
/// Reads MessagePack from bytes that nobody has checked. A length is believed only as far as there are bytes behind it, so that no
/// document can ask for more memory than its own size times a constant.
/// </summary>
/// <remarks>Belongs to one thread at a time.</remarks>
/// <param name="data">The document.</param>
public ref struct MessagePackReader(ReadOnlySpan<byte> data)
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _data = data;

    /// <summary>How many bytes have been read.</summary>
    public int Consumed { get; private set; }

    /// <summary>What the next read call will find.</summary>
    /// <exception cref="EvBusException">The byte 0xC1, which MessagePack never uses.</exception>
    public readonly MessagePackType NextType => Consumed >= _data.Length ? MessagePackType.End : _data[Consumed] switch
    {
        <= 0x7F or >= 0xE0 or (>= 0xCC and <= 0xD3) => MessagePackType.Integer,
        <= 0x8F or 0xDE or 0xDF => MessagePackType.Map,
        <= 0x9F or 0xDC or 0xDD => MessagePackType.Array,
        <= 0xBF or (>= 0xD9 and <= 0xDB) => MessagePackType.Text,
        0xC0 => MessagePackType.Nil,
        0xC2 or 0xC3 => MessagePackType.Boolean,
        >= 0xC4 and <= 0xC6 => MessagePackType.Binary,
        (>= 0xC7 and <= 0xC9) or (>= 0xD4 and <= 0xD8) => MessagePackType.Extension,
        0xCA or 0xCB => MessagePackType.Float,
        _ => throw Wrong("the byte 0xC1, which has no meaning"),
    };

    private readonly int Left => _data.Length - Consumed;

    /// <summary>Reads a nil.</summary>
    /// <exception cref="EvBusException">Something else stands here.</exception>
    public void ReadNil()
    {
        Expect(MessagePackType.Nil);
        Consumed++;
    }

    /// <summary>Reads a truth value.</summary>
    /// <exception cref="EvBusException">Something else stands here.</exception>
    public bool ReadBoolean()
    {
        Expect(MessagePackType.Boolean);
        return _data[Consumed++] == 0xC3;
    }

    /// <summary>Reads a whole number.</summary>
    /// <exception cref="EvBusException">Something else stands here, or the number is above 2⁶³−1.</exception>
    public long ReadInt64() => ReadInteger(out var large) is { } number
        ? number
        : throw Wrong($"the number {large}, which is above 2^63-1");

    /// <summary>Reads a whole number that is not negative.</summary>
    /// <exception cref="EvBusException">Something else stands here, or the number is negative.</exception>
    public ulong ReadUInt64() => ReadInteger(out var large) switch
    {
        null => large,
        >= 0 and long number => (ulong)number,
        var number => throw Wrong($"the number {number}, which is negative"),
    };

    /// <summary>Reads a floating-point number of 32 or 64 bits.</summary>
    /// <exception cref="EvBusException">Something else stands here.</exception>
    public double ReadDouble()
    {
        Expect(MessagePackType.Float);
        return _data[Consumed++] == 0xCA ? BinaryPrimitives.ReadSingleBigEndian(Take(4)) : BinaryPrimitives.ReadDoubleBigEndian(Take(8));
    }

    /// <summary>Reads a text.</summary>
    /// <exception cref="EvBusException">Something else stands here, or the bytes are not UTF-8.</exception>
    public string ReadString()
    {
        var bytes = ReadTextBytes();
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Wrong("a text that is not UTF-8");
        }
    }

    /// <summary>Reads the bytes of a text without decoding them. A view: valid as long as the document.</summary>
    /// <exception cref="EvBusException">Something else stands here.</exception>
    public ReadOnlySpan<byte> ReadTextBytes()
    {
        Expect(MessagePackType.Text);
        var type = _data[Consumed++];
        return Take(type < 0xC0 ? type & 0x1F : Length(type - 0xD9));
    }

    /// <summary>Reads bytes. A view: valid as long as the document.</summary>
    /// <exception cref="EvBusException">Something else stands here.</exception>
    public ReadOnlySpan<byte> ReadBinary()
    {
        Expect(MessagePackType.Binary);
        var type = _data[Consumed++];
        return Take(Length(type - 0xC4));
    }

    /// <summary>Opens an array.</summary>
    /// <returns>How many values follow; never more than there are bytes.</returns>
    /// <exception cref="EvBusException">Something else stands here, or the count is more than the document can hold.</exception>
    public int ReadArrayHeader() => Header(MessagePackType.Array, 0xDC, 1);

    /// <summary>Opens a map.</summary>
    /// <returns>How many pairs follow; never more than there are bytes for.</returns>
    /// <exception cref="EvBusException">Something else stands here, or the count is more than the document can hold.</exception>
    public int ReadMapHeader() => Header(MessagePackType.Map, 0xDE, 2);

    /// <summary>Reads an extension. A view: valid as long as the document.</summary>
    /// <param name="type">Its type; −1 is a timestamp.</param>
    /// <exception cref="EvBusException">Something else stands here.</exception>
    public ReadOnlySpan<byte> ReadExtension(out sbyte type)
    {
        Expect(MessagePackType.Extension);
        var first = _data[Consumed++];
        var length = first >= 0xD4 ? 1 << (first - 0xD4) : Length(first - 0xC7);
        type = (sbyte)Take(1)[0];
        return Take(length);
    }

    // Null means: above long.MaxValue, and then it is in large.
    internal long? ReadInteger(out ulong large)
    {
        Expect(MessagePackType.Integer);
        var type = _data[Consumed++];
        large = 0;
        switch (type)
        {
            case <= 0x7F: return type;
            case >= 0xE0: return (sbyte)type;
            case 0xCC: return Take(1)[0];
            case 0xCD: return BinaryPrimitives.ReadUInt16BigEndian(Take(2));
            case 0xCE: return BinaryPrimitives.ReadUInt32BigEndian(Take(4));
            case 0xD0: return (sbyte)Take(1)[0];
            case 0xD1: return BinaryPrimitives.ReadInt16BigEndian(Take(2));
            case 0xD2: return BinaryPrimitives.ReadInt32BigEndian(Take(4));
            case 0xD3: return BinaryPrimitives.ReadInt64BigEndian(Take(8));
            default:
                large = BinaryPrimitives.ReadUInt64BigEndian(Take(8));
                return large <= long.MaxValue ? (long)large : null;
        }
    }

    internal readonly EvBusException Wrong(string what) =>
        new($"Not a MessagePack document that can be read: at byte {Consumed} of {_data.Length} stands {what}.");

    private int Header(MessagePackType wanted, byte large, int bytesEach)
    {
        Expect(wanted);
        var type = _data[Consumed++];
        var count = type < 0xC0 ? type & 0x0F : Length(type - large + 1);
        return count <= Left / bytesEach ? count : throw Wrong($"a count of {count}, with only {Left} bytes behind it");
    }

    private int Length(int size)
    {
        uint length = size switch
        {
            0 => Take(1)[0],
            1 => BinaryPrimitives.ReadUInt16BigEndian(Take(2)),
            _ => BinaryPrimitives.ReadUInt32BigEndian(Take(4)),
        };
        return length <= (uint)Left ? (int)length : throw Wrong($"a length of {length}, with only {Left} bytes behind it");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > Left)
            throw Wrong($"a value of {count} bytes, with only {Left} left");
        var taken = _data.Slice(Consumed, count);
        Consumed += count;
        return taken;
    }

    private readonly void Expect(MessagePackType wanted)
    {
        if (NextType is var found && found != wanted)
            throw Wrong(found == MessagePackType.End ? $"the end, where {wanted} is expected" : $"{found}, where {wanted} is expected");
    }
}
