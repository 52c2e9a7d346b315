using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace EvBus.Serializers;

/// <summary>Writes the trees of <see cref="TreeSink"/> as MessagePack, as Python's msgpack writes them by default: shortest integers, float64, str8, bin.</summary>
internal static class MessagePackTree
{
    public static void Write(object? value, IBufferWriter<byte> target)
    {
        switch (value)
        {
            case null: Put(target, 0xc0); break;
            case bool truth: Put(target, truth ? (byte)0xc3 : (byte)0xc2); break;
            case long number when number < 0: Negative(target, number); break;
            case long number: Unsigned(target, (ulong)number); break;
            case ulong number: Unsigned(target, number); break;
            case double number: Put(target, 0xcb, BitConverter.DoubleToUInt64Bits(number), 8); break;
            case string text: Text(target, text); break;
            case byte[] bytes:
                Header(target, (uint)bytes.Length, 0, 0, 0xc4, 0xc5, 0xc6);
                target.Write(bytes);
                break;
            case List<object?> list:
                Header(target, (uint)list.Count, 0x90, 16, 0, 0xdc, 0xdd);
                foreach (var item in list)
                    Write(item, target);
                break;
            case List<KeyValuePair<object, object?>> map:
                Header(target, (uint)map.Count, 0x80, 16, 0, 0xde, 0xdf);
                foreach (var (key, item) in map)
                {
                    Write(key, target);
                    Write(item, target);
                }
                break;
            default: throw new NotSupportedException($"MessagePack has no form for a {value.GetType().Name}.");
        }
    }

    private static void Text(IBufferWriter<byte> target, string text)
    {
        int length;
        try
        {
            length = s_strict.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new NotSupportedException("The text holds half of a surrogate pair, which UTF-8 has no bytes for. Remove it, or choose the serializer 'json', which escapes it.", e);
        }
        Header(target, (uint)length, 0xa0, 32, 0xd9, 0xda, 0xdb);
        s_strict.GetBytes(text, target);
    }

    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    private static void Unsigned(IBufferWriter<byte> target, ulong number)
    {
        if (number < 0x80)
            Put(target, (byte)number);
        else if (number <= byte.MaxValue)
            Put(target, 0xcc, number, 1);
        else if (number <= ushort.MaxValue)
            Put(target, 0xcd, number, 2);
        else if (number <= uint.MaxValue)
            Put(target, 0xce, number, 4);
        else
            Put(target, 0xcf, number, 8);
    }

    private static void Negative(IBufferWriter<byte> target, long number)
    {
        if (number >= -32)
            Put(target, unchecked((byte)number));
        else if (number >= sbyte.MinValue)
            Put(target, 0xd0, unchecked((ulong)number), 1);
        else if (number >= short.MinValue)
            Put(target, 0xd1, unchecked((ulong)number), 2);
        else if (number >= int.MinValue)
            Put(target, 0xd2, unchecked((ulong)number), 4);
        else
            Put(target, 0xd3, unchecked((ulong)number), 8);
    }

    // A code of zero means that the family has no header of that width.
    private static void Header(IBufferWriter<byte> target, uint count, byte small, uint below, byte code8, byte code16, byte code32)
    {
        if (count < below)
            Put(target, (byte)(small | count));
        else if (code8 != 0 && count <= byte.MaxValue)
            Put(target, code8, count, 1);
        else if (count <= ushort.MaxValue)
            Put(target, code16, count, 2);
        else
            Put(target, code32, count, 4);
    }

    private static void Put(IBufferWriter<byte> target, byte code, ulong value = 0, int bytes = 0)
    {
        var span = target.GetSpan(9);
        span[0] = code;
        BinaryPrimitives.WriteUInt64BigEndian(span[1..], value << (64 - (8 * Math.Max(bytes, 1))));
        target.Advance(1 + bytes);
    }
}
