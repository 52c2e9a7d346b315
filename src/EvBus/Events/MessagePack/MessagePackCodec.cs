using System.Buffers;
using System.Buffers.Binary;
using System.Collections;
using System.Text;

namespace EvBus;

/// <summary>
/// MessagePack documents as trees of plain objects: null, <see cref="bool"/>, <see cref="long"/>, <see cref="ulong"/> (only above
/// 2⁶³−1), <see cref="double"/>, <see cref="string"/>, <c>byte[]</c>, <see cref="DateTimeOffset"/> (extension −1, to 100 ns),
/// <c>List&lt;object?&gt;</c>, <see cref="MessagePackMap"/>, <see cref="MessagePackExtension"/>.
/// </summary>
/// <remarks>Safe from any thread, as long as nobody changes the tree meanwhile.</remarks>
public static class MessagePackCodec
{
    /// <summary>How deep arrays and maps may stand in each other unless the caller says otherwise.</summary>
    public const int DefaultMaxDepth = 64;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes a tree to the bytes Python's msgpack makes of the same tree.</summary>
    /// <param name="value">The tree; besides what <see cref="Decode"/> returns, also every integer type, float, memory of bytes, dictionaries and sequences.</param>
    /// <exception cref="NotSupportedException">A value of a kind that MessagePack has no form for, or nesting deeper than 64.</exception>
    /// <exception cref="ArgumentException">A text with half a surrogate pair.</exception>
    public static byte[] Encode(object? value)
    {
        var output = new ArrayBufferWriter<byte>();
        Encode(value, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Writes a tree; see <see cref="Encode(object?)"/>.</summary>
    /// <param name="value">The tree.</param>
    /// <param name="target">Where the bytes go; after an exception it holds a part of the document.</param>
    /// <exception cref="NotSupportedException">As above.</exception>
    /// <exception cref="ArgumentException">As above.</exception>
    public static void Encode(object? value, IBufferWriter<byte> target) => Write(new MessagePackWriter(target), value, DefaultMaxDepth);

    /// <summary>Reads a whole document. Of a key that stands twice in a map the last value counts. An empty document is an error.</summary>
    /// <param name="document">The bytes; nothing of them is kept.</param>
    /// <param name="maxDepth">How deep arrays and maps may stand in each other: 1 to 512, default 64.</param>
    /// <exception cref="EvBusException">It is not MessagePack, cut short, too deep, or has bytes behind its end; the message names the place.</exception>
    public static object? Decode(ReadOnlySpan<byte> document, int maxDepth = DefaultMaxDepth)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxDepth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxDepth, 512);
        var reader = new MessagePackReader(document);
        var value = Read(ref reader, maxDepth);
        return reader.NextType == MessagePackType.End ? value : throw reader.Wrong("more, where the document should end");
    }

    private static object? Read(ref MessagePackReader reader, int depth)
    {
        switch (reader.NextType)
        {
            case MessagePackType.End:
                throw reader.Wrong("the end, where a value is expected");
            case MessagePackType.Nil:
                reader.ReadNil();
                return null;
            case MessagePackType.Boolean:
                return reader.ReadBoolean();
            case MessagePackType.Integer:
                return reader.ReadInteger(out var large) is { } number ? number : large;
            case MessagePackType.Float:
                return reader.ReadDouble();
            case MessagePackType.Text:
                var text = reader.ReadTextBytes();
                // Old writers have no type for bytes: what is not UTF-8 was not a text.
                return System.Text.Unicode.Utf8.IsValid(text) ? Strict.GetString(text) : text.ToArray();
            case MessagePackType.Binary:
                return reader.ReadBinary().ToArray();
            case MessagePackType.Extension:
                var data = reader.ReadExtension(out var type);
                return type == -1 && Timestamp(data) is { } moment ? moment : new MessagePackExtension(type, data.ToArray());
        }

        if (depth == 0)
            throw reader.Wrong("an array or map nested deeper than allowed");
        if (reader.NextType == MessagePackType.Array)
        {
            var count = reader.ReadArrayHeader();
            var list = new List<object?>(Math.Min(count, 64));
            for (; count > 0; count--)
                list.Add(Read(ref reader, depth - 1));
            return list;
        }

