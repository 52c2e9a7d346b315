using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Journal;

/// <summary>Files that are missing or empty at an opening: what was in them is said aloud, and no number of theirs is used again.</summary>
internal static class StoreLosses
{
    /// <summary>How far beyond the checkpoint a cursor may have counted: more cannot have been committed between two fsyncs of the checkpoint.</summary>
    private const long MaxAhead = 1L << 30;

    /// <summary>Where the log goes on, behind all that cursors have counted; says what of it lanes still need and no file has.</summary>
    public static RecoveredEnd PassLost(DiskStore store, ILogger logger)
    {
        var (end, cursors, files) = (store.End, store.Cursors, store.Log.Files);
        // In mode spill not all that has a number was ever written, and a kill takes what was not.
        if (store.Last is { } last && (last.State & CheckpointState.Spill) != 0)
            return end;
        foreach (var cursor in cursors)
        {
            if (cursor.CountedByte > end.Byte && cursor.CountedSequence >= end.Sequence && (store.Last is null || cursor.CountedByte - MaxAhead <= store.Last.Byte))
                end = end with { Byte = cursor.CountedByte, Sequence = cursor.CountedSequence, Accepted = end.Accepted + (long)(cursor.CountedSequence - end.Sequence) };
        }
        var needing = cursors.Where(cursor => cursor.Oldest < (cursor.OrphanedAt > 0 ? Math.Min(cursor.OrphanedAt, end.Sequence) : end.Sequence)).ToList();
        if (needing.Count == 0)
            return end;
        var (oldest, place) = (needing.Min(static cursor => cursor.Oldest), needing.Min(static cursor => cursor.PlaceByte));
        if (files.Count > 0 && place < files[0].FirstByte && oldest < files[0].FirstSequence && !JournalFormat.IsAfterGap(files[0].ReadHeader()))
            Log.LogMissing(logger, files[0].FirstByte - place, "begin", (long)(files[0].FirstSequence - oldest), oldest);
        var found = files.Count > 0 ? end.InFiles : (Byte: place, Sequence: oldest);
        if (end.Byte > found.Byte && end.Sequence > found.Sequence)
            Log.LogMissing(logger, end.Byte - found.Byte, "end", (long)(end.Sequence - Math.Max(oldest, found.Sequence)), Math.Max(oldest, found.Sequence));
        return end;
    }

    /// <summary>The byte of an encrypted journal from which on nothing is plain; noted at the first opening with a key, or with a version that knows of it.</summary>
    public static long PlainUntil(DiskStore store, JournalCipher cipher, bool isFirstKey, ILogger logger)
    {
        if (KeyFile.PlainUntil(store.Storage, cipher) is { } known)
            return known;
        if (!isFirstKey)
            Log.PlainBoundMade(logger, store.Storage.Path, store.End.Byte);
        KeyFile.SetPlainUntil(store.Storage, cipher, store.End.Byte);
        return store.End.Byte;
    }

    /// <summary>Opens a lane's dead letters, and says what of them is lost.</summary>
    /// <exception cref="EvBusException">They are of a newer format.</exception>
    public static DeadLetterFile OpenDeadLetters(DiskStore store, string laneId, ILogger logger)
    {
        var name = DeadLetterFile.NameOf(laneId);
        var wasThere = store.Storage.Exists(name);
        var file = DeadLetterFile.Open(store.Storage, laneId, store.Cipher);
        if (file.Damaged > 0)
            Log.DeadLettersDamaged(logger, laneId, file.Damaged);
        // Made with the lane and never deleted: where the ledger knows letters, a file that holds nothing has lost them.
        if (file.WasEmpty && store.FindCursor(laneId) is { Dead: > 0 } cursor)
            Log.DeadLettersLost(logger, laneId, name, wasThere ? "empty" : "missing", cursor.Dead);
        return file;
    }
}
