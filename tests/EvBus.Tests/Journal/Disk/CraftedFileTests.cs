using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>Files that somebody made on purpose, with checksums that are right: a value or one kind of error that names the file, never anything else.</summary>
public class CraftedFileTests
{
    private static readonly JournalKey s_key = JournalKey.Generate();

    private static byte[] Mutate(byte[] content, Random random)
    {
        var copy = (byte[])content.Clone();
        for (var times = random.Next(1, 5); times > 0; times--)
        {
            var at = random.Next(copy.Length);
            copy[at] = random.Next(3) switch { 0 => 0xFF, 1 => 0x7F, _ => (byte)random.Next(256) };
        }
        return random.Next(8) == 0 ? copy[..random.Next(copy.Length + 1)] : copy;
    }

    private static void ReadsOrRefuses(string name, Action read)
    {
        try
        {
            read();
        }
        catch (EvBusException e)
        {
            Assert.Contains(name, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Cursors_and_checkpoints_are_read_or_refused_by_name()
    {
        var random = new Random(1);
        var cursor = new LaneCursor
        {
            LaneId = "a", Rule = "every event; unaddressed: All; by profile", PlaceByte = 10, PlaceSequence = 3, Oldest = 4, Settled = [(5, 6), (8, 9)], CountedByte = 100, CountedSequence = 20,
            Matched = 10, MatchedBytes = 1000, Delivered = 5, Dead = 1, SettledBytes = 500, Dropped = new Dictionary<string, long> { ["damaged"] = 1 },
        }.Encode();
        var checkpoint = new Checkpoint(1, CheckpointState.Open, 100, 20, 20, 1, new Dictionary<string, long> { ["x"] = 1 }).Encode(10_000);
        for (var i = 0; i < 3000; i++)
        {
            ReadsOrRefuses("lanes/a.cursor", () => LaneCursor.Decode(Mutate(cursor, random), "lanes/a.cursor"));
            ReadsOrRefuses("checkpoint", () => Checkpoint.Decode(Mutate(checkpoint, random)));
        }
    }

    [Fact]
    public void What_is_called_readable_is_read()
    {
        var random = new Random(2);
        var attributes = new EventAttributes { Profile = "p", Id = "i", Subject = "s", Time = DateTimeOffset.UnixEpoch, Parents = ["p1"], Extensions = new Dictionary<string, string> { ["a"] = "b" } };
        var buffer = new byte[500];
        var record = buffer[..EventCodec.Write(buffer, attributes, "body"u8, Guid.Empty, DateTimeOffset.UnixEpoch, awaited: false)];
        var readable = 0;
        for (var i = 0; i < 10_000; i++)
        {
            var mutated = Mutate(record, random);
            if (mutated.Length < EventCodec.HeaderLength || !EventCodec.IsReadable(mutated))
                continue;
            readable++;
            _ = (EventCodec.ReadAttributes(mutated), EventCodec.ReadAccepted(mutated), EventCodec.FindText(mutated, EventCodec.Tag.Lane));
            _ = EventCodec.ReadProfile(mutated).Length;
        }
        Assert.InRange(readable, 200, 9800);
    }

    [Fact]
    public async Task Dead_letters_with_mended_checksums_are_read_or_counted_as_damaged()
    {
        var storage = new FaultStorage();
        using (var file = DeadLetterFile.Open(storage, "a", null))
            file.Add([new DeadLetter("a", new BusEvent("body", new EventAttributes { Id = "x", Subject = "s" }), "no", 1, DateTimeOffset.UnixEpoch)]);
        var content = storage.Read("dead/a.dead");
        var random = new Random(3);
        for (var i = 0; i < 3000; i++)
        {
            var entry = Mutate(content[16..], random);
            if (entry.Length < 36)
                continue;
            System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(entry, entry.Length);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(4), Crc32C.Compute(entry.AsSpan(8)));
            storage.Corrupt("dead/a.dead", _ => [.. content[..16], .. entry]);
            ReadsOrRefuses("dead/a.dead", () =>
            {
                using var file = DeadLetterFile.OpenRead(storage, "a", null);
                foreach (var (number, _) in file.Letters)
                    Assert.NotNull(file.Read(number));
            });
        }
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Records_with_mended_checksums_are_delivered_or_counted_as_damaged_and_the_journal_goes_on()
    {
        var storage = new FaultStorage();
        await using (var bus = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }, null))
        {
            await bus.StartAsync();
            for (var i = 0; i < 20; i++)
                await bus.PutAsync(new BusEvent($"{i}", new EventAttributes { Subject = "s", Profile = "p", Extensions = new Dictionary<string, string> { ["a"] = "b" } }), Receipt.Durable).AsTask().Soon();
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        var log = storage.Files.Keys.Single(name => name.StartsWith("log/", StringComparison.Ordinal));
        var whole = storage.Read(log);
        var random = new Random(4);
        for (var i = 0; i < 40; i++)
        {
            storage.Corrupt(log, _ =>
            {
                var content = (byte[])whole.Clone();
                for (var at = JournalFormat.FileHeaderLength; at < content.Length && EventCodec.ReadLength(content.AsSpan(at)) is > 0 and var length; at += length)
                {
                    var record = content.AsSpan(at, length);
                    if (JournalFormat.IsControl(record) || random.Next(3) > 0)
                        continue;
                    // Anything behind length, version and flags.
                    record[random.Next(16, length)] = (byte)random.Next(256);
                    record[random.Next(EventCodec.HeaderLength, length)] = 0xFF;
                    JournalFormat.Seal(record);
                }
                return content;
            });
            var publisher = new ScriptedPublisher();
            await using var again = Create(storage.AfterCrash(null), publisher, null);
            await again.StartAsync();
            var status = await again.StopAsync(Given.Patience).Soon();
            status.AssertBalanced();
            Assert.Equal(0, status.Lanes.Single().Queued);
        }
    }

    [Fact]
    public async Task A_plain_record_written_after_the_key_is_not_delivered()
    {
        var storage = new FaultStorage();
        await using (var bus = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }, s_key))
        {
            await bus.StartAsync();
            await bus.PutAsync(new BusEvent("real"), Receipt.Durable).AsTask().Soon();
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        Forge(storage);
        var publisher = new ScriptedPublisher();
        var said = new SaidLog();
        await using var again = Create(storage, publisher, s_key, said);
        await again.StartAsync();
        var status = await again.StopAsync(Given.Patience).Soon();
        status.AssertBalanced();
        Assert.Equal(["real"], publisher.Delivered.Select(evt => evt.GetText()));
        Assert.NotEmpty(said.Of(300));
    }

    [Fact]
    public async Task What_was_plain_before_the_key_is_delivered_and_the_rest_encrypted()
    {
        var storage = new FaultStorage();
        foreach (var (text, key) in new[] { ("before", null), ("after", (JournalKey?)s_key) })
        {
            await using var bus = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("down")) }, key);
            await bus.StartAsync();
            await bus.PutAsync(new BusEvent(text), Receipt.Durable).AsTask().Soon();
            await bus.StopAsync(TimeSpan.Zero).Soon();
        }
        var publisher = new ScriptedPublisher();
        await using var again = Create(storage, publisher, s_key);
        await again.StartAsync();
        await again.StopAsync(Given.Patience).Soon();
        Assert.Equal(["before", "after"], publisher.Delivered.Select(evt => evt.GetText()));
    }

    private static void Forge(FaultStorage storage)
    {
        IStorage disk = storage;
        var name = storage.Files.Keys.Where(name => name.StartsWith("log/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Last();
        JournalFormat.TryParseName(name[4..], out var firstByte, out _);
        var (at, sequence) = (firstByte + storage.Files[name] - JournalFormat.FileHeaderLength, 1UL);
        var record = new byte[200];
        record = record[..EventCodec.Write(record, new EventAttributes { Id = "f" }, "forged"u8, Guid.Empty, DateTimeOffset.UnixEpoch, awaited: false)];
        JournalFormat.Seal(record);
        var commit = new byte[JournalFormat.CommitLength];
        JournalFormat.WriteCommit(commit, new CommitInfo(at, at + record.Length + commit.Length, sequence + 1, 2, 1), DateTimeOffset.UnixEpoch);
        JournalFormat.Seal(commit);
        using var file = disk.Open(JournalFormat.NameOf(at, sequence));
        file.Write(0, [.. JournalFormat.FileHeader(1, at, sequence, 1, DateTimeOffset.UnixEpoch), .. record, .. commit]);
        file.Sync();
    }

    private static EventBus Create(FaultStorage storage, ScriptedPublisher publisher, JournalKey? key, SaidLog? said = null) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage).Publisher("a", publisher, lane: new LaneOptions { Start = LaneStart.Oldest });
        bus.Options = bus.Options with { Journal = bus.Options.Journal with { Key = key } };
        if (said is not null)
            bus.LoggerFactory = said;
    });
}
