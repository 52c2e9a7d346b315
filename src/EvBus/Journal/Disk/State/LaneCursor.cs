using System.Text;

namespace EvBus.Journal;

/// <summary>
/// What a lane is through with and what became of it, as it is kept on disk. The counts are those of the committed part of the log,
/// up to <see cref="CountedByte"/>, so that an opening counts on from there.
/// </summary>
internal sealed record LaneCursor
{
    /// <summary>Room for 1,024 ranges, the id and all reasons, twice.</summary>
    public const int SlotLength = 64 << 10;

    private const byte Format = 1;

    /// <summary>Which of two captured one after the other is the later one; not kept.</summary>
    public long Version { get; init; }

    public required string LaneId { get; init; }

    /// <summary>The rule that decides which events are the lane's, as words; another one makes the counts worthless.</summary>
    public required string Rule { get; init; }

    /// <summary>The pattern an event's profile must match; null for every event.</summary>
    public string? Pattern { get; init; }

    /// <summary>A record's place at or before the oldest that is not settled.</summary>
    public required long PlaceByte { get; init; }

    public required ulong PlaceSequence { get; init; }

    /// <summary>The oldest sequence that is not settled.</summary>
    public required ulong Oldest { get; init; }

    public IReadOnlyList<(ulong From, ulong To)> Settled { get; init; } = [];

    public required long CountedByte { get; init; }

    public required ulong CountedSequence { get; init; }

    public required long Matched { get; init; }

    public required long MatchedBytes { get; init; }

    public required long Delivered { get; init; }

    public required long Dead { get; init; }

    public required long SettledBytes { get; init; }

    public IReadOnlyDictionary<string, long> Dropped { get; init; } = new Dictionary<string, long>();

    /// <summary>Since when nobody has opened the lane: what came from here on is not for it. 0: it is in use.</summary>
    public ulong OrphanedAt { get; init; }

    /// <summary>When that was noticed; the minimum when it was not.</summary>
    public DateTimeOffset OrphanedSince { get; init; }

    /// <summary>Whether it has passed damage: what is left when all else is through was lost there.</summary>
    public bool SawDamage { get; init; }

    /// <summary>The file of a lane: its id in a form that every file system takes.</summary>
    public static string FileOf(string laneId)
    {
        var name = new StringBuilder();
        foreach (var b in Encoding.UTF8.GetBytes(laneId))
        {
            var c = (char)b;
            if (char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_')
                name.Append(c);
            else
                name.Append(System.Globalization.CultureInfo.InvariantCulture, $"%{b:x2}");
        }
        // Names beyond what file systems take end in a checksum instead.
        if (name.Length > 180)
            return $"{name.ToString(0, 160)}%{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(laneId)).AsSpan(0, 8))}";
        return name.ToString();
    }

    public static string CursorName(string laneId) => $"{JournalFormat.LaneFolder}/{FileOf(laneId)}.cursor";

    public byte[] Encode()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write(Format);
        writer.Write(LaneId);
        writer.Write(Rule);
        writer.Write(Pattern is not null);
        writer.Write(Pattern ?? "");
        writer.Write(PlaceByte);
        writer.Write(PlaceSequence);
        writer.Write(Oldest);
        writer.Write(Settled.Count);
        foreach (var (from, to) in Settled)
        {
            writer.Write(from);
            writer.Write(to);
        }
        writer.Write(CountedByte);
        writer.Write(CountedSequence);
        writer.Write(Matched);
        writer.Write(MatchedBytes);
        writer.Write(Delivered);
        writer.Write(Dead);
        writer.Write(SettledBytes);
        writer.Write(Dropped.Count);
        foreach (var (reason, count) in Dropped)
        {
            writer.Write(reason);
            writer.Write(count);
        }
        writer.Write(OrphanedAt);
        writer.Write(OrphanedSince.UtcTicks);
        writer.Write(SawDamage);
        writer.Flush();
        return stream.ToArray();
    }

    /// <exception cref="EvBusException">It is of another version, or is no cursor though its checksum is right; the message names the file.</exception>
    public static LaneCursor Decode(byte[] content, string name) => StateContent.Decode(content, name, static (content, name) => Decode(content, name, settledMost: content.Length / 16));

    private static LaneCursor Decode(byte[] content, string name, int settledMost)
    {
        using var reader = new BinaryReader(new MemoryStream(content), Encoding.UTF8);
        var version = reader.ReadByte();
        if (version != Format)
            throw new EvBusException($"The cursor '{name}' has format {version}; this version of EvBus reads format {Format}. Open it with the version that wrote it, or a newer one.");
        var (id, rule, hasPattern, pattern) = (reader.ReadString(), reader.ReadString(), reader.ReadBoolean(), reader.ReadString());
        var (placeByte, placeSequence, oldest) = (reader.ReadInt64(), reader.ReadUInt64(), reader.ReadUInt64());
        var settled = new (ulong From, ulong To)[StateContent.Count(reader.ReadInt32(), settledMost)];
        for (var i = 0; i < settled.Length; i++)
        {
            settled[i] = (reader.ReadUInt64(), reader.ReadUInt64());
            StateContent.Require(settled[i].From < settled[i].To && settled[i].From >= (i == 0 ? 0 : settled[i - 1].To));
        }
        var cursor = new LaneCursor
        {
            LaneId = id, Rule = rule, Pattern = hasPattern ? pattern : null, PlaceByte = placeByte, PlaceSequence = placeSequence, Oldest = oldest, Settled = settled,
            CountedByte = reader.ReadInt64(), CountedSequence = reader.ReadUInt64(),
            Matched = reader.ReadInt64(), MatchedBytes = reader.ReadInt64(),
            Delivered = reader.ReadInt64(), Dead = reader.ReadInt64(), SettledBytes = reader.ReadInt64(),
        };
        StateContent.Require(cursor is { PlaceByte: >= 0, CountedByte: >= 0, Matched: >= 0, Delivered: >= 0, Dead: >= 0 });
        var dropped = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var left = StateContent.Count(reader.ReadInt32(), content.Length); left > 0; left--)
            dropped[reader.ReadString()] = reader.ReadInt64();
        cursor = cursor with { Dropped = dropped, OrphanedAt = reader.ReadUInt64(), OrphanedSince = new DateTimeOffset(reader.ReadInt64(), TimeSpan.Zero) };
        // Earlier versions of the format end here.
        return cursor with { SawDamage = reader.BaseStream.Position < reader.BaseStream.Length && reader.ReadBoolean() };
    }
}
