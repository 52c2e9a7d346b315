using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

/// <summary>Everything that can be said about a journal's folder: log, cursors, checkpoint.</summary>
internal sealed class JournalCheck
{
    /// <summary>How far beyond the checkpoint a cursor may have counted: more cannot have been committed between two fsyncs of the checkpoint.</summary>
    private const long MaxAhead = 1L << 30;

    private readonly List<Finding> _findings = [];

    private JournalCheck(JournalFolder folder, LogScan scan)
    {
        Folder = folder;
        Scan = scan;
    }

    public JournalFolder Folder { get; }

    public LogScan Scan { get; }

    /// <summary>The files of dead letters.</summary>
    public IReadOnlyList<DeadScan> Dead { get; private set; } = [];

    public IReadOnlyList<Finding> Findings => _findings;

    public bool IsDamaged => _findings.Exists(finding => finding.IsDamage);

    public static JournalCheck Run(string path) => Look(path, folder => Run(folder), static check => !check.IsDamaged);

    /// <summary>
    /// Looks at a journal that may be in use. Then files that nobody needs any more go while it is read, and cursors just read are behind what is there:
    /// only what is still so after several looks is so.
    /// </summary>
    public static T Look<T>(string path, Func<JournalFolder, T> look, Func<T, bool> isGood)
    {
        var vanished = 0;
        for (var left = 10; ; left--)
        {
            var folder = JournalFolder.Open(path);
            try
            {
                var seen = look(folder);
                if (folder.Owner is null || left == 0 || isGood(seen))
                    return seen;
            }
            catch (FileNotFoundException) when (folder.Owner is not null && vanished++ < 200)
            {
                // Gone this moment: every lane is through with it.
                left++;
            }
        }
    }

    public static JournalCheck Run(JournalFolder folder, ulong from = 0)
    {
        var scan = LogScan.Run(folder, ConfirmedEnd(folder), KeyFile.PlainUntil(folder.Storage, folder.Cipher), folder.Cursors.Where(cursor => cursor.Cursor is not null).Select(cursor => cursor.Cursor!.PlaceByte), from);
        var check = new JournalCheck(folder, scan);
        check._findings.AddRange(scan.Findings);
        foreach (var (name, why) in scan.Arrangement.Doubled)
            check._findings.Add(new("doubled", name, 0, 0, 0, why, $"{Finding.Repair} moves it to aside/; nothing is lost"));
        foreach (var name in scan.Arrangement.Unknown)
            check._findings.Add(new("unknown", name, 0, 0, 0, "it is no segment file by its name", "delete it if it is not yours; the journal does not read it", IsDamage: false));
        check.CheckBegin();
        check.CheckCheckpoint();
        foreach (var cursor in folder.Cursors.Where(file => from == 0 || file.Cursor is not { } state || state.PlaceSequence >= from))
            check.CheckCursor(cursor);
        check.CheckDead();
        return check;
    }

    /// <summary>Up to where something has counted the log: it cannot have ended before.</summary>
    private static (long Byte, ulong Sequence) ConfirmedEnd(JournalFolder folder)
    {
        var confirmed = folder.Checkpoint is { } checkpoint ? (checkpoint.Byte, checkpoint.Sequence) : (0L, 0UL);
        var bound = folder.Checkpoint is null ? long.MaxValue : confirmed.Item1 + MaxAhead;
        foreach (var file in folder.Cursors)
        {
            if (folder.MaySkip && file.Cursor is { } spilled && spilled.PlaceByte > confirmed.Item1)
                confirmed = (spilled.PlaceByte, spilled.PlaceSequence);
            if (file.Cursor is { } cursor && cursor.CountedByte > confirmed.Item1 && cursor.CountedByte <= bound)
                confirmed = (cursor.CountedByte, cursor.CountedSequence);
        }
        return confirmed;
    }

    /// <summary>A file goes only when every lane is through with it: a lane that still needs what is before the first one has lost it.</summary>
    private void CheckBegin()
    {
        if (Scan.Arrangement.Files is [{ IsAfterGap: true }, ..])
            return;
        var behind = Folder.Cursors.Where(file => file.Cursor is { } cursor && cursor.PlaceByte < Scan.First.Byte).Select(file => file.Cursor!).ToList();
        if (behind.Count == 0)
            return;
        var (at, oldest) = (behind.Min(cursor => cursor.PlaceByte), behind.Min(cursor => cursor.Oldest));
        var events = (long)(Scan.First.Sequence - Math.Min(oldest, Scan.First.Sequence));
        _findings.Add(new("missing", JournalFormat.LogFolder, 0, Scan.First.Byte - at, events, $"the files before event {Scan.First.Sequence} are missing, which lanes still need",
            $"restore them from a backup if there is one, else {Finding.Repair} counts their events as dropped: damaged")
        { FirstSequence = events > 0 ? oldest : null });
    }

    private void CheckCheckpoint()
    {
        const string name = JournalFormat.CheckpointName;
        if (Folder.CheckpointSlots is not { } slots)
        {
            if (Scan.Arrangement.Files.Count > 0)
                _findings.Add(new("checkpoint", name, 0, 0, 0, "it is missing", $"{Finding.Repair} makes one from the log; what was unmatched before is counted anew"));
            return;
        }
        if (slots.IsLost)
            _findings.Add(new("checkpoint", name, 0, (long)SlotScan.Count * Checkpoint.SlotLength, 0, "all its slots are damaged", $"{Finding.Repair} makes one from the log; what was unmatched before is counted anew"));
        else if (slots.HasDamagedSlot)
            AddSlot("checkpoint_slot", name, slots, Checkpoint.SlotLength, "another one counts; nothing is lost");
    }

