using EvBus.Journal;

namespace EvBus.Tools.Cli.Commands;

internal static class LanesCommand
{
    /// <summary>Since when nobody has opened the lane; null when it is in use.</summary>
    public static string? OrphanedSince(LaneCursor cursor) =>
        cursor.OrphanedAt == 0 ? null : cursor.OrphanedSince == DateTimeOffset.MinValue ? "an unknown time" : Printer.Time(cursor.OrphanedSince);
}
