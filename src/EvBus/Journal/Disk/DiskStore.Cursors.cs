using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Journal;

// What the cursors of an earlier run say.
internal sealed partial class DiskStore
{
    /// <summary>After mode spill, cursors may know sequences that are in no file: none of them is used again.</summary>
    private void PassWhatWasNeverWritten()
    {
        if (Last is null || (Last.State & CheckpointState.Spill) == 0)
            return;
        var found = End;
        foreach (var cursor in _cursors.Values)
        {
            var sequence = Math.Max(Math.Max(cursor.Oldest, cursor.PlaceSequence), Math.Max(cursor.OrphanedAt, cursor.Settled.Select(static range => range.To).DefaultIfEmpty(0UL).Max()));
            End = End with { Byte = Math.Max(End.Byte, cursor.PlaceByte), Sequence = Math.Max(End.Sequence, sequence) };
        }
        // Where numbers jump bytes must, so that a file begins there which says so.
        if (End.Sequence > found.Sequence)
            End = End with { Byte = Math.Max(End.Byte, found.Byte + ((long)(End.Sequence - found.Sequence) * EventCodec.HeaderLength)) };
        IsAfterGap = End.Byte > (Log.Files is [.., var last] ? last.EndByte : 0);
    }

    private void LoadCursors(ILogger logger)
    {
        foreach (var file in Storage.List(JournalFormat.LaneFolder))
        {
            var name = $"{JournalFormat.LaneFolder}/{file}";
            // Of a lane that was just being made: no event was for it yet.
            if (file.EndsWith(".cursor" + SlotFile.Unmade, StringComparison.Ordinal))
                Storage.Delete(name);
            if (!file.EndsWith(".cursor", StringComparison.Ordinal))
                continue;
            if (SlotFile.Read(Storage, name, LaneCursor.SlotLength) is not { } content)
            {
                Telemetry.Log.CursorLost(logger, name);
                _lost.Add(name);
                continue;
            }
            var cursor = LaneCursor.Decode(content, name);
            _cursors[cursor.LaneId] = cursor;
        }
    }
}