        var pairs = reader.ReadMapHeader();
        var map = new MessagePackMap(Math.Min(pairs, 64));
        for (; pairs > 0; pairs--)
        {
            if (reader.NextType is MessagePackType.Array or MessagePackType.Map or MessagePackType.Extension)
                throw reader.Wrong($"{reader.NextType} as the key of a map");
            var key = Read(ref reader, depth - 1);
            map[key] = Read(ref reader, depth - 1);
        }
        return map;
    }

    private static void Write(in MessagePackWriter writer, object? value, int depth)
    {
        switch (value)
        {
            case null: writer.WriteNil(); return;
            case bool truth: writer.Write(truth); return;
            case string text: writer.Write(text.AsSpan()); return;
            case long number: writer.Write(number); return;
            case ulong number: writer.Write(number); return;
            case int number: writer.Write((long)number); return;
            case double number: writer.Write(number); return;
            case float number: writer.Write((double)number); return;
            case uint number: writer.Write((ulong)number); return;
            case short number: writer.Write((long)number); return;
            case ushort number: writer.Write((ulong)number); return;
            case byte number: writer.Write((ulong)number); return;
            case sbyte number: writer.Write((long)number); return;
            case byte[] bytes: writer.WriteBinary(bytes); return;
            case ReadOnlyMemory<byte> bytes: writer.WriteBinary(bytes.Span); return;
            case Memory<byte> bytes: writer.WriteBinary(bytes.Span); return;
            case DateTimeOffset moment: writer.Write(moment); return;
            case MessagePackExtension extension: writer.WriteExtension(extension.Type, extension.Data.Span); return;
        }

        // Also the answer to a tree that contains itself.
        if (depth == 0)
            throw new NotSupportedException($"The value is nested deeper than {DefaultMaxDepth}.");
        switch (value)
        {
            case MessagePackMap map:
                writer.WriteMapHeader(map.Count);
                foreach (var (key, item) in map)
                {
                    Write(writer, key, 0);
                    Write(writer, item, depth - 1);
                }
                return;
            case IReadOnlyDictionary<string, object?> map:
                writer.WriteMapHeader(map.Count);
                foreach (var (key, item) in map)
                {
                    writer.Write(key.AsSpan());
                    Write(writer, item, depth - 1);
                }
                return;
            case IDictionary map:
                writer.WriteMapHeader(map.Count);
                foreach (DictionaryEntry pair in map)
                {
                    Write(writer, pair.Key, 0);
                    Write(writer, pair.Value, depth - 1);
                }
                return;
            case IEnumerable sequence:
                var items = sequence as ICollection ?? sequence.Cast<object?>().ToList();
                writer.WriteArrayHeader(items.Count);
                foreach (var item in items)
                    Write(writer, item, depth - 1);
                return;
            default:
                throw new NotSupportedException($"MessagePack has no form for a {value.GetType().Name}.");
        }
    }

    // Null for forms and moments that DateTimeOffset cannot hold: the extension is then kept as it is.
    private static DateTimeOffset? Timestamp(ReadOnlySpan<byte> data)
    {
        long seconds;
        uint nanoseconds;
        switch (data.Length)
        {
            case 4:
                (seconds, nanoseconds) = (BinaryPrimitives.ReadUInt32BigEndian(data), 0);
                break;
            case 8:
                var packed = BinaryPrimitives.ReadUInt64BigEndian(data);
                (seconds, nanoseconds) = ((long)(packed & 0x3_FFFF_FFFF), (uint)(packed >> 34));
                break;
            case 12:
                (seconds, nanoseconds) = (BinaryPrimitives.ReadInt64BigEndian(data[4..]), BinaryPrimitives.ReadUInt32BigEndian(data));
                break;
            default:
                return null;
        }
        return nanoseconds <= 999_999_999 && seconds is >= -62_135_596_800 and <= 253_402_300_799
            ? DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanoseconds / 100)
            : null;
    }
}
