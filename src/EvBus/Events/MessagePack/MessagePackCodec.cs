using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace EvBus;

/// <summary>
/// MessagePack ⇄ plain values: null, bool, long, ulong, double, string, byte[], lists and <see cref="MessagePackMap"/>. Integers are written
/// in their smallest form, as Python's msgpack does. Stateless; safe from any thread.
/// </summary>
public static class MessagePackCodec
{
    /// <summary>How deep values may be nested, in both directions.</summary>
    public const int MaxDepth = 128;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Encodes a value.</summary>
    /// <exception cref="NotSupportedException">A value is of a type that MessagePack has no form for, or nested deeper than <see cref="MaxDepth"/>.</exception>
    public static byte[] Encode(object? value)
    {
        var target = new ArrayBufferWriter<byte>();
        Encode(value, target);
        return target.WrittenSpan.ToArray();
    }

    /// <summary>Encodes a value to where it belongs.</summary>
    /// <exception cref="NotSupportedException">As in the other form.</exception>
    public static void Encode(object? value, IBufferWriter<byte> target) => Write(value, target, 0);

    /// <summary>Decodes one value that fills <paramref name="bytes"/>. Empty input is an error. Texts that are not UTF-8 come back as bytes (old writers had one type for both); timestamps as <see cref="DateTimeOffset"/>.</summary>
    /// <exception cref="FormatException">The bytes are no MessagePack value, or more than one; the message gives the offset.</exception>
    public static object? Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new Reader(bytes);
        var value = reader.Read(0);
        return reader.At == bytes.Length ? value : throw new FormatException($"MessagePack: {bytes.Length - reader.At} bytes too many behind the value at offset {reader.At}.");
    }

    private static void Write(object? value, IBufferWriter<byte> target, int depth)
    {
        if (depth > MaxDepth)
            throw new NotSupportedException($"The value is nested deeper than {MaxDepth}.");
        switch (value)
        {
            case null: Put(target, 0xC0); break;
            case bool truth: Put(target, truth ? (byte)0xC3 : (byte)0xC2); break;
            case int number: WriteInteger(number, target); break;
            case long number: WriteInteger(number, target); break;
            case ulong number when number <= long.MaxValue: WriteInteger((long)number, target); break;
            case ulong number: Put(target, 0xCF, number, 8); break;
            case double number: Put(target, 0xCB, BitConverter.DoubleToUInt64Bits(number), 8); break;
            case string text: WriteText(text, target); break;
            case byte[] bytes:
                WriteHeader(bytes.Length, target, 0xC4, 0xC5, 0xC6);
                target.Write(bytes);
                break;
            case MessagePackMap map:
                WriteSmallHeader(map.Count, target, 0x80, 0xDE);
                foreach (var (key, item) in map)
                {
                    Write(key, target, depth + 1);
                    Write(item, target, depth + 1);
                }
                break;
            case IReadOnlyCollection<object?> list:
                WriteSmallHeader(list.Count, target, 0x90, 0xDC);
                foreach (var item in list)
                    Write(item, target, depth + 1);
                break;
            default:
                throw new NotSupportedException($"MessagePack has no form for {value.GetType().Name}.");
        }
    }

    private static void WriteInteger(long number, IBufferWriter<byte> target)
    {
        switch (number)
        {
            case >= 0 and < 128: Put(target, (byte)number); break;
            case >= 0 and <= byte.MaxValue: Put(target, 0xCC, (ulong)number, 1); break;
            case >= 0 and <= ushort.MaxValue: Put(target, 0xCD, (ulong)number, 2); break;
            case >= 0 and <= uint.MaxValue: Put(target, 0xCE, (ulong)number, 4); break;
            case >= 0: Put(target, 0xCF, (ulong)number, 8); break;
            case >= -32: Put(target, (byte)number); break;
            case >= sbyte.MinValue: Put(target, 0xD0, (ulong)number, 1); break;
            case >= short.MinValue: Put(target, 0xD1, (ulong)number, 2); break;
            case >= int.MinValue: Put(target, 0xD2, (ulong)number, 4); break;
            default: Put(target, 0xD3, (ulong)number, 8); break;
        }
    }

    private static void WriteText(string text, IBufferWriter<byte> target)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        if (length < 32)
            Put(target, (byte)(0xA0 | length));
        else
            WriteHeader(length, target, 0xD9, 0xDA, 0xDB);
        Encoding.UTF8.GetBytes(text, target);
    }

    private static void WriteHeader(int length, IBufferWriter<byte> target, byte of8, byte of16, byte of32)
    {
        if (length <= byte.MaxValue)
            Put(target, of8, (ulong)length, 1);
        else if (length <= ushort.MaxValue)
            Put(target, of16, (ulong)length, 2);
        else
            Put(target, of32, (ulong)length, 4);
    }

    private static void WriteSmallHeader(int count, IBufferWriter<byte> target, byte fix, byte of16)
    {
        if (count < 16)
            Put(target, (byte)(fix | count));
        else if (count <= ushort.MaxValue)
            Put(target, of16, (ulong)count, 2);
        else
            Put(target, (byte)(of16 + 1), (ulong)count, 4);
    }

    private static void Put(IBufferWriter<byte> target, byte type)
    {
        target.GetSpan(1)[0] = type;
        target.Advance(1);
    }

    private static void Put(IBufferWriter<byte> target, byte type, ulong value, int bytes)
    {
        var span = target.GetSpan(1 + bytes);
        span[0] = type;
        for (var i = 0; i < bytes; i++)
            span[1 + i] = (byte)(value >> (8 * (bytes - 1 - i)));
        target.Advance(1 + bytes);
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private readonly ReadOnlySpan<byte> _bytes = bytes;

        public int At { get; private set; }

        public object? Read(int depth)
        {
            if (depth > MaxDepth)
                throw new FormatException($"MessagePack: nested deeper than {MaxDepth} at offset {At}.");
            var type = Take(1)[0];
            return type switch
            {
                < 0x80 => (long)type,
                < 0x90 => Map(type & 0x0F, depth),
                < 0xA0 => List(type & 0x0F, depth),
                < 0xC0 => Raw(type & 0x1F),
                0xC0 => null,
                0xC2 => false,
                0xC3 => true,
                0xC4 or 0xC5 or 0xC6 => Take(Length(1 << (type - 0xC4))).ToArray(),
                0xC7 or 0xC8 or 0xC9 => Extension(Length(1 << (type - 0xC7))),
                0xCA => (double)BinaryPrimitives.ReadSingleBigEndian(Take(4)),
                0xCB => BinaryPrimitives.ReadDoubleBigEndian(Take(8)),
                0xCC or 0xCD or 0xCE or 0xCF => Unsigned(1 << (type - 0xCC)),
                0xD0 => (long)(sbyte)Take(1)[0],
                0xD1 => (long)BinaryPrimitives.ReadInt16BigEndian(Take(2)),
                0xD2 => (long)BinaryPrimitives.ReadInt32BigEndian(Take(4)),
                0xD3 => BinaryPrimitives.ReadInt64BigEndian(Take(8)),
                >= 0xD4 and <= 0xD8 => Extension(1 << (type - 0xD4)),
                0xD9 or 0xDA or 0xDB => Raw(Length(1 << (type - 0xD9))),
                0xDC or 0xDD => List(Length(2 << (type - 0xDC)), depth),
                0xDE or 0xDF => Map(Length(2 << (type - 0xDE)), depth),
                >= 0xE0 => (long)(sbyte)type,
                _ => throw new FormatException($"MessagePack: byte 0x{type:x2} at offset {At - 1} begins no value."),
            };
        }

        private ReadOnlySpan<byte> Take(int length)
        {
            if (length > _bytes.Length - At)
                throw new FormatException($"MessagePack: {length} bytes wanted at offset {At}, {_bytes.Length - At} are there.");
            var taken = _bytes.Slice(At, length);
            At += length;
            return taken;
        }

        private ulong Big(int bytes)
        {
            var value = 0UL;
            foreach (var each in Take(bytes))
                value = (value << 8) | each;
            return value;
        }

        // A length is believed only as far as there are bytes: every item takes at least one.
        private int Length(int bytes)
        {
            var length = Big(bytes);
            return length <= (ulong)(_bytes.Length - At)
                ? (int)length
                : throw new FormatException($"MessagePack: a length of {length} at offset {At - bytes}, with {_bytes.Length - At} bytes left.");
        }

        private object Unsigned(int bytes)
        {
            var value = Big(bytes);
            return value <= long.MaxValue ? (object)(long)value : value;
        }

        private object Raw(int length)
        {
            var raw = Take(length);
            try
            {
                return s_strict.GetString(raw);
            }
            catch (DecoderFallbackException)
            {
                return raw.ToArray();
            }
        }

        private List<object?> List(int count, int depth)
        {
            var list = new List<object?>(Math.Min(count, _bytes.Length - At));
            for (var i = 0; i < count; i++)
                list.Add(Read(depth + 1));
            return list;
        }

        private MessagePackMap Map(int count, int depth)
        {
            var map = new MessagePackMap();
            for (var i = 0; i < count; i++)
            {
                var at = At;
                var key = Read(depth + 1);
                if (key is null or MessagePackMap or List<object?> or byte[])
                    throw new FormatException($"MessagePack: the key at offset {at} is no scalar.");
                map[key] = Read(depth + 1);
            }
            return map;
        }

        private object Extension(int length)
        {
            var at = At;
            var type = (sbyte)Take(1)[0];
            var data = Take(length);
            if (type != -1)
                return data.ToArray();
            var (seconds, nanoseconds) = length switch
            {
                4 => (BinaryPrimitives.ReadUInt32BigEndian(data), 0L),
                8 => ((long)(BinaryPrimitives.ReadUInt64BigEndian(data) & 0x3_FFFF_FFFF), (long)(BinaryPrimitives.ReadUInt64BigEndian(data) >> 34)),
                12 => (BinaryPrimitives.ReadInt64BigEndian(data[4..]), BinaryPrimitives.ReadUInt32BigEndian(data)),
                _ => throw new FormatException($"MessagePack: a timestamp of {length} bytes at offset {at}."),
            };
            try
            {
                return DateTimeOffset.UnixEpoch.AddSeconds(seconds).AddTicks(nanoseconds / 100);
            }
            catch (ArgumentOutOfRangeException)
            {
                throw new FormatException($"MessagePack: the timestamp at offset {at} lies outside the years 1 to 9999.");
            }
        }
    }
}
