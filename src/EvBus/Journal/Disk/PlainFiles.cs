using EvBus.Files;

namespace EvBus.Journal;

/// <summary>
/// Looks at what lies in a journal's folder before anything of it is opened: opening a FIFO waits for ever, a device may do anything, and a
/// directory in the place of a file is not seen at all.
/// </summary>
internal static class PlainFiles
{
    private static readonly string[] s_folders = [JournalFormat.LogFolder, JournalFormat.LaneFolder, JournalFormat.DeadFolder, JournalFormat.ReserveFolder, JournalFormat.AsideFolder];

    /// <exception cref="EvBusException">Something else is where a file or folder of the journal belongs; the message names it.</exception>
    public static void Require(string path)
    {
        if (!Directory.Exists(path))
            return;
        foreach (var name in (string[])["lock", "lock.owner", JournalFormat.CheckpointName, JournalFormat.KeyName])
            RequireKind(Path.Combine(path, name), FileKind.Plain);
        foreach (var folder in s_folders)
        {
            var full = Path.Combine(path, folder);
            RequireKind(full, FileKind.Directory);
            if (!Directory.Exists(full) || folder == JournalFormat.AsideFolder)
                continue;
            foreach (var entry in Directory.EnumerateFileSystemEntries(full))
            {
                if (IsOurs(folder, entry))
                    RequireKind(entry, FileKind.Plain);
            }
        }
    }

    private static bool IsOurs(string folder, string name) => folder switch
    {
        JournalFormat.LogFolder => name.Contains(".evj", StringComparison.Ordinal),
        JournalFormat.LaneFolder => name.Contains(".cursor", StringComparison.Ordinal),
        JournalFormat.DeadFolder => name.Contains(".dead", StringComparison.Ordinal),
        _ => true,
    };

    private static void RequireKind(string path, FileKind kind)
    {
        if (UnixFile.TryFind(path, out var state) && state is { } there && there.Kind != kind)
            throw new EvBusException($"'{path}' is {(there.Kind switch { FileKind.Directory => "a directory", FileKind.Plain => "a file", _ => "a device, pipe or socket" })}, where the journal has {(kind == FileKind.Plain ? "a plain file" : "a directory")}. Move it away; nothing was changed.");
    }
}
