using System.Text;

namespace EvBus.Journal;

/// <summary>How the journal was left.</summary>
[Flags]
internal enum CheckpointState : byte
{
    Open = 0,
    Clean = 1,

    /// <summary>In mode spill: what was used of sequences and bytes need not be in the log.</summary>
    Spill = 2,
}

/// <summary>What the journal as a whole has counted, as it is kept on disk.</summary>
internal sealed record Checkpoint(ulong Epoch, CheckpointState State, long Byte, ulong Sequence, long Accepted, long Unmatched, IReadOnlyDictionary<string, long> Names)
{
    public const int SlotLength = 256 << 10;

    private const byte Version = 1;

    public bool IsClean => (State & CheckpointState.Clean) != 0;

    public byte[] Encode(int capacity)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write(Version);
        writer.Write(Epoch);
        writer.Write((byte)State);
        writer.Write(Byte);
        writer.Write(Sequence);
        writer.Write(Accepted);
        writer.Write(Unmatched);
        var counted = stream.Position;
        writer.Write(0);
        var (count, other) = (0, 0L);
        foreach (var (name, events) in Names)
        {
            // Names come from outside and may be long; what has no room is counted with the others.
            if (stream.Length + (name.Length * 3) + 64 > capacity)
            {
                other += events;
                continue;
            }
            writer.Write(name);
            writer.Write(events);
            count++;
        }
        if (other > 0)
        {
            writer.Write("other");
            writer.Write(other);
            count++;
        }
        writer.Flush();
        stream.Position = counted;
        writer.Write(count);
        writer.Flush();
        return stream.ToArray();
    }

    /// <exception cref="EvBusException">It is of another version, or is no checkpoint though its checksum is right.</exception>
    public static Checkpoint Decode(byte[] content) => StateContent.Decode(content, JournalFormat.CheckpointName, static (content, _) => Read(content));

    private static Checkpoint Read(byte[] content)
    {
        using var reader = new BinaryReader(new MemoryStream(content), Encoding.UTF8);
        var version = reader.ReadByte();
        if (version != Version)
            throw new EvBusException($"The journal's checkpoint has format {version}; this version of EvBus reads format {Version}. Open it with the version that wrote it, or a newer one.");
        var (epoch, state, at, sequence, accepted, unmatched) =
            (reader.ReadUInt64(), (CheckpointState)reader.ReadByte(), reader.ReadInt64(), reader.ReadUInt64(), reader.ReadInt64(), reader.ReadInt64());
        StateContent.Require(at >= 0 && accepted >= 0 && unmatched >= 0);
        var names = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var left = StateContent.Count(reader.ReadInt32(), content.Length); left > 0; left--)
        {
            var name = reader.ReadString();
            names[name] = names.GetValueOrDefault(name) + reader.ReadInt64();
        }
        return new Checkpoint(epoch, state, at, sequence, accepted, unmatched, names);
    }
}
