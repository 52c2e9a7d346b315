using System.Globalization;

namespace EvBus.Journal;

/// <summary>
/// Finds where the log ends after whatever happened to it. Only the last file is looked at, and of it only what is behind the checkpoint:
/// how long that takes does not depend on how much waits.
/// </summary>
internal static class Recovery
{
    public static RecoveredEnd Recover(LogFiles log, Checkpoint? checkpoint, IStorage storage)
    {
        var notes = new List<string>();
        DropStrays(log, storage, notes);
        DropTwins(log, storage, notes);
        while (log.Files is [.., var last])
        {
            var header = last.ReadHeader();
            var trouble = JournalFormat.HeaderTrouble(header, last.Name, last.FirstByte, last.FirstSequence, out var epoch, out var before);
            if (trouble is not null)
            {
                notes.Add($"'{last.Name}': {trouble}; its name is trusted instead");
                // As good as it gets: dead letters put back are counted as accepted again.
                before = (checkpoint?.Accepted ?? 0) + (long)(last.FirstSequence - Math.Min(last.FirstSequence, checkpoint?.Sequence ?? 0));
            }
            var end = FindEnd(last, before, checkpoint, storage, notes);
            // Files that were through and deleted may come back after a power failure, when the last one, deleted as well, does not.
            if (checkpoint is not null && checkpoint.Byte > end.Byte)
                end = new RecoveredEnd(checkpoint.Byte, checkpoint.Sequence, checkpoint.Accepted, checkpoint.Epoch, notes) { InFiles = end.InFiles };
            if (last.Length > 0)
            {
                // What a killed process wrote may be in the system's memory only, and from here on all stands on it.
                using (var file = storage.Open(last.Name))
                    file.Sync();
                storage.SyncFolder(JournalFormat.LogFolder);
                return end with { Epoch = Math.Max(epoch, Math.Max(end.Epoch, checkpoint?.Epoch ?? 0)), Notes = notes };
            }
            // Made and never written to, or all of it set aside: the log ends before it.
            log.Remove(last);
            if (log.Files.Count > 0)
                continue;
            // What the checkpoint has counted had its numbers, whatever became of the files.
            var emptied = new RecoveredEnd(last.FirstByte, last.FirstSequence, checkpoint?.Accepted ?? 0, Math.Max(epoch, checkpoint?.Epoch ?? 0), notes) { InFiles = (last.FirstByte, last.FirstSequence) };
            return checkpoint is not null && checkpoint.Byte > last.FirstByte ? emptied with { Byte = checkpoint.Byte, Sequence = checkpoint.Sequence } : emptied;
        }
        return new RecoveredEnd(checkpoint?.Byte ?? 0, checkpoint?.Sequence ?? 0, checkpoint?.Accepted ?? 0, checkpoint?.Epoch ?? 0, notes);
    }

    private static RecoveredEnd FindEnd(LogFile last, long accepted, Checkpoint? checkpoint, IStorage storage, List<string> notes)
    {
        var physical = last.EndByte;
        var (at, sequence) = (last.FirstByte, last.FirstSequence);
        // In mode spill the checkpoint may stand beyond what was ever written.
        if (checkpoint is not null && (checkpoint.State & CheckpointState.Spill) == 0 && checkpoint.Byte >= at && checkpoint.Byte <= physical)
            (at, sequence, accepted) = (checkpoint.Byte, checkpoint.Sequence, checkpoint.Accepted);
        using var window = FileWindow.Of(last);
        var shift = JournalFormat.FileHeaderLength - last.FirstByte;
        var epoch = 0UL;
        var lastGroup = 0L;
        var damages = new List<(long From, long To, ulong Events)>();
        while (at < physical)
        {
            if (window.RecordAt(at + shift, window.Length) is > 0 and var length)
            {
                var head = window.Read(at + shift, Math.Min(length, JournalFormat.CommitLength));
                at += length;
                if (!JournalFormat.IsControl(head))
                {
                    sequence++;
                    accepted++;
                }
                else if (JournalFormat.ReadCommit(head) is var commit && commit.EndByte == at)
                {
                    // A number that jumps tells of records lost to damage that was skipped.
                    (sequence, accepted, epoch) = (commit.NextSequence, commit.Accepted, Math.Max(epoch, commit.Epoch));
                    lastGroup = commit.GroupByte;
                }
                continue;
            }
            // Damage, when a commit stands behind it; without one it is the torn tail.
            if (!Resync.HasCommit(window, last, at) || Resync.Find(last, at, sequence, null) is not { } found)
                break;
            damages.Add((at, found.At, found.Sequence - sequence));
            (at, sequence) = found;
        }
        SetAside(last, window, at, storage, notes);
        // A group is confirmed when there is another behind it. The writes of the last one may have reached the disk in any order, and what is
        // missing of it is in no log: it was not accepted.
        foreach (var (from, to, events) in damages.Where(damage => damage.From >= lastGroup))
        {
            accepted -= (long)events;
            notes.Add($"tail_uncertain: {events} events at byte {from} to {to} of '{last.Name}' are torn; their group is the last and may never have been confirmed; what is whole of it is kept");
        }
        last.Length = at - last.FirstByte;
        return new RecoveredEnd(at, sequence, accepted, epoch, notes) { InFiles = (at, sequence) };
    }

