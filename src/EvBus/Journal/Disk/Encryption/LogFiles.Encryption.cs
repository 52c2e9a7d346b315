namespace EvBus.Journal;

// Between memory, where records are plain, and the disk, where they may not be.
internal sealed partial class LogFiles
{
    private SegmentCipher? _sealing;
    private ulong _salt;
    private byte[] _sealed = [];

    /// <summary>The records of a part as they are to be on disk, sealed; valid until the next call.</summary>
    private ReadOnlySpan<byte> OnDisk(Span<byte> part, long at)
    {
        var mark = _current!.Mark;
        if (_sealing is null)
        {
            for (var left = part; left.Length > 0;)
            {
                var length = EventCodec.ReadLength(left);
                JournalFormat.Seal(left[..length], mark);
                left = left[length..];
            }
            return part;
        }
        if (_sealed.Length < part.Length)
            _sealed = new byte[Math.Max(part.Length, BlockBytes)];
        var target = _sealed.AsSpan(0, part.Length);
        for (var offset = 0; offset < part.Length;)
        {
            var length = EventCodec.ReadLength(part[offset..]);
            var record = part.Slice(offset, length);
            var place = target.Slice(offset, length);
            if (JournalFormat.IsControl(record))
            {
                record.CopyTo(place);
                JournalFormat.WriteCommitSalt(place, _salt);
            }
            else
            {
                _sealing.Encrypt(record, place, at + offset);
            }
            JournalFormat.Seal(place, mark);
            offset += length;
        }
        return target;
    }

    /// <summary>Of an encrypted journal: from which byte on no record may be plain, because the key was there when it was written.</summary>
    public long PlainUntil { get; set; } = long.MaxValue;

    /// <summary>Makes whole records plain that were just read; how many bytes of them are now, which is fewer where one is not what a bus wrote.</summary>
    private int Unseal(LogFile file, Span<byte> records, long at)
    {
        for (var offset = 0; offset < records.Length;)
        {
            var length = EventCodec.ReadLength(records[offset..]);
            if (!TryUnseal(file, records.Slice(offset, length), at + offset))
                return offset;
            offset += length;
        }
        return records.Length;
    }

    private bool TryUnseal(LogFile file, Span<byte> record, long at)
    {
        if (JournalFormat.IsControl(record))
            return true;
        var flags = EventCodec.ReadFlags(record);
        if ((flags & EventCodec.RecordFlags.Encrypted) != 0)
        {
            if (_keys is null || !file.TryDecrypt(_keys, record, at))
                return false;
        }
        // What a repair puts in the place of lost records is plain, and for no lane.
        else if (at >= PlainUntil && !((flags & EventCodec.RecordFlags.ForLane) != 0 && EventCodec.ReadAttributesLength(record) == 0))
        {
            return false;
        }
        return EventCodec.IsReadable(record);
    }
}
