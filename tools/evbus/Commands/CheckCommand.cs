using System.Globalization;
using System.Text;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>What <c>check</c> says.</summary>
internal sealed record CheckReport(string Directory, bool Ok, int Files, long Events, long Commits, long EventsLost, IReadOnlyList<Finding> Findings);

internal static class CheckCommand
{
    public static async Task<int> RunAsync(string directory, Printer printer)
    {
        var check = JournalCheck.Run(directory);
        await printer.PrintAsync(Report(check), Describe);
        return check.IsDamaged ? EvBusTool.Failed : 0;
    }

    public static CheckReport Report(JournalCheck check) => new(check.Folder.Storage.Path, !check.IsDamaged, check.Scan.Arrangement.Files.Count, check.Scan.Events, check.Scan.Commits,
        check.Findings.Where(finding => finding.IsDamage).Sum(finding => finding.Events), check.Findings);

    public static string Describe(CheckReport report)
    {
        var text = new StringBuilder();
        foreach (var finding in report.Findings)
            Describe(text, finding);
        text.Append(report.Ok
            ? $"ok: {Printer.Plural(report.Files, "file")}, {Printer.Plural(report.Events, "event")}, {Printer.Plural(report.Commits, "commit")}\n"
            : $"damaged: {Printer.Plural(report.Findings.Count(finding => finding.IsDamage), "place")}, {Printer.Plural(report.EventsLost, "event")} lost\n");
        return text.ToString();
    }

    public static void Describe(StringBuilder text, Finding finding)
    {
        text.Append(CultureInfo.InvariantCulture, $"{(finding.IsDamage ? "damage" : "note")}: {finding.File}");
        if (finding.Length > 0)
            text.Append(CultureInfo.InvariantCulture, $": byte {finding.Byte}, {Printer.Plural(finding.Length, "byte")}");
        if (finding.Events > 0)
            text.Append(CultureInfo.InvariantCulture, $", {Printer.Plural(finding.Events, "event")} lost{Which(finding)}");
        text.Append(CultureInfo.InvariantCulture, $": {finding.What}\n  {finding.Remedy}\n");
    }

    private static string Which(Finding finding) => finding.FirstSequence is not { } first ? "" : finding.Events == 1
        ? string.Create(CultureInfo.InvariantCulture, $" (event {first})")
        : string.Create(CultureInfo.InvariantCulture, $" (events {first} to {first + (ulong)finding.Events - 1})");
}
