using EvBus.Journal;
using EvBus.Tools.Acct;

namespace EvBus.Tools.Cli.Journal;

/// <summary>
/// A journal's folder, opened for reading: nothing is changed and no lock taken, so that a bus may be at work in it. Cursors and checkpoint are read
/// before the log, which therefore holds all that they have counted.
/// </summary>
internal sealed class JournalFolder
{
    private JournalFolder(DiskStorage storage, string? owner)
    {
        Storage = storage;
        Owner = owner;
        Cipher = ToolKey.For(storage);
    }

    public DiskStorage Storage { get; }

    /// <summary>What decrypts it; null when it is not encrypted, or no key is given: then only what needs none can be done.</summary>
    public JournalCipher? Cipher { get; }

    /// <summary>The process that has it open; null when nobody has.</summary>
    public string? Owner { get; }

    /// <summary>The slots of the checkpoint; null when there is no such file.</summary>
    public SlotScan? CheckpointSlots { get; private set; }

    public Checkpoint? Checkpoint { get; private set; }

    public IReadOnlyList<CursorFile> Cursors { get; private set; } = [];

    /// <summary>Whether it was last used in mode spill, where not all that has a number is in the log.</summary>
    public bool MaySkip => Checkpoint is { } checkpoint && (checkpoint.State & CheckpointState.Spill) != 0;

    /// <summary>Whether the last process that had it open closed it in order. Of a journal in use nothing can be said.</summary>
    public bool IsClean => Owner is null && Checkpoint is { IsClean: true };

    /// <summary>The byte of the log behind all that the file has room for.</summary>
    public long EndOf(PlacedFile file)
    {
        using var opened = Storage.OpenRead(file.Name);
        return file.FirstByte + Math.Max(0, opened.Length - JournalFormat.FileHeaderLength);
    }

    /// <summary>Opens for reading, whoever has it open.</summary>
    /// <exception cref="UsageException">There is no journal in the folder.</exception>
    public static JournalFolder Open(string path)
    {
        var storage = Find(path);
        return new JournalFolder(storage, OwnerOf(storage)).Load();
    }

    /// <summary>Opens for a change, with the lock held until <paramref name="ownership"/> is disposed.</summary>
    /// <exception cref="EvBusException">Another process has it; the message names it.</exception>
    public static JournalFolder OpenExclusive(string path, out IDisposable ownership)
    {
        var storage = Find(path);
        ownership = storage.Lock($"evbus journal (process {System.Environment.ProcessId})");
        try
        {
            return new JournalFolder(storage, null).Load();
        }
        catch
        {
            ownership.Dispose();
            throw;
        }
    }

    /// <summary>Reads checkpoint and cursors again, after a change.</summary>
    public JournalFolder Load()
    {
        CheckpointSlots = Storage.Exists(JournalFormat.CheckpointName) ? SlotScan.Read(Storage, JournalFormat.CheckpointName, Checkpoint.SlotLength) : null;
        Checkpoint = CheckpointSlots?.Content is { } content ? Checkpoint.Decode(content) : null;
        var cursors = new List<CursorFile>();
        foreach (var file in Storage.List(JournalFormat.LaneFolder).Order(StringComparer.Ordinal))
        {
            if (!file.EndsWith(".cursor", StringComparison.Ordinal))
                continue;
            var name = $"{JournalFormat.LaneFolder}/{file}";
            try
            {
                var slots = SlotScan.Read(Storage, name, LaneCursor.SlotLength);
                cursors.Add(new CursorFile(name, slots, slots.Content is { } state ? LaneCursor.Decode(state, name) : null));
            }
            catch (FileNotFoundException) when (Owner is not null)
            {
                // A lane was forgotten this moment.
            }
        }
        Cursors = cursors;
        return this;
    }

    /// <summary>The cursor of a lane.</summary>
    /// <exception cref="UsageException">There is none that can be read.</exception>
    public CursorFile RequireLane(string laneId)
    {
        if (Cursors.FirstOrDefault(cursor => cursor.LaneId == laneId) is not { } found)
        {
            var known = Cursors.Select(cursor => $"'{cursor.LaneId}'").ToArray();
            throw new UsageException($"The journal has no lane '{laneId}'. {(known.Length == 0 ? "It has none at all." : $"It has {string.Join(", ", known)}.")}");
        }
        return found.Cursor is not null ? found : throw new UsageException($"The cursor of lane '{laneId}' cannot be read. 'evbus journal repair' makes a new one.");
    }

    private static DiskStorage Find(string path)
    {
        if (string.IsNullOrEmpty(path))
            throw new UsageException("No directory is named. Name the journal's: evbus journal stats DIR");
        if (!Directory.Exists(path))
            throw new UsageException(File.Exists(path) ? $"'{path}' is a file. Name the journal's directory." : $"There is no directory '{path}'.");
        RequireReadable(path);
        PlainFiles.Require(path);
        var storage = new DiskStorage(path);
        if (!storage.Exists(JournalFormat.CheckpointName) && storage.List(JournalFormat.LogFolder).Count == 0 && storage.List(JournalFormat.LaneFolder).Count == 0)
            throw new UsageException($"There is no journal in '{path}': it has neither a checkpoint nor a log.");
        return storage;
    }

    // To somebody who may not look inside, a folder looks like an empty one.
    private static void RequireReadable(string path)
    {
        try
        {
            _ = Directory.EnumerateFileSystemEntries(path).Any();
        }
        catch (UnauthorizedAccessException)
        {
            throw Unreadable(Path.GetFullPath(path));
        }
    }

    private static UsageException Unreadable(string path) => new($"'{path}' may not be read by this user. A journal belongs to whoever runs the bus.");

    /// <summary>Asks for a shared lock for a moment, which whoever has the journal open does not allow.</summary>
    private static string? OwnerOf(DiskStorage storage)
    {
        var path = Path.Combine(storage.Path, "lock");
        try
        {
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            throw Unreadable(storage.Path);
        }
        catch (IOException)
        {
            return storage.Exists("lock.owner") ? File.ReadAllText(Path.Combine(storage.Path, "lock.owner")) : "another process";
        }
    }
}

/// <summary>The cursor of a lane, as it lies on disk; <paramref name="Cursor"/> is null when it was never written, or all its slots are lost.</summary>
internal sealed record CursorFile(string Name, SlotScan Slots, LaneCursor? Cursor)
{
    /// <summary>The lane, by the cursor or else by the file's name; null when the name is one that was too long and is cut.</summary>
    public string? LaneId => Cursor?.LaneId ?? LaneOf(Path.GetFileNameWithoutExtension(Name));

    /// <summary>The lane whose files have this name; null when it was too long and is cut.</summary>
    public static string? LaneOf(string name)
    {
        if (name.Length > 160 && name.LastIndexOf('%') == 160)
            return null;
        var id = Uri.UnescapeDataString(name);
        return LaneCursor.FileOf(id) == name ? id : null;
    }
}
