namespace EvBus.Journal;

// What is kept of the settled part, for rewinding.
internal sealed partial class LogFiles
{
    private readonly HashSet<long> _future = [];

    /// <summary>The byte before which files may go, when everything before <paramref name="needed"/> is settled.</summary>
    public long RetainedFrom(long needed, JournalRetention retain, DateTimeOffset now)
    {
        var files = Files;
        var from = files.Count == 0 ? needed : files[0].FirstByte;
        for (var i = 0; i < files.Count && files[i].EndByte <= needed; i++)
        {
            // The next file is made when this one has its last event.
            var isTooOld = retain.Age is { } age && i + 1 < files.Count && MadeBy(files, i + 1, now) is { } ended && now - ended > age;
            var isTooMuch = retain.Bytes is { } most && needed - files[i].FirstByte > most;
            if (!isTooOld && !isTooMuch)
                break;
            from = files[i].EndByte;
        }
        return Math.Min(from, needed);
    }

    /// <summary>
    /// When a file was made at the latest. A stamp of the future comes from a clock that was ahead: then the next file with a possible stamp bounds it,
    /// for that was made later; where there is none, it counts as made now.
    /// </summary>
    private DateTimeOffset? MadeBy(IReadOnlyList<LogFile> files, int index, DateTimeOffset now)
    {
        if (files[index].Made is not { } made || made <= now)
            return files[index].Made;
        var counted = files.Skip(index + 1).Select(static file => file.Made).FirstOrDefault(later => later <= now) ?? now;
        if (_future.Add(files[index].FirstByte))
            OnFutureStamp?.Invoke(files[index].Name, made, counted);
        return counted;
    }
}
