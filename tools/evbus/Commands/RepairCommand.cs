using System.Text;
using EvBus.Tools.Cli.Journal;
using EvBus.Tools.Cli.Repairing;

namespace EvBus.Tools.Cli.Commands;

/// <summary>What <c>repair</c> says.</summary>
/// <param name="Found">What was damaged.</param>
/// <param name="Done">What was done, thing by thing.</param>
/// <param name="Left">What could not be repaired, and why.</param>
internal sealed record RepairReport(string Directory, bool Ok, long EventsLost, IReadOnlyList<Finding> Found, IReadOnlyList<string> Done, IReadOnlyList<string> Left);

internal static class RepairCommand
{
    public static async Task<int> RunAsync(string directory, TimeProvider time, Printer printer)
    {
        RepairReport report;
        using (var ownership = Open(directory, out var folder))
            report = Repair(folder, time);
        await printer.PrintAsync(report, Describe);
        return report.Ok ? 0 : EvBusTool.Failed;
    }

    private static IDisposable Open(string directory, out JournalFolder folder)
    {
        folder = JournalFolder.OpenExclusive(directory, out var ownership);
        return ownership;
    }

    private static RepairReport Repair(JournalFolder folder, TimeProvider time)
    {
        var (done, left) = (new List<string>(), new List<string>());
        var check = JournalCheck.Run(folder);
        var found = check.Findings.ToList();
        if (LogRepair.Arrange(folder.Storage, check.Scan.Arrangement, done))
        {
            check = JournalCheck.Run(folder);
            found = [.. found.Where(finding => finding.Kind is "doubled" or "misnamed"), .. check.Findings];
        }
        var state = new StateRepair(check);
        state.RepairCursors(done, left);
        new LogRepair(folder.Storage, check.Scan, time).Run(done, left);
        state.RepairCheckpoint(done);
        DeadRepair.Run(check, done);
        foreach (var name in check.Scan.Arrangement.Unknown.Where(name => name.EndsWith(".evj.new", StringComparison.Ordinal) && folder.Storage.Exists(name)))
        {
            folder.Storage.Delete(name);
            done.Add($"'{name}', left by a repair that was cut short, is gone");
        }
        var after = JournalCheck.Run(folder.Load());
        left.AddRange(after.Findings.Where(finding => finding.IsDamage).Select(finding => $"'{finding.File}': {finding.What}").Except(left));
        return new RepairReport(folder.Storage.Path, left.Count == 0, found.Sum(finding => finding.Events), found, done, left);
    }

    private static string Describe(RepairReport report)
    {
        var text = new StringBuilder();
        foreach (var finding in report.Found)
            CheckCommand.Describe(text, finding);
        foreach (var done in report.Done)
            text.Append("repaired: ").Append(done).Append('\n');
        foreach (var left in report.Left)
            text.Append("left: ").Append(left).Append('\n');
        text.Append(report.Ok
            ? report.Done.Count == 0 ? "ok: nothing was to be repaired\n" : $"ok: {Printer.Plural(report.EventsLost, "event")} lost\n"
            : "not ok: see what is left\n");
        return text.ToString();
    }
}