    private void CheckCursor(CursorFile file)
    {
        if (file.Slots.IsNeverWritten)
        {
            _findings.Add(new("cursor_unwritten", file.Name, 0, 0, 0, "it was made and never written", "nothing: the lane starts at the oldest event", IsDamage: false));
            return;
        }
        if (file.Cursor is not { } cursor)
        {
            _findings.Add(new("cursor_lost", file.Name, 0, (long)SlotScan.Count * LaneCursor.SlotLength, 0, "all its slots are damaged: what the lane was through with is not known", file.LaneId is null
                ? "start the bus with this lane: it begins at the oldest event there is; its name is too long to be read from the file's"
                : $"{Finding.Repair} makes one that begins at the oldest event: the lane gets again what is still there"));
            return;
        }
        if (file.Slots.HasDamagedSlot)
            AddSlot("cursor_slot", file.Name, file.Slots, LaneCursor.SlotLength, "another one counts: what the lane settled after it may be delivered again");
        if (PlaceTrouble(cursor) is { } trouble)
            _findings.Add(new("cursor_place", file.Name, 0, 0, 0, trouble, $"{Finding.Repair} sets it to the nearest record before it"));
    }

    private void CheckDead()
    {
        Dead = [.. Folder.Storage.List(JournalFormat.DeadFolder).Where(name => name.EndsWith(".dead", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(name => DeadScan.Of(Folder.Storage, $"{JournalFormat.DeadFolder}/{name}"))];
        foreach (var cursor in Folder.Cursors.Select(file => file.Cursor).OfType<LaneCursor>().Where(cursor => cursor.Dead > 0))
        {
            var name = DeadLetterFile.NameOf(cursor.LaneId);
            if (Dead.FirstOrDefault(dead => dead.Name == name) is not { IsEmpty: false })
                _findings.Add(new("dead_lost", name, 0, 0, 0, $"it {(Folder.Storage.Exists(name) ? "is empty" : "is missing")}, and the ledger says that {cursor.Dead} events of lane '{cursor.LaneId}' became dead letters: those not replayed or purged since are lost", $"restore it from a backup if there is one, else {Finding.Repair} makes an empty one"));
        }
        foreach (var dead in Dead)
        {
            if (!dead.HasHeader)
                _findings.Add(new("dead_header", dead.Name, 0, 16, 0, "it does not begin as a file of dead letters does", $"{Finding.Repair} writes a new header; nothing is lost. A bus started before would leave all its letters out"));
            foreach (var (at, length) in dead.Damaged)
                _findings.Add(new("dead_letter", dead.Name, at, length, 0, "an entry is damaged: a dead letter is lost, or one that was gone is there again", $"{Finding.Repair} keeps its bytes in aside/ and takes it out"));
            if (dead.Tail is { } tail && Folder.Owner is null)
                _findings.Add(new("dead_tail", dead.Name, tail.At, tail.Length, 0, "its last entry is torn", Folder.IsClean ? $"{Finding.Repair} keeps its bytes in aside/ and takes it out" : "nothing: the next opening cuts it off", IsDamage: Folder.IsClean));
        }
    }

    private void AddSlot(string kind, string name, SlotScan slots, int slotLength, string effect) =>
        _findings.Add(new(kind, name, slots.DamagedAt(slotLength), slotLength, 0, $"a slot of it is damaged; {effect}", $"{Finding.Repair} writes it again", IsDamage: Folder.Owner is null));

    /// <summary>What is wrong with where a cursor stands; null when nothing is.</summary>
    public string? PlaceTrouble(LaneCursor cursor)
    {
        var (first, end) = (Scan.First, Scan.End);
        if (cursor.PlaceByte < first.Byte)
            return $"it stands at event {cursor.Oldest}, and the log begins at event {first.Sequence}: files before it are missing";
        if (cursor.Oldest > end.Sequence || cursor.PlaceByte > end.Byte || cursor.CountedSequence > end.Sequence)
            return $"it stands at event {cursor.Oldest}, beyond the end of the log at event {end.Sequence}: it is of another journal, or the log lost its end";
        if (cursor.PlaceSequence > cursor.Oldest)
            return $"it says that it reads on at event {cursor.PlaceSequence}, behind the oldest that is not settled ({cursor.Oldest})";
        if (cursor.PlaceByte == end.Byte)
            return cursor.PlaceSequence == end.Sequence ? null : $"it stands at the log's end and says that this is event {cursor.PlaceSequence}, where it is {end.Sequence}";
        if (Scan.Places.TryGetValue(cursor.PlaceByte, out var sequence))
            return sequence == cursor.PlaceSequence ? null : $"it says that event {cursor.PlaceSequence} begins at byte {cursor.PlaceByte}, where event {sequence} does";
        return Scan.Findings.Any(finding => finding.Gap is { } gap && cursor.PlaceByte >= gap.At && cursor.PlaceByte < gap.End) ? null : $"no record begins at its byte {cursor.PlaceByte}";
    }
}
