using System.Buffers.Binary;
using System.Text;

namespace EvBus;

/// <summary>
/// Event ⇄ record bytes, version 1. Little-endian; the same bytes in memory and on disk.
/// <code>
///   0  u32  length of the record, this header included
///   4  u32  CRC32C of bytes 8 .. length (0 while the record has only been in memory)
///   8  u8   version = 1
///   9  u8   flags (RecordFlags)
///  10  u16  length of the attributes
///  12  u32  reserved, 0 (encoding of the body)
///  16  i64  moment of acceptance: ticks of 100 ns since 0001-01-01 UTC
///  24  16B  the id when the door stamped it (a UUID in big-endian order), else 0
///  40  ..   attributes: { u8 tag, u16 length, bytes } ..., the profile first
///  ..  ..   body, to the end of the record
/// </code>
/// Invariants: a record never changes once it is committed; an unknown tag is skipped, an unknown version refused;
/// what an attribute's default is, is not stored.
/// </summary>
internal static class EventCodec
{
    public const byte Version = 1;
    public const int HeaderLength = 40;
    /// <summary>Leaves room in the 16 bits for what a replay adds.</summary>
    public const int MaxAttributesLength = 60 * 1024;
    public const int MaxIdLength = 1024;

    /// <summary>What <see cref="Tag.Seal"/> takes.</summary>
    public const int SealLength = 3 + 16;

    [Flags]
    public enum RecordFlags : byte
    {
        None = 0,

        /// <summary>The id is the 16 bytes of the header, not an attribute.</summary>
        StampedId = 1,

        /// <summary>The first attribute is the profile.</summary>
        HasProfile = 2,

        /// <summary>Somebody in this process waits for the outcome. Without meaning in a file.</summary>
        Awaited = 4,

        /// <summary>Put back for one lane only, named by <see cref="Tag.Lane"/>.</summary>
        ForLane = 8,

        /// <summary>Attributes and body are ciphertext. Only on disk.</summary>
        Encrypted = 16,

        /// <summary>No event: the journal's own, see JournalFormat.</summary>
        Control = 128,
    }

    public enum Tag : byte
    {
        Profile = 1, Key = 2, Id = 3, Source = 4, Type = 5, Subject = 6, ContentType = 7, DataSchema = 8,
        Time = 9, TraceParent = 10, TraceState = 11, Parent = 12, Extension = 13, Lane = 14,

        /// <summary>The last one where the journal is encrypted: 16 bytes, 0 in memory, on disk what proves the record.</summary>
        Seal = 15,
    }

    /// <summary>How many bytes the attributes may need at most; exact enough to choose a segment by, cheap enough for every event.</summary>
    public static int AttributesBound(in EventAttributes a)
    {
        var total = Bound(a.Profile) + Bound(a.Key) + Bound(a.Id) + Bound(a.Source) + Bound(a.Type) + Bound(a.Subject)
            + Bound(a.ContentType) + Bound(a.DataSchema) + Bound(a.TraceParent) + Bound(a.TraceState) + (a.Time is null ? 0 : 3 + 8);
        if (a.Parents is { Count: > 0 } parents)
        {
            foreach (var parent in parents)
                total += Bound(parent);
        }
        if (a.Extensions is { Count: > 0 } extensions)
        {
            foreach (var (name, value) in extensions)
                total += Bound(name) + Bound(value);
        }
        return total;

        static int Bound(string? text) => text is null ? 0 : 3 + (text.Length * 3);
    }

    /// <summary>The exact length of the attributes, for the rare event whose bound is too large to decide by.</summary>
    public static int AttributesLength(in EventAttributes a)
    {
        var total = Exact(a.Profile) + Exact(a.Key) + Exact(a.Id) + Exact(a.Source) + Exact(a.Type) + Exact(a.Subject)
            + Exact(a.ContentType) + Exact(a.DataSchema) + Exact(a.TraceParent) + Exact(a.TraceState) + (a.Time is null ? 0 : 3 + 8);
        if (a.Parents is { Count: > 0 } parents)
            total += parents.Sum(Exact);
        if (a.Extensions is { Count: > 0 } extensions)
            total += extensions.Sum(pair => 2 + Exact(pair.Key) + Encoding.UTF8.GetByteCount(pair.Value));
        return total;

        static int Exact(string? text) => text is null ? 0 : 3 + Encoding.UTF8.GetByteCount(text);
    }

