namespace EvBus.Journal;

/// <summary>
/// Which segment files have an open handle: at most so many, however long the log is. The one that was opened first is closed, and opened again
/// when somebody reads it. Thread-safe; called by a file under its own lock, so another file's is never waited for.
/// </summary>
internal sealed class OpenFiles(int most)
{
    /// <summary>How many a journal holds open: enough that lanes which read at different places do not close each other's.</summary>
    public const int Usual = 64;

    private readonly Lock _lock = new();
    private readonly LinkedList<LogFile> _open = new();

    public void Opened(LogFile file)
    {
        LogFile? oldest = null;
        lock (_lock)
        {
            _open.AddLast(file);
            if (_open.Count > most)
            {
                oldest = _open.First!.Value;
                _open.RemoveFirst();
            }
        }
        if (oldest != file)
            oldest?.TryClose();
    }

    public void Forget(LogFile file)
    {
        lock (_lock)
            _open.Remove(file);
    }
}
