using System.Buffers.Binary;
using System.Text;

namespace EvBus.Journal;

// One entry, as bytes and as a letter.
internal sealed partial class DeadLetterFile
{
    /// <summary>The letter at a place; null when its bytes do not say one.</summary>
    private DeadLetter? ReadAt(long at, int length, ulong number)
    {
        var entry = new byte[length];
        if (File.Read(at, entry) < length || BinaryPrimitives.ReadUInt32LittleEndian(entry) != length || BinaryPrimitives.ReadUInt64LittleEndian(entry.AsSpan(16)) != number
            || Crc32C.Compute(entry.AsSpan(8)) != BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(4)))
            return null;
        return Plain(entry) is { } plain ? Decode(plain, _laneId) : null;
    }

    private byte[]? Plain(byte[] entry) =>
        entry[8] != EncryptedKind ? entry : _keys is null ? throw Encrypted() : DeadLetterCipher.Decrypt(_keys, _laneId, entry, EntryHeaderLength);

    private EvBusException Encrypted() =>
        new($"'{_name}' is encrypted, and no key is given. Set JournalOptions.Key; for 'evbus journal', set {JournalKey.Variable} or --key-file.");

    private byte[] Encode(DeadLetter letter, ulong number)
    {
        var reason = Encoding.UTF8.GetBytes(letter.Reason);
        var attributes = letter.Event.Attributes;
        var record = new byte[EventCodec.HeaderLength + EventCodec.AttributesBound(attributes) + letter.Event.Body.Length];
        var length = EventCodec.Write(record, attributes, letter.Event.Body.Span, Guid.Empty, attributes.Time ?? letter.Time, awaited: false);
        var entry = new byte[EntryHeaderLength + reason.Length + length];
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(12), (uint)letter.Attempts);
        BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(16), number);
        BinaryPrimitives.WriteInt64LittleEndian(entry.AsSpan(24), letter.Time.UtcTicks);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(32), (uint)reason.Length);
        reason.CopyTo(entry, EntryHeaderLength);
        record.AsSpan(0, length).CopyTo(entry.AsSpan(EntryHeaderLength + reason.Length));
        return _keys is null ? Seal(entry, LetterKind) : Seal(DeadLetterCipher.Encrypt(_keys, _laneId, entry, EntryHeaderLength, EncryptedKind), EncryptedKind);
    }

    private static byte[] EncodeGone(ulong number)
    {
        var entry = new byte[EntryHeaderLength];
        BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(16), number);
        return Seal(entry, GoneKind);
    }

    private static byte[] Seal(byte[] entry, byte kind)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)entry.Length);
        entry[8] = kind;
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(4), Crc32C.Compute(entry.AsSpan(8)));
        return entry;
    }

    /// <summary>Null when the entry, though its checksum is right, is none that was ever written.</summary>
    private static DeadLetter? Decode(ReadOnlySpan<byte> entry, string laneId)
    {
        var reasonLength = BinaryPrimitives.ReadUInt32LittleEndian(entry[32..]);
        var ticks = BinaryPrimitives.ReadInt64LittleEndian(entry[24..]);
        if (reasonLength > entry.Length - EntryHeaderLength || ticks < 0 || ticks > DateTime.MaxValue.Ticks)
            return null;
        var record = entry[(EntryHeaderLength + (int)reasonLength)..];
        if (record.Length < EventCodec.HeaderLength || EventCodec.ReadLength(record) != record.Length || !EventCodec.IsReadable(record))
            return null;
        var evt = new BusEvent(record[(EventCodec.HeaderLength + EventCodec.ReadAttributesLength(record))..].ToArray(), EventCodec.ReadAttributes(record));
        return new DeadLetter(
            laneId, evt, Encoding.UTF8.GetString(entry.Slice(EntryHeaderLength, (int)reasonLength)), (int)BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]),
            new DateTimeOffset(ticks, TimeSpan.Zero));
    }
}
