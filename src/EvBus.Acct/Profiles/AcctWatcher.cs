using Microsoft.Extensions.Logging;

namespace EvBus.Acct;

/// <summary>
/// Notices that files were changed or replaced. It watches their folders, because a file replaced by renaming is another file, and a
/// mounted secret changes through a link beside it; what happens to other files in the folder only makes it look.
/// </summary>
internal sealed class AcctWatcher : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly string[] _files;
    private readonly (string Target, DateTime Written, long Length)[] _seen;
    private readonly Action _changed;
    private readonly List<IDisposable> _held = [];
    private bool _disposed;

    public AcctWatcher(IEnumerable<string> files, Action changed, ILogger? logger, TimeProvider time)
    {
        _files = [.. files.Select(Path.GetFullPath)];
        _changed = changed;
        foreach (var folder in _files.Select(file => Path.GetDirectoryName(file)!).Distinct(StringComparer.Ordinal))
        {
            try
            {
                Watch(folder);
            }
            catch (Exception exception) when (exception is IOException or ArgumentException or UnauthorizedAccessException)
            {
                // The system's limit of watches, or a file system without them.
                if (logger is not null)
                    AcctLog.CannotWatch(logger, folder, SafeFile.Reason(exception, folder), Interval.TotalSeconds);
                _held.Add(time.CreateTimer(_ => Look(), null, Interval, Interval));
            }
        }
        _seen = [.. _files.Select(Stamp)];
    }

    public void Dispose()
    {
        lock (_lock)
            _disposed = true;
        foreach (var held in _held)
            held.Dispose();
    }

    private void Watch(string folder)
    {
        var watcher = new FileSystemWatcher(folder)
        {
            NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size | NotifyFilters.CreationTime | NotifyFilters.Attributes,
        };
        _held.Add(watcher);
        void Event(object sender, FileSystemEventArgs arguments)
        {
            var names = arguments is RenamedEventArgs renamed ? new[] { renamed.FullPath, renamed.OldFullPath } : [arguments.FullPath];
            if (names.Any(name => _files.Contains(name, StringComparer.Ordinal)))
                Tell();
            else
                Look();
        }
        watcher.Changed += Event;
        watcher.Created += Event;
        watcher.Deleted += Event;
        watcher.Renamed += Event;
        // Too many events at once, or the folder is gone: something may have changed.
        watcher.Error += (_, _) => Tell();
        watcher.EnableRaisingEvents = true;
    }

    private void Look()
    {
        var different = false;
        lock (_lock)
        {
            for (var i = 0; _seen is not null && i < _files.Length; i++)
            {
                var now = Stamp(_files[i]);
                different |= now != _seen[i];
                _seen[i] = now;
            }
        }
        if (different)
            Tell();
    }

    private void Tell()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
        }
        _changed();
    }

    private static (string Target, DateTime Written, long Length) Stamp(string file)
    {
        try
        {
            var target = new FileInfo(file).LinkTarget is null ? file : File.ResolveLinkTarget(file, returnFinalTarget: true)!.FullName;
            var info = new FileInfo(target);
            return info.Exists ? (target, info.LastWriteTimeUtc, info.Length) : (target, default, -1);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ("", default, -1);
        }
    }
}
