namespace EvBus.Journal;

/// <summary>
/// Segment files that every lane is through with, kept to be written again: their blocks are there and have been written, so an fsync of what
/// is written into them takes little more than half the time, and nothing is deleted while events come in. A spare has a name that no opening
/// reads; it is deleted with the journal's end, or when the disk is full. Thread-safe.
/// </summary>
internal sealed class SpareFiles(IStorage storage, long fileBytes)
{
    private const string Extension = ".spare";
    private const int Most = 2;

    private readonly Lock _lock = new();
    private readonly Stack<(string Name, long Length)> _spares = new();

    /// <summary>Deletes what a killed process left.</summary>
    public void Clear()
    {
        foreach (var name in storage.List(JournalFormat.LogFolder))
        {
            if (IsSpare(name))
                storage.Delete($"{JournalFormat.LogFolder}/{name}");
        }
    }

    public static bool IsSpare(string name) => name.EndsWith(Extension, StringComparison.Ordinal);

    /// <summary>Takes a file that nobody reads any more; false when it is not worth keeping.</summary>
    public bool TryKeep(string name, long recordBytes)
    {
        var length = JournalFormat.FileHeaderLength + recordBytes;
        // A file ends where the next group found no room, so it gets a little shorter each time.
        if (length < fileBytes / 4 * 3)
            return false;
        lock (_lock)
        {
            if (_spares.Count == Most)
                return false;
            try
            {
                storage.Rename(name, name + Extension);
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                // Somebody deleted it, as was about to be done.
                return false;
            }
            _spares.Push((name + Extension, length));
            return true;
        }
    }

    /// <summary>The name of a spare with room for so much; null when there is none. It is the caller's from now on.</summary>
    public (string Name, long Length)? Take(long length)
    {
        lock (_lock)
        {
            while (_spares.TryPop(out var spare))
            {
                if (spare.Length >= length)
                    return spare;
                storage.Delete(spare.Name);
            }
            return null;
        }
    }

    /// <summary>Deletes all of them; false when nothing was deleted.</summary>
    public bool Drop()
    {
        var any = false;
        lock (_lock)
        {
            while (_spares.TryPop(out var spare))
            {
                try
                {
                    storage.Delete(spare.Name);
                    any = true;
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // The next opening deletes it; until then it is only room that is missing.
                }
            }
        }
        return any;
    }
}
