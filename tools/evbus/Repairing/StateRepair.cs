using System.Globalization;
using EvBus.Journal;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Repairing;

/// <summary>Makes cursors and the checkpoint agree with the log. What a lane has lost is counted as dropped: damaged, so that its ledger balances.</summary>
internal sealed class StateRepair(JournalCheck check)
{
    private readonly IStorage _storage = check.Folder.Storage;
    private readonly LogScan _scan = check.Scan;

    /// <summary>Cursors, before the log: what is lost is known as long as the log is not repaired. Twice is harmless, for what is missing is found by the equation.</summary>
    public void RepairCursors(List<string> done, List<string> left)
    {
        var lanes = check.Folder.Cursors.Where(file => file.Cursor is not null).Select(file => (File: file, Queue: new LaneQueue(file.Cursor!))).ToList();
        var lost = _scan.Findings.Where(finding => finding.Gap is { Events: > 0 }).Select(finding => finding.Gap!).ToList();
        var needed = lanes.Where(lane => check.PlaceTrouble(lane.File.Cursor!) is not null || lost.Count > 0).ToList();
        if (needed.Count > 0)
        {
            foreach (var record in new LogReader(check.Folder, _scan).Read(needed.Min(lane => lane.File.Cursor!.Oldest)))
            {
                foreach (var (_, queue) in needed)
                    queue.Count(record);
            }
        }
        foreach (var (file, queue) in lanes)
            Repair(file, file.Cursor!, queue, lost, done);
        foreach (var file in check.Folder.Cursors.Where(file => file.Slots.IsLost))
            Remake(file, done, left);
    }

    public void RepairCheckpoint(List<string> done)
    {
        const string name = JournalFormat.CheckpointName;
        if (check.Folder.Checkpoint is { } checkpoint)
        {
            if (check.Folder.CheckpointSlots!.HasDamagedSlot)
            {
                Write(name, Checkpoint.SlotLength, checkpoint.Encode(Checkpoint.SlotLength - 1024));
                done.Add($"'{name}': the damaged slot was written again");
            }
            return;
        }
        if (check.Folder.CheckpointSlots is { IsLost: false } || _scan.Arrangement.Files is not [var first, ..])
            return;
        // From the first event on, so that the opening counts again what nobody wanted.
        var accepted = first.HeaderTrouble is null ? first.Accepted : _scan.HeaderOf(first).Accepted;
        Write(name, Checkpoint.SlotLength, new Checkpoint(_scan.Epoch, CheckpointState.Open, first.FirstByte, first.FirstSequence, accepted, 0, new Dictionary<string, long>()).Encode(Checkpoint.SlotLength - 1024));
        done.Add(string.Create(CultureInfo.InvariantCulture, $"'{name}' was made again from the log; what was unmatched before event {first.FirstSequence} is counted as 0"));
    }

    private void Repair(CursorFile file, LaneCursor cursor, LaneQueue queue, List<Gap> lost, List<string> done)
    {
        var mended = CountLost(Place(cursor), queue, lost, done);
        if (mended == cursor && !file.Slots.HasDamagedSlot)
            return;
        Write(file.Name, LaneCursor.SlotLength, mended.Encode());
        if (mended.PlaceByte != cursor.PlaceByte || mended.Oldest != cursor.Oldest)
            done.Add(string.Create(CultureInfo.InvariantCulture, $"'{file.Name}': the lane goes on at event {mended.Oldest}"));
        else if (file.Slots.HasDamagedSlot)
            done.Add($"'{file.Name}': the damaged slot was written again; what the lane settled after the one that counts may be delivered again");
    }