    /// <summary>Writes the record of an event without any attribute, of which there are many, and returns its length.</summary>
    public static int WriteBare(Span<byte> target, ReadOnlySpan<byte> body, Guid stamped, DateTimeOffset accepted, bool awaited)
    {
        stamped.TryWriteBytes(target.Slice(24, 16), bigEndian: true, out _);
        body.CopyTo(target[HeaderLength..]);
        var flags = RecordFlags.StampedId | (awaited ? RecordFlags.Awaited : RecordFlags.None);
        return WriteHeader(target, HeaderLength + body.Length, flags, 0, accepted);
    }

    /// <summary>Writes a record and returns its length. <paramref name="target"/> must hold header, attributes and body.</summary>
    public static int Write(Span<byte> target, in EventAttributes a, ReadOnlySpan<byte> body, Guid stamped, DateTimeOffset accepted, bool awaited, bool isSealed = false)
    {
        var flags = awaited ? RecordFlags.Awaited : RecordFlags.None;
        var at = HeaderLength;
        if (a.Profile is not null)
        {
            flags |= RecordFlags.HasProfile;
            at = Put(target, at, Tag.Profile, a.Profile);
        }
        if (a.Id is null)
        {
            flags |= RecordFlags.StampedId;
            stamped.TryWriteBytes(target.Slice(24, 16), bigEndian: true, out _);
        }
        else
        {
            target.Slice(24, 16).Clear();
            at = Put(target, at, Tag.Id, a.Id);
        }
        at = PutRest(target, at, in a);
        if (isSealed)
            at = PutSeal(target, at);
        var attributesLength = at - HeaderLength;
        body.CopyTo(target[at..]);
        return WriteHeader(target, at + body.Length, flags, attributesLength, accepted);
    }

