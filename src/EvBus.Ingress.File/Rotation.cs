using System.Globalization;
using System.Text.RegularExpressions;
using EvBus.Files;
using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.File;

/// <summary>When a file is rotated, what it is called then, and which of the rotated ones stay. Not thread-safe.</summary>
internal sealed partial class Rotation(FileIngressOptions options, IFileSystem files, TimeProvider time, ILogger logger, string laneId)
{
    private readonly HashSet<string> _undeletable = new(StringComparer.Ordinal);
    private long _period;

    /// <summary>A file is opened. Its last writing says which interval it belongs to, also when another process wrote it.</summary>
    public void Begin(FileState file) => _period = PeriodOf(file.Length > 0 ? file.LastWrite : time.GetUtcNow());

    /// <summary>Whether so many bytes more belong into a file of their own.</summary>
    public bool IsDue(long length, int more)
    {
        var now = PeriodOf(time.GetUtcNow());
        if (length == 0)
        {
            _period = now;
            return false;
        }
        // A clock that jumps back makes no new interval.
        return length + more > options.RotateBytes || now > _period;
    }

    /// <summary>Moves the file away, which may be open.</summary>
    /// <exception cref="EvBusException">It stayed where it was.</exception>
    public void Move(string path)
    {
        string name;
        try
        {
            name = NextName(path);
            files.Move(path, name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EvBusException($"{path} cannot be rotated: {e.Message} Check that its folder may be written.", e) { IsTransient = true };
        }
        Log.Rotated(logger, laneId, path, name);
    }

    /// <summary>Deletes the oldest beyond those to keep. What cannot be deleted is said once and holds up nothing.</summary>
    public void DeleteOld(string path)
    {
        if (options.Keep is not { } keep)
            return;
        try
        {
            var rotated = Rotated(path);
            foreach (var old in rotated.Take(rotated.Count - keep))
                Delete(old);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.NotDeleted(logger, laneId, path, e.Message);
        }
    }

    private void Delete(string name)
    {
        try
        {
            files.Delete(name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (_undeletable.Add(name))
                Log.NotDeleted(logger, laneId, name, e.Message);
        }
    }

    // Counted from the year 1, so that a day begins at midnight (UTC) whenever the process began.
    private long PeriodOf(DateTimeOffset moment) => options.RotateInterval is { } interval ? moment.UtcTicks / interval.Ticks : 0;

    // A counter behind the time: several may be rotated within a second, or after the clock jumped back, and their names should sort as
    // they were written, also when the first of that second are gone already.
    private string NextName(string path)
    {
        var stamp = time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture);
        var counter = 0;
        if (Rotated(path) is [.., var last])
        {
            var (lastStamp, lastCounter) = Parts(last, path);
            if (string.CompareOrdinal(lastStamp, stamp) >= 0)
                (stamp, counter) = (lastStamp, lastCounter + 1);
        }
        // What is not ours to count may still have the name: moving there would overwrite it.
        string name;
        do
            name = $"{path}.{stamp}.{counter++:000000}";
        while (files.Find(name) is not null);
        return name;
    }

    private static (string Stamp, int Counter) Parts(string name, string path)
    {
        var dot = name.LastIndexOf('.');
        return (name[(path.Length + 1)..dot], int.Parse(name.AsSpan(dot + 1), CultureInfo.InvariantCulture));
    }

    /// <summary>What was rotated from a file, oldest first; somebody's own copies beside it, and what was rotated from files with longer names, is not ours to count or delete.</summary>
    private List<string> Rotated(string path) =>
    [
        .. files.List(Path.GetDirectoryName(path)!, $"{Path.GetFileName(path)}.*")
            .Where(name => name.StartsWith(path, StringComparison.Ordinal) && Suffix().IsMatch(name.AsSpan(path.Length)))
            // The counter has six digits, and more when those are used up.
            .OrderBy(name => Parts(name, path).Stamp, StringComparer.Ordinal).ThenBy(name => Parts(name, path).Counter),
    ];

    [GeneratedRegex(@"\A\.\d{8}T\d{6}\.(\d{6}|[1-9]\d{6,8})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Suffix();
}