    /// <summary>The cursor at a record that is there.</summary>
    private LaneCursor Place(LaneCursor cursor)
    {
        if (check.PlaceTrouble(cursor) is null)
        {
            // Records that stood where damage is are written anew, and may begin elsewhere.
            return _scan.Findings.FirstOrDefault(finding => finding.Gap is { } gap && cursor.PlaceByte > gap.At && cursor.PlaceByte < gap.End)?.Gap is { } around
                ? cursor with { PlaceByte = around.At, PlaceSequence = around.FirstSequence }
                : cursor;
        }
        var (first, end) = (_scan.First, _scan.End);
        var oldest = Math.Clamp(cursor.Oldest, first.Sequence, end.Sequence);
        var place = _scan.Arrangement.Files.LastOrDefault(each => each.FirstSequence <= oldest) is { } at ? (at.FirstByte, at.FirstSequence) : end;
        var settled = cursor.Settled.Where(range => range.To > oldest && range.To <= end.Sequence && range.From > oldest).ToArray();
        var isBeyond = cursor.CountedSequence > end.Sequence;
        return cursor with
        {
            PlaceByte = place.Item1, PlaceSequence = place.Item2, Oldest = oldest, Settled = settled,
            CountedByte = isBeyond ? end.Byte : cursor.CountedByte, CountedSequence = isBeyond ? end.Sequence : cursor.CountedSequence,
        };
    }

    private LaneCursor CountLost(LaneCursor cursor, LaneQueue queue, List<Gap> lost, List<string> done)
    {
        var possible = cursor.Oldest > queue.Oldest ? (long)(cursor.Oldest - queue.Oldest) : 0;
        foreach (var gap in lost)
        {
            for (var sequence = gap.FirstSequence; sequence < gap.FirstSequence + (ulong)gap.Events; sequence++)
                possible += sequence < cursor.CountedSequence && queue.IsOpen(sequence) ? 1 : 0;
        }
        if (possible == 0)
            return cursor;
        if (!queue.IsCountable)
        {
            done.Add($"lane '{cursor.LaneId}': its rule is code, so its next opening counts anew what it has queued");
            return cursor with { Rule = "" };
        }
        var missing = Math.Min(possible, cursor.Matched - cursor.Delivered - cursor.Dead - cursor.Dropped.Values.Sum() - (queue.Queued - queue.Uncounted));
        if (missing <= 0)
            return cursor;
        var dropped = new Dictionary<string, long>(cursor.Dropped);
        dropped[DropReasons.Damaged] = dropped.GetValueOrDefault(DropReasons.Damaged) + missing;
        done.Add(string.Create(CultureInfo.InvariantCulture, $"lane '{cursor.LaneId}': {missing} of its queued events are counted as dropped: damaged"));
        return cursor with { Dropped = dropped, SettledBytes = cursor.MatchedBytes - (queue.QueuedBytes - queue.UncountedBytes) };
    }

    /// <summary>A cursor at the oldest event. Its rule is none that a lane has, so the opening counts anew.</summary>
    private void Remake(CursorFile file, List<string> done, List<string> left)
    {
        if (file.LaneId is not { } laneId)
        {
            left.Add($"'{file.Name}': the lane's name is too long to be read from the file's; start the bus with the lane, and it begins at the oldest event");
            return;
        }
        var (at, sequence) = _scan.First;
        Write(file.Name, LaneCursor.SlotLength, new LaneCursor
        {
            LaneId = laneId, Rule = "", PlaceByte = at, PlaceSequence = sequence, Oldest = sequence, CountedByte = at, CountedSequence = sequence,
            Matched = 0, MatchedBytes = 0, Delivered = 0, Dead = 0, SettledBytes = 0,
        }.Encode());
        done.Add(string.Create(CultureInfo.InvariantCulture, $"'{file.Name}': lane '{laneId}' begins again at event {sequence}, and its counts at 0"));
    }

    private void Write(string name, int slotLength, byte[] content)
    {
        using var slots = SlotFile.Open(_storage, name, slotLength, out _);
        // In this order every slot is written, and at any moment a durable one is left alone.
        slots.Write(content);
        slots.Sync();
        slots.Write(content);
        slots.Write(content);
        slots.Sync();
        _storage.SyncFolder(name.Contains('/', StringComparison.Ordinal) ? JournalFormat.LaneFolder : "");
    }
}