    /// <summary>All but the id, in words of eight bytes.</summary>
    private static int WriteHeader(Span<byte> target, int length, RecordFlags flags, int attributesLength, DateTimeOffset accepted)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(target, (uint)length);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], Version | ((ulong)flags << 8) | ((ulong)(ushort)attributesLength << 16));
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], accepted.UtcTicks);
        return length;
    }

    /// <summary>Marks a record as put back for one lane: a copy with one attribute more.</summary>
    public static byte[] ForLane(ReadOnlySpan<byte> record, string laneId)
    {
        var attributesLength = ReadAttributesLength(record);
        var bodyAt = HeaderLength + attributesLength;
        var copy = new byte[record.Length + 3 + Encoding.UTF8.GetByteCount(laneId)];
        record[..bodyAt].CopyTo(copy);
        var end = Put(copy, bodyAt, Tag.Lane, laneId);
        record[bodyAt..].CopyTo(copy.AsSpan(end));
        BinaryPrimitives.WriteUInt32LittleEndian(copy, (uint)copy.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(copy.AsSpan(10), (ushort)(end - HeaderLength));
        copy[9] = (byte)((RecordFlags)copy[9] | RecordFlags.ForLane);
        return copy;
    }

    /// <summary>A copy of a record with room for the seal; itself when it has it.</summary>
    public static byte[] WithSeal(ReadOnlySpan<byte> record)
    {
        var bodyAt = HeaderLength + ReadAttributesLength(record);
        if (HasSeal(record))
            return record.ToArray();
        var copy = new byte[record.Length + SealLength];
        record[..bodyAt].CopyTo(copy);
        PutSeal(copy, bodyAt);
        record[bodyAt..].CopyTo(copy.AsSpan(bodyAt + SealLength));
        BinaryPrimitives.WriteUInt32LittleEndian(copy, (uint)copy.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(copy.AsSpan(10), (ushort)(bodyAt + SealLength - HeaderLength));
        return copy;
    }

    public static bool HasSeal(ReadOnlySpan<byte> record) => TryFind(record, Tag.Seal, out _);

    private static int PutSeal(Span<byte> target, int at)
    {
        target.Slice(at, SealLength).Clear();
        target[at] = (byte)Tag.Seal;
        BinaryPrimitives.WriteUInt16LittleEndian(target[(at + 1)..], SealLength - 3);
        return at + SealLength;
    }

    private static int PutRest(Span<byte> target, int at, in EventAttributes a)
    {
        at = Put(target, at, Tag.Key, a.Key);
        at = Put(target, at, Tag.Source, a.Source);
        at = Put(target, at, Tag.Type, a.Type);
        at = Put(target, at, Tag.Subject, a.Subject);
        at = Put(target, at, Tag.ContentType, a.ContentType);
        at = Put(target, at, Tag.DataSchema, a.DataSchema);
        at = Put(target, at, Tag.TraceParent, a.TraceParent);
        at = Put(target, at, Tag.TraceState, a.TraceState);
        if (a.Time is { } time)
        {
            target[at] = (byte)Tag.Time;
            BinaryPrimitives.WriteUInt16LittleEndian(target[(at + 1)..], 8);
            BinaryPrimitives.WriteInt64LittleEndian(target[(at + 3)..], time.UtcTicks);
            at += 11;
        }
        if (a.Parents is { Count: > 0 } parents)
        {
            foreach (var parent in parents)
                at = Put(target, at, Tag.Parent, parent);
        }
        if (a.Extensions is { Count: > 0 } extensions)
        {
            foreach (var (name, value) in extensions)
            {
                // { u16 length of the name, name, value }
                var nameLength = Encoding.UTF8.GetBytes(name, target[(at + 5)..]);
                var valueLength = Encoding.UTF8.GetBytes(value, target[(at + 5 + nameLength)..]);
                target[at] = (byte)Tag.Extension;
                BinaryPrimitives.WriteUInt16LittleEndian(target[(at + 1)..], (ushort)(2 + nameLength + valueLength));
                BinaryPrimitives.WriteUInt16LittleEndian(target[(at + 3)..], (ushort)nameLength);
                at += 5 + nameLength + valueLength;
            }
        }
        return at;
    }

    private static int Put(Span<byte> target, int at, Tag tag, string? value)
    {
        if (value is null)
            return at;
        var length = Encoding.UTF8.GetBytes(value, target[(at + 3)..]);
        target[at] = (byte)tag;
        BinaryPrimitives.WriteUInt16LittleEndian(target[(at + 1)..], (ushort)length);
        return at + 3 + length;
    }

    public static int ReadLength(ReadOnlySpan<byte> record) => (int)BinaryPrimitives.ReadUInt32LittleEndian(record);

    public static RecordFlags ReadFlags(ReadOnlySpan<byte> record) => (RecordFlags)record[9];

    public static int ReadAttributesLength(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadUInt16LittleEndian(record[10..]);

    public static DateTimeOffset ReadAccepted(ReadOnlySpan<byte> record) => new(BinaryPrimitives.ReadInt64LittleEndian(record[16..]), TimeSpan.Zero);

    public static Guid ReadStampedId(ReadOnlySpan<byte> record) => new(record.Slice(24, 16), bigEndian: true);

    public static DateTimeOffset ReadTime(ReadOnlySpan<byte> value) => new(BinaryPrimitives.ReadInt64LittleEndian(value), TimeSpan.Zero);

    /// <summary>The profile's UTF-8 bytes; empty when the event has none (see <see cref="RecordFlags.HasProfile"/>).</summary>
    public static ReadOnlySpan<byte> ReadProfile(ReadOnlySpan<byte> record) =>
        (ReadFlags(record) & RecordFlags.HasProfile) == 0
            ? default
            : record.Slice(HeaderLength + 3, BinaryPrimitives.ReadUInt16LittleEndian(record[(HeaderLength + 1)..]));

    /// <summary>The bytes of the first attribute with this tag; false when there is none.</summary>
    public static bool TryFind(ReadOnlySpan<byte> record, Tag tag, out ReadOnlySpan<byte> value)
    {
        var attributes = record.Slice(HeaderLength, ReadAttributesLength(record));
        while (attributes.Length >= 3)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(attributes[1..]);
            if ((Tag)attributes[0] == tag)
            {
                value = attributes.Slice(3, length);
                return true;
            }
            attributes = attributes[(3 + length)..];
        }
        value = default;
        return false;
    }

    /// <summary>The bytes of the extension attribute with this name; false when there is none. Of two with one name the last counts, as in <see cref="ReadAttributes"/>.</summary>
    public static bool TryFindExtension(ReadOnlySpan<byte> record, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = default;
        var found = false;
        var attributes = record.Slice(HeaderLength, ReadAttributesLength(record));
        while (attributes.Length >= 3)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(attributes[1..]);
            if ((Tag)attributes[0] == Tag.Extension)
            {
                var extension = attributes.Slice(3, length);
                var nameLength = BinaryPrimitives.ReadUInt16LittleEndian(extension);
                if (extension.Slice(2, nameLength).SequenceEqual(name))
                {
                    value = extension[(2 + nameLength)..];
                    found = true;
                }
            }
            attributes = attributes[(3 + length)..];
        }
        return found;
    }

    /// <summary>
    /// Whether a whole record with a right checksum can be read: what nobody wrote by mistake, somebody may have written on purpose. Its bounds and times are
    /// what everything that reads it relies on.
    /// </summary>
    public static bool IsReadable(ReadOnlySpan<byte> record)
    {
        if (record.Length < HeaderLength || HeaderLength + ReadAttributesLength(record) > record.Length || !IsTime(BinaryPrimitives.ReadInt64LittleEndian(record[16..])))
            return false;
        var flags = ReadFlags(record);
        var attributes = record.Slice(HeaderLength, ReadAttributesLength(record));
        if ((flags & RecordFlags.HasProfile) != 0 && (attributes.Length < 3 || attributes[0] != (byte)Tag.Profile))
            return false;
        while (attributes.Length > 0)
        {
            if (attributes.Length < 3 || BinaryPrimitives.ReadUInt16LittleEndian(attributes[1..]) is var length && 3 + length > attributes.Length)
                return false;
            var value = attributes.Slice(3, length);
            var isRight = (Tag)attributes[0] switch
            {
                Tag.Time => value.Length == 8 && IsTime(BinaryPrimitives.ReadInt64LittleEndian(value)),
                Tag.Extension => value.Length >= 2 && 2 + BinaryPrimitives.ReadUInt16LittleEndian(value) <= value.Length,
                _ => true,
            };
            if (!isRight)
                return false;
            attributes = attributes[(3 + length)..];
        }
        return true;

        static bool IsTime(long ticks) => ticks >= 0 && ticks <= DateTime.MaxValue.Ticks;
    }

    public static string? FindText(ReadOnlySpan<byte> record, Tag tag) => TryFind(record, tag, out var value) ? Encoding.UTF8.GetString(value) : null;

    /// <summary>All attributes, with the id and time that the door stamped.</summary>
    public static EventAttributes ReadAttributes(ReadOnlySpan<byte> record)
    {
        string? profile = null, key = null, id = null, source = null, type = null, subject = null;
        string? contentType = null, dataSchema = null, traceParent = null, traceState = null;
        DateTimeOffset? time = null;
        List<string>? parents = null;
        Dictionary<string, string>? extensions = null;
        var attributes = record.Slice(HeaderLength, ReadAttributesLength(record));
        while (attributes.Length >= 3)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(attributes[1..]);
            var value = attributes.Slice(3, length);
            switch ((Tag)attributes[0])
            {
                case Tag.Profile: profile = Encoding.UTF8.GetString(value); break;
                case Tag.Key: key = Encoding.UTF8.GetString(value); break;
                case Tag.Id: id = Encoding.UTF8.GetString(value); break;
                case Tag.Source: source = Encoding.UTF8.GetString(value); break;
                case Tag.Type: type = Encoding.UTF8.GetString(value); break;
                case Tag.Subject: subject = Encoding.UTF8.GetString(value); break;
                case Tag.ContentType: contentType = Encoding.UTF8.GetString(value); break;
                case Tag.DataSchema: dataSchema = Encoding.UTF8.GetString(value); break;
                case Tag.TraceParent: traceParent = Encoding.UTF8.GetString(value); break;
                case Tag.TraceState: traceState = Encoding.UTF8.GetString(value); break;
                case Tag.Time: time = ReadTime(value); break;
                case Tag.Parent: (parents ??= []).Add(Encoding.UTF8.GetString(value)); break;
                case Tag.Extension:
                    var nameLength = BinaryPrimitives.ReadUInt16LittleEndian(value);
                    (extensions ??= [])[Encoding.UTF8.GetString(value.Slice(2, nameLength))] = Encoding.UTF8.GetString(value[(2 + nameLength)..]);
                    break;
                default: break;
            }
            attributes = attributes[(3 + length)..];
        }
        return new EventAttributes
        {
            Profile = profile, Key = key, Id = id ?? ReadStampedId(record).ToString(), Source = source, Type = type, Subject = subject,
            ContentType = contentType, DataSchema = dataSchema, TraceParent = traceParent, TraceState = traceState,
            Time = time ?? ReadAccepted(record), Parents = parents, Extensions = extensions,
        };
    }
}
