namespace EvBus.Journal;

// What is kept of the settled part, for rewinding.
internal sealed partial class LogFiles
{
    /// <summary>The byte before which files may go, when everything before <paramref name="needed"/> is settled.</summary>
    public long RetainedFrom(long needed, JournalRetention retain, DateTimeOffset now)
    {
        var files = Files;
        var from = files.Count == 0 ? needed : files[0].FirstByte;
        for (var i = 0; i < files.Count && files[i].EndByte <= needed; i++)
        {
            // The next file is made when this one has its last event.
            var isTooOld = retain.Age is { } age && i + 1 < files.Count && files[i + 1].Made is { } ended && now - ended > age;
            var isTooMuch = retain.Bytes is { } most && needed - files[i].FirstByte > most;
            if (!isTooOld && !isTooMuch)
                break;
            from = files[i].EndByte;
        }
        return Math.Min(from, needed);
    }
}
