using System.Globalization;
using EvBus.Journal;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Repairing;

/// <summary>
/// Makes the segment files whole. A file is written anew under another name, made durable and renamed: a repair that is cut short leaves the old
/// file or the new one, and can be made again.
/// </summary>
internal sealed class LogRepair(IStorage storage, LogScan scan, TimeProvider time)
{
    private const int Piece = 1 << 20;

    /// <summary>Moves copies aside and gives misnamed files their names back. True when something was changed: then the log is to be scanned again.</summary>
    public static bool Arrange(IStorage storage, LogArrangement arrangement, List<string> done)
    {
        foreach (var (name, _) in arrangement.Doubled)
        {
            var aside = $"{JournalFormat.AsideFolder}/{name[(JournalFormat.LogFolder.Length + 1)..]}";
            MakeAside(storage, aside);
            storage.Rename(name, aside);
            done.Add($"'{name}' was moved to '{aside}'");
        }
        var misnamed = arrangement.Files.Where(file => file.Name != file.RightName).ToList();
        foreach (var file in misnamed)
        {
            storage.Rename(file.Name, file.RightName);
            done.Add($"'{file.Name}' is '{file.RightName}' again");
        }
        if (arrangement.Doubled.Count + misnamed.Count == 0)
            return false;
        storage.SyncFolder(JournalFormat.LogFolder);
        if (arrangement.Doubled.Count > 0)
            storage.SyncFolder(JournalFormat.AsideFolder);
        return true;
    }

    /// <summary>Rewrites every file that has a damaged part or header.</summary>
    public void Run(List<string> done, List<string> left)
    {
        foreach (var finding in scan.Findings.Where(finding => finding.Kind == "numbers"))
            left.Add($"'{finding.File}': {finding.What}");
        foreach (var file in scan.Arrangement.Files)
        {
            var gaps = scan.Findings.Where(finding => finding.File == file.Name && finding.Gap is not null).Select(finding => finding.Gap!).ToList();
            foreach (var gap in gaps.Where(gap => !Filler.Fits(gap)))
                left.Add(string.Create(CultureInfo.InvariantCulture, $"'{file.Name}': {gap.Length} bytes at byte {gap.At} of the log have no room for the {gap.Events} events that were there; restore the file from a backup"));
            gaps.RemoveAll(gap => !Filler.Fits(gap));
            if (file.Mark != 0 && file.HeaderTrouble is not null && file.Mark != FileMark.Of(file.FirstSequence))
                left.Add($"'{file.Name}': its header is damaged, and so is what would say which event it begins with; restore the file from a backup");
            else if (gaps.Count > 0 || file.HeaderTrouble is not null)
                Rewrite(file, gaps, done);
        }
    }

    private void Rewrite(PlacedFile file, List<Gap> gaps, List<string> done)
    {
        var temporary = file.Name + ".new";
        if (storage.Exists(temporary))
            storage.Delete(temporary);
        using (var from = storage.OpenRead(file.Name))
        {
            foreach (var gap in gaps)
                KeepAside(from, file, gap, done);
            var physical = from.Length;
            var length = gaps.Select(gap => InFile(file, gap.End)).Append(physical).Max();
            using var to = storage.Open(temporary, preallocate: length);
            var at = 0L;
            if (file.HeaderTrouble is not null)
            {
                var (epoch, accepted) = scan.HeaderOf(file);
                to.Write(0, JournalFormat.FileHeader(epoch, file.FirstByte, file.FirstSequence, accepted, time.GetUtcNow(), SaltOf(file), file.IsAfterGap, isReused: file.Mark != 0));
                done.Add($"'{file.Name}' has a new header");
                at = JournalFormat.FileHeaderLength;
            }
            foreach (var gap in gaps)
            {
                Copy(from, to, at, InFile(file, gap.At));
                at = InFile(file, gap.At);
                foreach (var record in Filler.Records(gap, time.GetUtcNow(), file.Mark))
                {
                    to.Write(at, record);
                    at += record.Length;
                }
            }
            Copy(from, to, at, physical);
            to.Sync();
        }
        storage.Rename(temporary, file.Name);
        storage.SyncFolder(JournalFormat.LogFolder);
    }

    // Kept in the commit records, so that what is behind the header can still be decrypted.
    private ulong SaltOf(PlacedFile file)
    {
        using var there = new LogFile(storage, file.Name, file.FirstByte, file.FirstSequence);
        return there.Salt?.Salt ?? 0;
    }

    private void KeepAside(IStorageFile from, PlacedFile file, Gap gap, List<string> done)
    {
        var (begin, end) = (InFile(file, gap.At), Math.Min(InFile(file, gap.End), from.Length));
        var kept = "";
        if (end > begin)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{JournalFormat.AsideFolder}/damaged-{gap.At:x16}-{end - begin}.bin");
            using (var aside = storage.Open(name, preallocate: end - begin))
            {
                Copy(from, aside, begin, end, -begin);
                aside.SetLength(end - begin);
                aside.Sync();
            }
            storage.SyncFolder(JournalFormat.AsideFolder);
            kept = $"; their bytes are in '{name}'";
        }
        var which = gap.Events switch
        {
            0 => "a commit record was written again",
            1 => string.Create(CultureInfo.InvariantCulture, $"event {gap.FirstSequence} is lost"),
            _ => string.Create(CultureInfo.InvariantCulture, $"events {gap.FirstSequence} to {gap.FirstSequence + (ulong)gap.Events - 1} are lost"),
        };
        done.Add(string.Create(CultureInfo.InvariantCulture, $"'{file.Name}': byte {begin}, {gap.Length} bytes: {which}{kept}"));
    }

    private static void Copy(IStorageFile from, IStorageFile to, long at, long end, long shift = 0)
    {
        var buffer = new byte[Math.Max(0, Math.Min(Piece, end - at))];
        while (at < end)
        {
            var read = from.Read(at, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)));
            if (read == 0)
                return;
            to.Write(at + shift, buffer.AsSpan(0, read));
            at += read;
        }
    }

    private static void MakeAside(IStorage storage, string name)
    {
        // Makes the folder; the file is replaced.
        using (storage.Open(name, preallocate: 1))
        {
        }
    }

    private static long InFile(PlacedFile file, long at) => at - file.FirstByte + JournalFormat.FileHeaderLength;
}
