using System.Globalization;
using EvBus.Journal;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>What <c>rewind</c> says.</summary>
/// <param name="Queued">How many events the lane has queued now; null when its rule is code: then its bus counts them at the next start.</param>
/// <param name="Again">How many of them it was through with.</param>
/// <param name="Skipped">How many it had queued and is not to get any more.</param>
internal sealed record RewindReport(string Lane, ulong From, ulong To, long? Queued, long Again, long Skipped);

/// <summary>
/// Sets a lane's cursor to another place. Events it gets again move from delivered to queued; those it was never counted for, or that were given up,
/// are matched anew; what is passed over moves from queued to dropped: skipped.
/// </summary>
internal static class RewindCommand
{
    public const string Skipped = DropReasons.Skipped;

    public static async Task<int> RunAsync(string directory, string lane, string to, DateTimeOffset now, Consent consent, Printer printer)
    {
        var bound = Bound.Parse(to, "--to", now);
        var folder = JournalFolder.OpenExclusive(directory, out var ownership);
        RewindReport report;
        using (ownership)
            report = Rewind(folder, folder.RequireLane(lane), bound, consent);
        await printer.PrintAsync(report, Describe);
        return 0;
    }

    private static RewindReport Rewind(JournalFolder folder, CursorFile file, Bound to, Consent consent)
    {
        var check = JournalCheck.Run(folder);
        if (check.IsDamaged)
            throw new TroubleException("The journal is damaged. See 'evbus journal check', and repair it first: 'evbus journal repair'.");
        var before = file.Cursor!;
        var target = Find(check, to);
        var reader = new LogReader(folder, check.Scan);
        var (old, moved) = (new LaneQueue(before), new LaneQueue(before with { Oldest = target, Settled = [] }));
        var place = check.Scan.End;
        var (again, againCounted, skipped) = (0L, 0L, 0L);
        foreach (var record in reader.Read(Math.Min(target, before.Oldest)))
        {
            if (record.Sequence >= target && place == check.Scan.End)
                place = (record.At, record.Sequence);
            old.Count(record);
            moved.Count(record);
            var (was, isNow) = (old.Holds(record), moved.Holds(record));
            again += isNow && !was ? 1 : 0;
            againCounted += isNow && !was && record.Sequence < before.CountedSequence ? 1 : 0;
            skipped += was && !isNow ? 1 : 0;
        }
        var end = check.Scan.End;
        var cursor = before with { PlaceByte = place.Byte, PlaceSequence = place.Sequence, Oldest = target, Settled = [] };
        if (skipped > 0 || (!old.IsCountable && target > before.Oldest))
            consent.Ask(old.IsCountable ? $"skip {Printer.Plural(skipped, "event")} that lane '{before.LaneId}' has queued; they stay in the log as long as it keeps them" : $"skip what lane '{before.LaneId}' has queued before event {target}");
        if (!old.IsCountable)
        {
            Write(folder, file.Name, cursor with { Rule = "" });
            return new RewindReport(before.LaneId, before.Oldest, target, null, 0, 0);
        }
        var undone = Math.Min(again, before.Delivered);
        var dropped = new Dictionary<string, long>(before.Dropped);
        if (skipped > 0)
            dropped[Skipped] = dropped.GetValueOrDefault(Skipped) + skipped;
        cursor = cursor with
        {
            CountedByte = before.OrphanedAt > 0 ? before.CountedByte : end.Byte,
            CountedSequence = before.OrphanedAt > 0 ? before.CountedSequence : end.Sequence,
            Matched = before.Matched + old.Uncounted + again - undone,
            Delivered = before.Delivered - undone,
            Dropped = dropped,
            MatchedBytes = before.MatchedBytes + old.UncountedBytes,
        };
        cursor = cursor with { SettledBytes = cursor.MatchedBytes - moved.QueuedBytes };
        Write(folder, file.Name, cursor);
        return new RewindReport(before.LaneId, before.Oldest, target, moved.Queued, again, skipped);
    }

    private static ulong Find(JournalCheck check, Bound to)
    {
        var (first, end) = (check.Scan.First.Sequence, check.Scan.End.Sequence);
        if (to.IsOldest || to.IsNow)
            return to.IsOldest ? first : end;
        StoredRecord? oldest = null;
        foreach (var record in new LogReader(check.Folder, check.Scan).Read(first))
        {
            oldest ??= record with { Bytes = record.Bytes.ToArray() };
            if (to.Time is null || EventCodec.ReadAccepted(record.Bytes.Span) < to.Time)
            {
                if (to.Time is null)
                    break;
                continue;
            }
            // Whether there was something between that time and the oldest event cannot be known, unless nothing was ever deleted.
            if (record.Sequence == first && first > 0 && EventCodec.ReadAccepted(record.Bytes.Span) > to.Time)
                throw Refused(oldest);
            return record.Sequence;
        }
        if (to.Sequence is not { } sequence)
            return end;
        if (sequence < first)
            throw Refused(oldest);
        return sequence <= end ? sequence : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"The journal ends before event {end}. '--to now' is its end."));
    }

    private static UsageException Refused(StoredRecord? oldest) => new(oldest is { } record
        ? string.Create(CultureInfo.InvariantCulture, $"The journal does not keep what was before event {record.Sequence}, accepted at {Printer.Time(EventCodec.ReadAccepted(record.Bytes.Span))}. '--to oldest' goes there.")
        : "The journal keeps no event: every lane is through with all of them.");

    public static void Write(JournalFolder folder, string name, LaneCursor cursor)
    {
        using var slots = SlotFile.Open(folder.Storage, name, LaneCursor.SlotLength, out _);
        slots.Write(cursor.Encode());
        slots.Sync();
    }

    private static string Describe(RewindReport report)
    {
        var moved = string.Create(CultureInfo.InvariantCulture, $"lane '{report.Lane}' goes on at event {report.To}, not {report.From}");
        return report.Queued is not { } queued ? moved + "; its rule is code, so its next opening counts what it has queued\n"
            : string.Create(CultureInfo.InvariantCulture, $"{moved}: {Printer.Plural(queued, "event")} queued, {report.Again} of them again, {report.Skipped} skipped\n");
    }
}
