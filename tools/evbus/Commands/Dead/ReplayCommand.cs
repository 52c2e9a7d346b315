using System.Globalization;
using EvBus.Journal;
using EvBus.Tools.Cli.Journal;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Tools.Cli.Commands;

/// <summary>Puts dead letters back into the log, for their lane only: it gets them at its next start. Dead becomes queued in the ledger.</summary>
internal static class ReplayCommand
{
    private const long GroupBytes = 4 << 20;

    public static async Task<int> RunAsync(string directory, string lane, ulong[] numbers, bool all, TimeProvider time, Printer printer)
    {
        DeadCommands.CheckChoice(numbers, all);
        var folder = JournalFolder.Open(directory);
        // In use, it is the lock that says so.
        if (folder.Owner is null && JournalCheck.Run(folder).IsDamaged)
            throw new TroubleException("The journal is damaged. See 'evbus journal check', and repair it first: 'evbus journal repair'.");
        DeadReport report;
        using (var store = DiskStore.Open(folder.Storage, new JournalOptions { SegmentBytes = 64 << 10, Key = folder.Cipher is null ? null : ToolKey.Given }, time, $"evbus journal (process {System.Environment.ProcessId})", NullLogger.Instance))
        {
            folder.Load();
            if (folder.RequireLane(lane).Cursor!.OrphanedAt > 0)
                throw new TroubleException($"Lane '{lane}' is an orphan: nobody would get what is put back for it. Start a bus with this lane first.");
            var chosen = DeadCommands.Choose(DeadCommands.Numbers(folder, lane), all ? null : numbers, lane);
            using var file = DeadCommands.OpenFile(folder, lane);
            if (chosen.Count > 0)
            {
                // On disk again, then out of the ledger's dead, then out of the file: cut short, a letter comes twice and is never lost.
                var bytes = Append(store, lane, chosen.Select(number => file.Read(number) ?? throw new TroubleException(string.Create(CultureInfo.InvariantCulture, $"Dead letter {number} of lane '{lane}' cannot be read."))), time);
                Count(store, lane, chosen.Count, bytes);
                file.Remove(chosen);
            }
            report = new DeadReport(lane, chosen.Count, chosen, file.Letters.Count());
        }
        await printer.PrintAsync(report, what => $"{Printer.Plural(what.Letters, "dead letter")} queued again for lane '{what.Lane}', {what.Left} left; it gets {(what.Letters == 1 ? "it" : "them")} at its next start\n");
        return 0;
    }

    private static long Append(DiskStore store, string lane, IEnumerable<DeadLetter> letters, TimeProvider time)
    {
        var (end, bytes, isFirst) = (store.End, 0L, true);
        var records = new List<byte[]>();
        foreach (var letter in letters)
        {
            records.Add(Record(store, lane, letter));
            bytes += records[^1].Length;
            // All of them at once may be more than memory holds.
            if (records.Sum(record => (long)record.Length) < GroupBytes)
                continue;
            (end, isFirst) = (Write(store, end, records, isFirst, time), false);
            records.Clear();
        }
        if (records.Count > 0)
            end = Write(store, end, records, isFirst, time);
        store.Log.CloseCurrent();
        // Nothing but these came after what it has counted, and they count for nobody.
        if (store.Last is { IsClean: true } last && last.Byte == store.End.Byte)
        {
            store.WriteCheckpoint(last with { Epoch = store.Epoch, Byte = end.Byte, Sequence = end.Sequence });
            store.Sync();
        }
        return bytes;
    }

    private static byte[] Record(DiskStore store, string lane, DeadLetter letter)
    {
        var attributes = letter.Event.Attributes;
        var record = new byte[EventCodec.HeaderLength + EventCodec.AttributesBound(attributes) + letter.Event.Body.Length];
        var length = EventCodec.Write(record, attributes, letter.Event.Body.Span, Guid.Empty, attributes.Time ?? letter.Time, awaited: false);
        var addressed = EventCodec.ForLane(record.AsSpan(0, length), lane);
        return store.Cipher is null ? addressed : EventCodec.WithSeal(addressed);
    }

    private static RecoveredEnd Write(DiskStore store, RecoveredEnd end, List<byte[]> records, bool isFirst, TimeProvider time)
    {
        var next = end with { Byte = end.Byte + records.Sum(record => (long)record.Length) + JournalFormat.CommitLength, Sequence = end.Sequence + (ulong)records.Count };
        var commit = new byte[JournalFormat.CommitLength];
        JournalFormat.WriteCommit(commit, new CommitInfo(end.Byte, next.Byte, next.Sequence, end.Accepted, store.Epoch), time.GetUtcNow());
        // In mode spill numbers and bytes may jump here: the file says so, else the jump would be damage.
        store.Log.Write(new CommitGroup(end.Byte, end.Sequence, store.Epoch, records.Count, end.Accepted, [.. records.Select(record => new ArraySegment<byte>(record)), commit], new CommitWaiters()) { IsAfterGap = isFirst && store.IsAfterGap });
        store.Log.Sync();
        store.Log.Commit(next.Byte);
        return next;
    }

    private static void Count(DiskStore store, string lane, int letters, long bytes)
    {
        var cursor = store.FindCursor(lane)!;
        store.PrepareCursor(cursor);
        var dead = Math.Min(letters, cursor.Dead);
        // Those that the lane's counts do not know any more are matched anew.
        store.WriteCursor(cursor with { Dead = cursor.Dead - dead, Matched = cursor.Matched + letters - dead, MatchedBytes = cursor.MatchedBytes + bytes });
        store.Sync();
    }
}
