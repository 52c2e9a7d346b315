using System.Diagnostics.CodeAnalysis;

namespace EvBus.Journal;

// Reading blocks of whole records, and going on behind damage.
internal sealed partial class LogFiles
{
    private const int LargestTrusted = 16 * BlockBytes;

    /// <summary>
    /// The records from a place on, as many as make a block, all of them whole and unharmed; null at the end. Where there is damage or a gap the
    /// block begins behind it: its first byte and sequence say where.
    /// </summary>
    public Segment? ReadBlock(long at, ulong sequence, long end)
    {
        while (at < end)
        {
            if (!TryFind(at, out var file))
                return null;
            if (at < file.FirstByte)
            {
                if (!JournalFormat.IsAfterGap(file.ReadHeader()))
                    Report(new Damage(at, file.FirstByte - at, (long)(file.FirstSequence - sequence), "no file has this part of the log"));
                (at, sequence) = (file.FirstByte, file.FirstSequence);
            }
            if (ReadBlock(file, at, sequence, Math.Min(end, file.EndByte)) is { } block)
                return block;
            // Damaged from here on: go on behind it.
            if (Resync.Find(file, at, sequence, NextAfter(file)) is not { } found)
                (at, sequence) = ReportRest(file, at, sequence, NextAfter(file));
            else
                (at, sequence) = ReportSkip(file, at, sequence, found);
        }
        return null;
    }

    /// <summary>The epoch in which a record was written; null when no file has it, or its header cannot be read.</summary>
    public ulong? EpochAt(ulong sequence)
    {
        LogFile? file;
        lock (_lock)
            file = _files.FindLast(file => file.FirstSequence <= sequence);
        return file?.Epoch;
    }

    public void Return(Segment block)
    {
        lock (_lock)
            _pool.Return(block.Buffer);
    }

    /// <summary>Nothing whole is left in the file: damage, unless there is nothing at all.</summary>
    private (long, ulong) ReportRest(LogFile file, long at, ulong sequence, LogFile? next)
    {
        Span<byte> head = stackalloc byte[EventCodec.HeaderLength];
        var lost = next is null ? 1 : (long)(next.FirstSequence - sequence);
        var read = file.Read(at, head);
        if (lost > 0 && (read == 0 || head[..read].ContainsAnyExcept((byte)0)))
            Report(new Damage(at, file.EndByte - at, lost, read == 0 ? $"'{file.Name}' is missing, or was cut short" : "records are damaged"));
        return (file.EndByte, next?.FirstSequence ?? sequence);
    }

    private (long, ulong) ReportSkip(LogFile file, long at, ulong sequence, (long At, ulong Sequence) found)
    {
        Report(new Damage(at, found.At - at, (long)(found.Sequence - sequence), IsWhole(file, at) ? "a record with a right checksum is not what a bus wrote with this key: somebody changed it" : "records are damaged"));
        return found;
    }

    private Segment? ReadBlock(LogFile file, long at, ulong sequence, long end)
    {
        var wanted = (int)Math.Min(BlockBytes, end - at);
        while (true)
        {
            byte[] buffer;
            lock (_lock)
                buffer = _pool.Rent(wanted);
            var read = file.ReadSome(at, buffer.AsSpan(0, wanted));
            var data = buffer.AsSpan(0, read);
            var whole = 0;
            var needs = 0L;
            while (whole < data.Length && JournalFormat.WholeRecord(data[whole..], file.Mark, out needs) is > 0 and var length)
                whole += length;
            var isPlain = Unseal(file, data[..whole], at);
            (whole, needs) = (isPlain, isPlain < whole ? 0 : needs);
            if (whole > 0)
                return new Segment(buffer, sequence, at, whole);
            lock (_lock)
                _pool.Return(buffer);
            // One record larger than a block: read again with room for it.
            if (needs <= wanted || at + needs > end || (needs > LargestTrusted && !IsWhole(file, at)))
                return null;
            wanted = (int)needs;
        }
    }

    // A damaged length may claim anything: it gets no memory before its checksum is right.
    private static bool IsWhole(LogFile file, long at)
    {
        using var window = FileWindow.Of(file);
        return window.RecordAt(at - file.FirstByte + JournalFormat.FileHeaderLength, window.Length) > 0;
    }

    private bool TryFind(long at, [NotNullWhen(true)] out LogFile? found)
    {
        lock (_lock)
        {
            found = _files.Find(file => at < file.EndByte);
            return found is not null;
        }
    }

    private LogFile? NextAfter(LogFile file)
    {
        lock (_lock)
            return _files.Find(each => each.FirstByte >= file.EndByte && each != file);
    }

    private void Report(Damage damage)
    {
        lock (_lock)
        {
            if (!_damage.Add(damage.At))
                return;
        }
        OnDamage?.Invoke(damage);
    }
}

/// <summary>A part of the log that cannot be read.</summary>
/// <param name="At">The byte of the log at which it begins.</param>
/// <param name="Length">How many bytes.</param>
/// <param name="Events">How many events are lost with it.</param>
/// <param name="What">What is wrong, in words.</param>
internal readonly record struct Damage(long At, long Length, long Events, string What);
