namespace EvBus.Testing;

/// <summary>How a bus is given a storage of a test's own.</summary>
public static class FaultStorageExtensions
{
    /// <summary>Keeps the journal on this storage, in mode <see cref="JournalMode.Disk"/>.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="storage">The storage.</param>
    /// <param name="segmentBytes">How large a segment file is made, in bytes. Default: 64 KiB, so that files roll often.</param>
    public static EvBusBuilder UseStorage(this EvBusBuilder bus, FaultStorage storage, long segmentBytes = 64 << 10)
    {
        ArgumentNullException.ThrowIfNull(bus);
        bus.Options = bus.Options with { Journal = bus.Options.Journal with { Mode = JournalMode.Disk, Storage = storage, SegmentBytes = segmentBytes } };
        return bus;
    }
}
