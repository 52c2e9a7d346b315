using System.Globalization;
using System.Text;
using EvBus.Journal;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>A lane as <c>lanes list</c> shows it.</summary>
internal sealed record LaneRow(string? Lane, string File, string State, long? Queued, string? OrphanedSince);

/// <summary>What <c>lanes forget</c> says.</summary>
/// <param name="DeadLetters">How many dead letters it has; their file stays, unless they were asked to go with it.</param>
internal sealed record ForgetReport(string Lane, long? GivenUp, int DeadLetters, string? DeadLetterFile, IReadOnlyList<string> Removed);

internal static class LanesCommand
{
    /// <summary>Since when nobody has opened the lane; null when it is in use.</summary>
    public static string? OrphanedSince(LaneCursor cursor) =>
        cursor.OrphanedAt == 0 ? null : cursor.OrphanedSince == DateTimeOffset.MinValue ? "an unknown time" : Printer.Time(cursor.OrphanedSince);

    public static async Task<int> ListAsync(string directory, Printer printer)
    {
        var queued = StatsCommand.Measure(directory).Lanes.ToDictionary(lane => lane.Lane, StringComparer.Ordinal);
        var rows = JournalFolder.Open(directory).Cursors
            .Select(file => new LaneRow(file.LaneId, file.Name, StateOf(file), file.Cursor is { } cursor ? queued.GetValueOrDefault(cursor.LaneId)?.Queued : null, file.Cursor is { } its ? OrphanedSince(its) : null)).ToList();
        await printer.PrintAsync<IReadOnlyList<LaneRow>>(rows, Describe);
        return 0;
    }

    public static async Task<int> ForgetAsync(string directory, string lane, bool alsoDead, Consent consent, Printer printer)
    {
        var folder = JournalFolder.OpenExclusive(directory, out var ownership);
        ForgetReport report;
        using (ownership)
            report = Forget(folder, lane, alsoDead, consent);
        await printer.PrintAsync(report, Describe);
        return 0;
    }

    private static ForgetReport Forget(JournalFolder folder, string lane, bool alsoDead, Consent consent)
    {
        if (folder.Cursors.FirstOrDefault(file => file.LaneId == lane) is not { } file)
        {
            folder.RequireLane(lane);
            throw new UsageException($"The journal has no lane '{lane}'.");
        }
        long? given = null;
        if (file.Cursor is { } cursor)
        {
            var queue = new LaneQueue(cursor);
            var check = JournalCheck.Run(folder, cursor.Oldest);
            foreach (var record in new LogReader(folder, check.Scan).Read(cursor.Oldest))
                queue.Count(record);
            given = queue.IsCountable ? queue.Queued : null;
        }
        var dead = folder.Storage.Exists(DeadLetterFile.NameOf(lane)) ? DeadLetterFile.NameOf(lane) : null;
        var letters = dead is null ? 0 : DeadScan.Of(folder.Storage, dead).Letters;
        consent.Ask($"forget lane '{lane}' and give up {(given is { } queued ? Printer.Plural(queued, "queued event") : "what it has queued")}{(alsoDead && letters > 0 ? $" and {Printer.Plural(letters, "dead letter")}" : "")}");
        folder.Storage.Delete(file.Name);
        folder.Storage.SyncFolder(JournalFormat.LaneFolder);
        if (!alsoDead || dead is null)
            return new ForgetReport(lane, given, letters, dead, [file.Name]);
        folder.Storage.Delete(dead);
        folder.Storage.SyncFolder(JournalFormat.DeadFolder);
        return new ForgetReport(lane, given, letters, null, [file.Name, dead]);
    }

    private static string StateOf(CursorFile file) => file switch
    {
        { Slots.IsNeverWritten: true } => "never written",
        { Cursor: null } => "damaged",
        { Cursor.OrphanedAt: > 0 } => "orphan",
        _ => "known",
    };

    private static string Describe(IReadOnlyList<LaneRow> rows)
    {
        if (rows.Count == 0)
            return "no lanes\n";
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.Append(row.Lane ?? row.File).Append(CultureInfo.InvariantCulture, $": {row.State}{(row.OrphanedSince is { } since ? $" since {since}" : "")}");
            text.Append(row.Queued is { } queued ? string.Create(CultureInfo.InvariantCulture, $", {queued} queued\n") : "\n");
        }
        return text.ToString();
    }

    private static string Describe(ForgetReport report) =>
        $"lane '{report.Lane}' is forgotten{(report.GivenUp is { } queued ? $", with {Printer.Plural(queued, "queued event")}" : "")}; the log goes at the next opening, as far as no other lane needs it{(report.DeadLetterFile is { } file && report.DeadLetters > 0 ? $"; its dead letters stay in '{file}': 'evbus journal dead list' shows them, 'dead purge --all' removes them" : "")}\n";
}
