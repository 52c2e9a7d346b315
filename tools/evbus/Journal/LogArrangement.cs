using System.Buffers.Binary;
using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

/// <summary>One segment file in its place.</summary>
/// <param name="Name">Its name now.</param>
/// <param name="FirstByte">Where it belongs.</param>
/// <param name="FirstSequence">The number of its first event.</param>
/// <param name="HeaderTrouble">What is wrong with its header; null when nothing is.</param>
/// <param name="Epoch">What the header says; 0 when it is damaged.</param>
/// <param name="Accepted">What the header says.</param>
internal sealed record PlacedFile(string Name, long FirstByte, ulong FirstSequence, string? HeaderTrouble, ulong Epoch, long Accepted)
{
    /// <summary>Whether nothing is missing between the file before and this one: in mode spill, what all lanes were through with was never written.</summary>
    public bool IsAfterGap { get; init; }

    /// <summary>What its checksums are XORed with (<see cref="FileMark"/>).</summary>
    public uint Mark { get; init; }

    public string RightName => JournalFormat.NameOf(FirstByte, FirstSequence);
}

/// <summary>Which files make the log, in order; and those that do not belong to it.</summary>
internal sealed record LogArrangement(IReadOnlyList<PlacedFile> Files, IReadOnlyList<(string Name, string Why)> Doubled, IReadOnlyList<string> Unknown)
{
    public static LogArrangement Of(IStorage storage)
    {
        var (files, doubled, unknown) = (new List<PlacedFile>(), new List<(string, string)>(), new List<string>());
        foreach (var each in storage.List(JournalFormat.LogFolder).Order(StringComparer.Ordinal))
        {
            var name = $"{JournalFormat.LogFolder}/{each}";
            if (JournalFormat.TryParseName(each, out var firstByte, out var firstSequence))
                files.Add(Place(storage, name, firstByte, firstSequence));
            else if (!SpareFiles.IsSpare(each))
                unknown.Add(name);
        }
        // A file whose header is whole and says another place: it was renamed, or it is a copy.
        foreach (var stranger in files.Where(file => file.Name != file.RightName).ToList())
        {
            if (files.Find(file => file.Name != stranger.Name && file.FirstByte == stranger.FirstByte) is not { } original)
                continue;
            doubled.Add((stranger.Name, $"it is a copy of '{original.Name}' under another name"));
            files.Remove(stranger);
        }
        foreach (var twins in files.GroupBy(file => file.FirstByte).Where(group => group.Count() > 1).ToList())
        {
            var best = twins.MaxBy(file => (file.HeaderTrouble is null ? 1L << 60 : 0) + CountWhole(storage, file))!;
            foreach (var twin in twins.Where(file => file != best))
            {
                doubled.Add((twin.Name, $"it says it holds the same part of the log as '{best.Name}', which has more of it"));
                files.Remove(twin);
            }
        }
        return new LogArrangement([.. files.OrderBy(file => file.FirstByte)], doubled, unknown);
    }

    private static PlacedFile Place(IStorage storage, string name, long firstByte, ulong firstSequence)
    {
        using var file = storage.OpenRead(name);
        var header = new byte[JournalFormat.FileHeaderLength];
        var read = file.Read(0, header);
        var mark = FileMark.Read(header.AsSpan(0, read), () => ReadRecords(file));
        var isAfterGap = JournalFormat.IsAfterGap(header.AsSpan(0, read));
        var trouble = JournalFormat.HeaderTrouble(header.AsSpan(0, read), name, firstByte, firstSequence, out var epoch, out var accepted);
        if (trouble is null || epoch == 0)
        {
            var told = trouble is null ? null : PlaceByRecords(storage, name, mark);
            return told is null || (told.Value.Byte == firstByte && (!told.Value.IsExact || told.Value.Sequence == firstSequence))
                ? new PlacedFile(name, firstByte, firstSequence, trouble, epoch, accepted) { IsAfterGap = isAfterGap, Mark = mark }
                : new PlacedFile(name, told.Value.Byte, told.Value.Sequence, trouble, epoch, accepted) { Mark = mark };
        }
        // Whole, and of another place.
        return new PlacedFile(name, BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(24)), BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(32)), null, epoch, accepted) { IsAfterGap = isAfterGap, Mark = mark };
    }

    /// <summary>Where a file without a header belongs, by its first commit record that says where it stands; null when it has none. The number is exact when all before is whole.</summary>
    private static (long Byte, ulong Sequence, bool IsExact)? PlaceByRecords(IStorage storage, string name, uint mark)
    {
        using var window = new FileWindow(storage.OpenRead(name), mark);
        var (events, behind, isExact) = (0UL, (long)JournalFormat.FileHeaderLength, true);
        for (var at = window.NextRecord(behind, window.Length); at >= 0; at = window.NextRecord(at, window.Length))
        {
            isExact &= at == behind;
            var length = window.RecordAt(at, window.Length);
            var record = window.Read(at, length);
            behind = at += length;
            if (!JournalFormat.IsControl(record))
                events++;
            else if (JournalFormat.ReadCommit(record) is var commit && commit.EndByte >= at - JournalFormat.FileHeaderLength && commit.NextSequence >= events)
                return (commit.EndByte - at + JournalFormat.FileHeaderLength, commit.NextSequence - events, isExact);
        }
        return null;
    }

    private static byte[] ReadRecords(IStorageFile file)
    {
        var data = new byte[Math.Clamp(file.Length - JournalFormat.FileHeaderLength, 0, 16 << 20)];
        return data[..file.Read(JournalFormat.FileHeaderLength, data)];
    }

    private static long CountWhole(IStorage storage, PlacedFile file)
    {
        using var window = new FileWindow(storage.OpenRead(file.Name), file.Mark);
        var (at, count) = (window.NextRecord(JournalFormat.FileHeaderLength, window.Length), 0L);
        while (at >= 0)
        {
            count++;
            at = window.NextRecord(at + window.RecordAt(at, window.Length), window.Length);
        }
        return count;
    }
}
