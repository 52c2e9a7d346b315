using EvBus.Journal;
using EvBus.Lanes;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus;

// Opening the journal, and what it holds of earlier runs.
public sealed partial class EventBus
{
    /// <summary>What earlier runs left for lanes that nobody asks for now is kept and shown, and released in time.</summary>
    private void OpenOrphans()
    {
        _lanes.GiveBack = _reload.TryGiveBack;
        foreach (var cursor in _journal.StoredLanes)
        {
            if (_lanes.Find(cursor.LaneId) is not null)
                continue;
            var lane = _lanes.Open(new LaneDefinition
            {
                Id = cursor.LaneId, Pattern = cursor.Pattern, Options = _options.Lane, IsOrphan = true,
                CreatePublisher = _ => throw new EvBusException("This lane is an orphan: nobody has said how to publish."),
            });
            _reload.KeepStored(lane, cursor.OrphanedAt > 0 ? _options.Time.GetUtcNow() - cursor.OrphanedSince : TimeSpan.Zero);
        }
    }

    private void SayUnwritten(long events, string ledger)
    {
        if (_journal.Failure is { } failure)
            Log.StoppedUnconfirmed(_logger, Name, failure, events, ledger);
        else
            Log.StoppedUnwritten(_logger, Name, _journal.WaitsFor ?? "it stopped first", events, ledger);
    }

    // In a container the number alone may be the reader's own, and the host's name is the container's.
    private string Owner() =>
        $"process {Environment.ProcessId} ({System.Reflection.Assembly.GetEntryAssembly()?.GetName().Name ?? System.IO.Path.GetFileName(Environment.ProcessPath)}) on host '{Environment.MachineName}', bus '{Name}'";

    private DiskStore? OpenStore(ILogger logger)
    {
        var journal = _options.Journal;
        if (journal.Mode == JournalMode.Memory)
            return null;
        var storage = journal.Storage ?? new DiskStorage(journal.Directory!);
        try
        {
            return DiskStore.Open(storage, journal, _options.Time, Owner(), logger);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EvBusException($"The journal in '{storage.Path}' cannot be opened: {e.Message}", e);
        }
    }
}