    private static void SetAside(LogFile last, FileWindow window, long end, IStorage storage, List<string> notes)
    {
        var from = end - last.FirstByte + JournalFormat.FileHeaderLength;
        // In a file that is used again most of it is what the earlier one left.
        var used = window.EndOfUse(from, window.Length) - from;
        if (used > 0)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{JournalFormat.AsideFolder}/tail-{end:x16}.bin");
            using (var aside = storage.Open(name))
            {
                window.CopyTo(aside, from, from + used, 0);
                aside.Sync();
            }
            storage.SyncFolder(JournalFormat.AsideFolder);
            notes.Add($"tail_uncertain: the last {used} bytes of '{last.Name}' were never confirmed and are torn; they are kept in '{name}'");
        }
        last.Length = end - last.FirstByte;
        if (window.Length == from)
            return;
        using var file = storage.Open(last.Name);
        file.SetLength(from);
    }

    /// <summary>A copy under another name would cut into the files around the place that its name claims.</summary>
    private static void DropStrays(LogFiles log, IStorage storage, List<string> notes)
    {
        foreach (var file in log.Files)
        {
            if (JournalFormat.HeaderTrouble(file.ReadHeader(), file.Name, file.FirstByte, file.FirstSequence, out _, out _) == JournalFormat.OtherFile)
                SetAside(log, file, storage, notes, $"'{file.Name}' is a copy of a file with another name");
        }
        log.MeasureFiles();
    }

    private static void SetAside(LogFiles log, LogFile file, IStorage storage, List<string> notes, string what)
    {
        var name = $"{JournalFormat.AsideFolder}/{file.Name[(JournalFormat.LogFolder.Length + 1)..]}";
        log.Detach(file);
        using (storage.Open(name))
        {
            // Makes the folder.
        }
        storage.Rename(file.Name, name);
        notes.Add($"{what}; it is kept in '{name}'");
    }

    /// <summary>Two files that say they hold the same part: the one that has more of it counts, the other is set aside.</summary>
    private static void DropTwins(LogFiles log, IStorage storage, List<string> notes)
    {
        var files = log.Files;
        foreach (var twins in files.GroupBy(file => file.FirstByte).Where(group => group.Count() > 1))
        {
            var best = twins.MaxBy(file => JournalFormat.HeaderTrouble(file.ReadHeader(), file.Name, file.FirstByte, file.FirstSequence, out _, out _) is null ? file.MeasureLength() : -1);
            foreach (var twin in twins.Where(file => file != best))
                SetAside(log, twin, storage, notes, $"'{twin.Name}' holds the same part of the log as '{best!.Name}'");
            log.MeasureFiles();
        }
    }
}

/// <summary>Where the log ends, and what was found on the way.</summary>
internal sealed record RecoveredEnd(long Byte, ulong Sequence, long Accepted, ulong Epoch, IReadOnlyList<string> Notes)
{
    /// <summary>Where the files end. What is known beyond is in none: every lane was through with it, or it is lost.</summary>
    public (long Byte, ulong Sequence) InFiles { get; init; }
}
