using System.Globalization;
using System.Text;
using EvBus.Journal;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>What a journal holds, and whether its ledger balances.</summary>
internal sealed record Stats(
    string Directory, string State, int Files, long Bytes, ulong? FirstSequence, ulong? LastSequence, ulong Epoch, long Accepted, long? Unmatched, long Damaged, IReadOnlyList<LaneStats> Lanes, bool? Balances);

/// <param name="Queued">Counted in the log; null when the lane's rule is code, which only its bus has.</param>
/// <param name="Balances">Whether matched = delivered + dead + dropped + queued; null when it cannot be counted.</param>
internal sealed record LaneStats(
    string Lane, long Matched, long Delivered, long Dead, IReadOnlyDictionary<string, long> Dropped, long? Queued, long? QueuedBytes, string? Oldest,
    ulong CursorSequence, long CursorByte, int SettledRanges, string? OrphanedSince, bool? Balances);

internal static class StatsCommand
{
    public static async Task<int> RunAsync(string directory, Printer printer)
    {
        var stats = Measure(directory);
        await printer.PrintAsync(stats, Describe);
        return stats.Balances == false ? EvBusTool.Failed : 0;
    }

    public static Stats Measure(string directory) => JournalCheck.Look(directory, Measure, static stats => stats.Damaged == 0 && stats.Balances != false);

    private static Stats Measure(JournalFolder folder)
    {
        var cursors = folder.Cursors.Where(file => file.Cursor is not null).Select(file => file.Cursor!).ToList();
        var from = cursors.Select(cursor => Math.Min(cursor.PlaceSequence, Math.Min(cursor.Oldest, cursor.CountedSequence))).Append(folder.Checkpoint?.Sequence ?? 0).Min();
        var check = JournalCheck.Run(folder, from);
        var queues = cursors.Select(cursor => new LaneQueue(cursor)).ToList();
        var unmatched = folder.Checkpoint?.Unmatched ?? 0;
        foreach (var record in new LogReader(folder, check.Scan).Read(from))
        {
            var isMatched = false;
            foreach (var queue in queues)
                isMatched |= queue.Count(record);
            if (!isMatched && !record.IsForOneLane && record.Sequence >= (folder.Checkpoint?.Sequence ?? 0))
                unmatched++;
        }
        var lanes = cursors.Zip(queues, Describe).ToList();
        var files = check.Scan.Arrangement.Files;
        var isEmpty = files.Count == 0 || check.Scan.First.Sequence == check.Scan.End.Sequence;
        var first = check.Scan.Arrangement.Files.Count == 0 ? 0 : check.Scan.First.Byte;
        return new Stats(folder.Storage.Path, State(folder), files.Count, files.Count == 0 ? 0 : check.Scan.End.Byte - first,
            isEmpty ? null : check.Scan.First.Sequence, isEmpty ? null : check.Scan.End.Sequence - 1,
            Math.Max(check.Scan.Epoch, folder.Checkpoint?.Epoch ?? 0), files.Count == 0 ? folder.Checkpoint?.Accepted ?? 0 : check.Scan.Accepted,
            queues.TrueForAll(queue => queue.IsCountable) ? unmatched : null, check.Findings.Count(finding => finding.IsDamage), lanes,
            lanes.Exists(lane => lane.Balances == false) ? false : lanes.TrueForAll(lane => lane.Balances == true) ? true : null);
    }

    private static LaneStats Describe(LaneCursor cursor, LaneQueue queue)
    {
        var matched = cursor.Matched + queue.Uncounted;
        var settled = cursor.Delivered + cursor.Dead + cursor.Dropped.Values.Sum();
        return new LaneStats(cursor.LaneId, matched, cursor.Delivered, cursor.Dead, cursor.Dropped,
            queue.IsCountable ? queue.Queued : null, queue.IsCountable ? queue.QueuedBytes : null, queue.OldestTime is { } oldest ? Printer.Time(oldest) : null,
            cursor.Oldest, cursor.PlaceByte, cursor.Settled.Count, LanesCommand.OrphanedSince(cursor), queue.IsCountable ? matched == settled + queue.Queued : null);
    }

    private static string State(JournalFolder folder) =>
        folder.Owner is { } owner ? $"in use by {owner}" : folder.IsClean ? "closed in order" : "not closed in order: the next opening looks for its end";

    private static string Describe(Stats stats)
    {
        var text = new StringBuilder();
        Printer.Row(text, "journal", stats.Directory);
        Printer.Row(text, "state", stats.State);
        Printer.Row(text, "log", $"{Printer.Plural(stats.Files, "file")}, {Printer.Plural(stats.Bytes, "byte")}, epoch {stats.Epoch}");
        Printer.Row(text, "events", stats.FirstSequence is null ? "none" : string.Create(CultureInfo.InvariantCulture, $"{stats.FirstSequence} to {stats.LastSequence}"));
        Printer.Row(text, "accepted", stats.Accepted.ToString(CultureInfo.InvariantCulture));
        Printer.Row(text, "unmatched", stats.Unmatched?.ToString(CultureInfo.InvariantCulture) ?? "not known: the rule of a lane is code, or was not kept (mode spill, not closed in order)");
        if (stats.Damaged > 0)
            Printer.Row(text, "damage", $"{Printer.Plural(stats.Damaged, "place")}: see 'evbus journal check'");
        foreach (var lane in stats.Lanes)
            Describe(text, lane);
        return text.ToString();
    }

    private static void Describe(StringBuilder text, LaneStats lane)
    {
        Printer.Row(text.Append('\n'), "lane", lane.Lane + (lane.OrphanedSince is { } since ? $" (orphan since {since})" : ""));
        Printer.Row(text, "  matched", lane.Matched.ToString(CultureInfo.InvariantCulture));
        Printer.Row(text, "  delivered", lane.Delivered.ToString(CultureInfo.InvariantCulture));
        Printer.Row(text, "  dead", lane.Dead.ToString(CultureInfo.InvariantCulture));
        Printer.Row(text, "  dropped", lane.Dropped.Count == 0 ? "0" : string.Join(", ", lane.Dropped.Select(pair => $"{pair.Key} {pair.Value}")));
        Printer.Row(text, "  queued", lane.Queued is { } queued
            ? string.Create(CultureInfo.InvariantCulture, $"{queued}{(queued > 0 ? $" ({Printer.Plural(lane.QueuedBytes!.Value, "byte")}, the oldest of {lane.Oldest})" : "")}")
            : "not known: its rule is code, or was not kept (mode spill, not closed in order); only its bus has it");
        Printer.Row(text, "  cursor", $"event {lane.CursorSequence}, byte {lane.CursorByte}{(lane.SettledRanges > 0 ? $", {Printer.Plural(lane.SettledRanges, "range")} settled beyond" : "")}");
        Printer.Row(text, "  ledger", lane.Balances switch { true => "balances", false => "does not balance: matched is not delivered + dead + dropped + queued", _ => "cannot be counted" });
    }
}
