using System.Globalization;
using EvBus.Journal;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Repairing;

/// <summary>Makes files of dead letters whole: what is damaged goes aside, the rest is written anew.</summary>
internal static class DeadRepair
{
    public static void Run(JournalCheck check, List<string> done)
    {
        var storage = check.Folder.Storage;
        foreach (var lost in check.Findings.Where(finding => finding.Kind == "dead_lost"))
        {
            DeadScan.WriteHeader(storage, lost.File);
            storage.SyncFolder(JournalFormat.DeadFolder);
            done.Add($"'{lost.File}' is there again, without a letter");
        }
        foreach (var scan in check.Dead)
        {
            if (!scan.HasHeader)
            {
                DeadScan.WriteHeader(storage, scan.Name);
                done.Add($"'{scan.Name}' has a new header");
            }
            var parts = scan.Tail is { } tail ? [.. scan.Damaged, tail] : scan.Damaged;
            if (parts.Count == 0)
                continue;
            using (var window = new FileWindow(storage.OpenRead(scan.Name)))
            using (var whole = storage.Open(scan.Name + ".new"))
            {
                whole.SetLength(0);
                var (at, end) = (0L, 0L);
                foreach (var (begin, length) in parts)
                {
                    var name = string.Create(CultureInfo.InvariantCulture, $"{JournalFormat.AsideFolder}/{Path.GetFileName(scan.Name)}-{begin}-{length}.bin");
                    using (var aside = storage.Open(name))
                    {
                        aside.SetLength(0);
                        window.CopyTo(aside, begin, begin + length, 0);
                        aside.Sync();
                    }
                    storage.SyncFolder(JournalFormat.AsideFolder);
                    done.Add(string.Create(CultureInfo.InvariantCulture, $"'{scan.Name}': byte {begin}, {length} bytes were taken out; they are in '{name}'"));
                    window.CopyTo(whole, at, begin, end);
                    (at, end) = (begin + length, end + begin - at);
                }
                window.CopyTo(whole, at, window.Length, end);
                whole.Sync();
            }
            storage.Rename(scan.Name + ".new", scan.Name);
            storage.SyncFolder(JournalFormat.DeadFolder);
        }
    }
}
