using System.Buffers.Binary;

namespace EvBus.Ingress.Otlp;

/// <summary>Reads a protobuf message field by field.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    public int Field { get; private set; }

    /// <summary>Whether the field is a text, bytes or a message; else it is a number.</summary>
    public bool IsBytes { get; private set; }

    public ulong Number { get; private set; }

    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <exception cref="FormatException">It is no protobuf message.</exception>
    public bool Next()
    {
        if (_rest.IsEmpty)
            return false;
        var tag = Varint();
        Field = (int)(tag >> 3);
        var type = (int)(tag & 7);
        IsBytes = type == 2;
        if (tag >> 3 is 0 or > 536_870_911)
            throw new FormatException("A field has no number that there is.");
        switch (type)
        {
            case 0:
                Number = Varint();
                break;
            case 1:
                Number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                break;
            case 2:
                Bytes = Take(Varint());
                break;
            case 5:
                Number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                break;
            default:
                throw new FormatException("A field is of no type that there is.");
        }
        return true;
    }

    private ulong Varint()
    {
        var value = 0UL;
        for (var i = 0; i < 10; i++)
        {
            var b = Take(1)[0];
            value |= (ulong)(b & 0x7F) << (7 * i);
            if (b < 0x80)
                return value;
        }
        throw new FormatException("A number does not end.");
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)_rest.Length)
            throw new FormatException("It ends too soon.");
        var taken = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return taken;
    }
}
