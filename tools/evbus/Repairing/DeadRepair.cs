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
            var content = File.ReadAllBytes(Path.Combine(storage.Path, scan.Name));
            using var whole = new MemoryStream();
            var at = 0L;
            foreach (var (begin, length) in parts)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"{JournalFormat.AsideFolder}/{Path.GetFileName(scan.Name)}-{begin}-{length}.bin");
                Put(storage, name, content.AsSpan((int)begin, (int)length));
                storage.SyncFolder(JournalFormat.AsideFolder);
                done.Add(string.Create(CultureInfo.InvariantCulture, $"'{scan.Name}': byte {begin}, {length} bytes were taken out; they are in '{name}'"));
                whole.Write(content.AsSpan((int)at, (int)(begin - at)));
                at = begin + length;
            }
            whole.Write(content.AsSpan((int)at));
            Put(storage, scan.Name + ".new", whole.ToArray());
            storage.Rename(scan.Name + ".new", scan.Name);
            storage.SyncFolder(JournalFormat.DeadFolder);
        }
    }

    private static void Put(IStorage storage, string name, ReadOnlySpan<byte> content)
    {
        using var file = storage.Open(name, preallocate: content.Length);
        file.SetLength(content.Length);
        file.Write(0, content);
        file.Sync();
    }
}
