using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

/// <summary>The whole events of a journal with their numbers, as a scan has found them. Memory of a record is valid until the next one is asked for.</summary>
internal sealed class LogReader(JournalFolder folder, LogScan scan)
{
    private readonly Dictionary<long, Gap> _gaps = scan.Findings.Where(finding => finding.Gap is not null).Select(finding => finding.Gap!).ToDictionary(gap => gap.At);

    /// <param name="from">The number of the first event wanted.</param>
    public IEnumerable<StoredRecord> Read(ulong from)
    {
        var files = scan.Arrangement.Files;
        for (var i = 0; i < files.Count; i++)
        {
            if (i + 1 < files.Count && files[i + 1].FirstSequence <= from)
                continue;
            foreach (var record in Read(files[i], i + 1 < files.Count ? files[i + 1].FirstByte : scan.End.Byte))
            {
                if (record.Sequence >= from)
                    yield return record;
            }
        }
    }

    private IEnumerable<StoredRecord> Read(PlacedFile file, long end)
    {
        if (Open(file) is not { } opened)
            yield break;
        using var window = new FileWindow(opened, file.Mark);
        using var encrypted = folder.Cipher is null ? null : new LogFile(folder.Storage, file.Name, file.FirstByte, file.FirstSequence) { Length = end - file.FirstByte };
        var shift = JournalFormat.FileHeaderLength - file.FirstByte;
        var (at, sequence) = (file.FirstByte, file.FirstSequence);
        while (at < end)
        {
            if (_gaps.TryGetValue(at, out var gap))
            {
                (at, sequence) = (gap.End, gap.FirstSequence + (ulong)gap.Events);
                continue;
            }
            var length = window.RecordAt(at + shift, end + shift);
            if (length == 0)
                yield break;
            var record = window.ReadMemory(at + shift, length);
            // A live journal may have made another file of this one in between: then every lane is through with what it was.
            if (folder.Owner is not null && JournalFormat.WholeRecord(record.Span, file.Mark, out _) != length)
                yield break;
            if (!JournalFormat.IsControl(record.Span))
                yield return new StoredRecord(sequence++, at, Readable(encrypted is null ? record : Decrypt(encrypted, record, at), file, at));
            at += length;
        }
    }

    /// <summary>The file; null when it is gone from a live journal, because every lane is through with it.</summary>
    private IStorageFile? Open(PlacedFile file)
    {
        try
        {
            return folder.Storage.OpenRead(file.Name);
        }
        catch (FileNotFoundException) when (folder.Owner is not null)
        {
            return null;
        }
    }

    private static ReadOnlyMemory<byte> Readable(ReadOnlyMemory<byte> record, PlacedFile file, long at) =>
        (EventCodec.ReadFlags(record.Span) & EventCodec.RecordFlags.Encrypted) != 0 || EventCodec.IsReadable(record.Span) ? record
        : throw new TroubleException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"The record at byte {at} of the log, in '{file.Name}', has the right checksum and is none that EvBus writes: somebody changed it. A bus leaves it out and counts it as dropped: damaged."));

    /// <summary>The record made plain; as it is when it is plain already.</summary>
    private ReadOnlyMemory<byte> Decrypt(LogFile file, ReadOnlyMemory<byte> record, long at)
    {
        if ((EventCodec.ReadFlags(record.Span) & EventCodec.RecordFlags.Encrypted) == 0)
            return record;
        var plain = record.ToArray();
        return file.TryDecrypt(folder.Cipher!, plain, at) ? plain
            : throw new TroubleException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"The record at byte {at} of the log cannot be decrypted: it was changed by somebody who had no key, or both its file's header and all its commit records are damaged."));
    }
}

/// <summary>An event as it lies in the log.</summary>
internal readonly record struct StoredRecord(ulong Sequence, long At, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Whether what it says cannot be read, for want of the key.</summary>
    public bool IsSecret => (EventCodec.ReadFlags(Bytes.Span) & EventCodec.RecordFlags.Encrypted) != 0;

    public bool IsForOneLane => (EventCodec.ReadFlags(Bytes.Span) & EventCodec.RecordFlags.ForLane) != 0;
}
