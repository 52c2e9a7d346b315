using System.Text;
using System.Text.Json;
using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>A journal encrypted at rest: nothing plain in its folder, and everything as ever for who has the key.</summary>
public class EncryptionTests
{
    private const string Marker = "AnElephantInTheRoom";

    private static readonly JournalKey s_key = JournalKey.Generate();

    private readonly FaultStorage _storage = new();

    private static EventBus Create(FaultStorage storage, ScriptedPublisher publisher, JournalKey? key) => EventBus.Create(bus =>
    {
        bus.UseStorage(storage).Publisher("a", publisher, pattern: "*", lane: new LaneOptions { BatchEvents = 7, Start = LaneStart.Oldest });
        bus.Options = bus.Options with { StopTimeout = TimeSpan.FromSeconds(5), Journal = bus.Options.Journal with { Key = key, MemoryBytes = 1 << 20 } };
    });

    private static BusEvent Secret(int number, string? profile = null) => new($"{number}".PadRight(500) + Marker,
        new EventAttributes { Subject = Marker, Key = Marker, Profile = profile, Extensions = new Dictionary<string, string> { ["animal"] = Marker } });

    private static async Task FillAsync(FaultStorage storage, JournalKey? key, int from, int count)
    {
        await using var bus = Create(storage, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Retry("away")) }, key);
        await bus.StartAsync();
        await Task.WhenAll(Enumerable.Range(from, count).Select(n => bus.PutAsync(Secret(n), Receipt.Durable).AsTask())).Soon();
        await bus.StopAsync(TimeSpan.Zero).Soon();
    }

    private static async Task<(int[] Delivered, BusStatus Status)> DrainAsync(FaultStorage storage, JournalKey? key)
    {
        var publisher = new ScriptedPublisher();
        await using var bus = Create(storage, publisher, key);
        await bus.StartAsync();
        var status = await bus.StopAsync(Given.Patience).Soon();
        status.AssertBalanced();
        Assert.All(publisher.Delivered, evt =>
        {
            Assert.EndsWith(Marker, evt.GetText(), StringComparison.Ordinal);
            Assert.Equal((Marker, Marker, Marker), (evt.Attributes.Subject, evt.Attributes.Key, evt.Attributes.Extensions!["animal"]));
        });
        return ([.. publisher.Delivered.Select(evt => int.Parse(evt.GetText()[..10], System.Globalization.CultureInfo.InvariantCulture))], status);
    }

    private string[] LogsOf => [.. _storage.Files.Keys.Where(name => name.StartsWith("log/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static void AssertNothingPlain(FaultStorage storage)
    {
        foreach (var name in storage.Files.Keys)
            Assert.True(storage.Read(name).AsSpan().IndexOf(Encoding.UTF8.GetBytes(Marker)) < 0, $"'{name}' holds plain text.");
    }

    [Fact]
    public async Task What_was_put_is_delivered_after_a_restart_and_stands_nowhere_in_the_folder_as_plain_text()
    {
        await FillAsync(_storage, s_key, 0, 300);
        AssertNothingPlain(_storage);
        // A torn tail, which goes aside.
        _storage.Corrupt(LogsOf[^1], content => content[..(content.AsSpan().LastIndexOfAnyExcept((byte)0) - 20)]);
        _storage.Lose("checkpoint");
        var (delivered, _) = await DrainAsync(_storage, s_key);
        Assert.InRange(delivered.Length, 1, 300);
        Assert.Equal(Enumerable.Range(0, delivered.Length), delivered);
        Assert.Contains(_storage.Files.Keys, name => name.StartsWith("aside/", StringComparison.Ordinal));
        AssertNothingPlain(_storage);
    }

    [Fact]
    public async Task Dead_letters_with_their_reasons_and_names_of_unmatched_profiles_are_not_plain_either_and_replay_works()
    {
        var publisher = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Rejected("no " + Marker)) };
        await using (var bus = EventBus.Create(builder =>
        {
            builder.UseStorage(_storage).Publisher("a", publisher, pattern: "known", lane: new LaneOptions { BatchEvents = 1 });
            builder.Options = builder.Options with { Journal = builder.Options.Journal with { Key = s_key } };
        }))
        {
            await bus.StartAsync();
            for (var i = 0; i < 5; i++)
                await bus.PutAsync(Secret(i, "known"), Receipt.Delivered()).AsTask().Soon();
            Assert.Equal(PutOutcome.Unmatched, (await bus.PutAsync(Secret(5, Marker), Receipt.Delivered()).AsTask().Soon()).Outcome);
            Assert.Equal("no " + Marker, bus.Lanes.GetDeadLetters("a")[0].Reason);
        }
        AssertNothingPlain(_storage);
        var second = new ScriptedPublisher();
        await using var again = EventBus.Create(builder =>
        {
            builder.UseStorage(_storage).Publisher("a", second, pattern: "known");
            builder.Options = builder.Options with { Journal = builder.Options.Journal with { Key = s_key } };
        });
        await again.StartAsync();
        Assert.Equal(["no " + Marker], again.Lanes.GetDeadLetters("a").Select(letter => letter.Reason).Distinct());
        Assert.Equal(1, again.GetStatus().Unmatched);
        Assert.Equal(5, again.Lanes.ReplayDeadLetters("a"));
        await second.WaitForEventsAsync(5).Soon();
        Assert.All(second.Delivered, evt => Assert.Equal(Marker, evt.Attributes.Subject));
        (await again.StopAsync().Soon()).AssertBalanced();
        AssertNothingPlain(_storage);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Another_key_is_refused_with_one_clear_error_and_nothing_changes(bool hasKeyFile)
    {
        await FillAsync(_storage, s_key, 0, 20);
        if (!hasKeyFile)
            _storage.Lose("key");
        var before = _storage.Points;
        var other = JournalKey.Generate();
        var error = Assert.Throws<EvBusException>(() => Create(_storage, new ScriptedPublisher(), other));
        Assert.Contains("is not the one it is encrypted with", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(other.Reveal(), error.ToString(), StringComparison.Ordinal);
        Assert.Equal(before, _storage.Points);
        Assert.Equal(Enumerable.Range(0, 20), (await DrainAsync(_storage, s_key)).Delivered.Order());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_a_key_an_encrypted_journal_is_refused_and_says_where_the_key_goes(bool hasKeyFile)
    {
        await FillAsync(_storage, s_key, 0, 20);
        if (!hasKeyFile)
            _storage.Lose("key");
        var error = Assert.Throws<EvBusException>(() => Create(_storage, new ScriptedPublisher(), null));
        Assert.Contains("JournalOptions.Key", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_begun_unencrypted_goes_on_encrypted_and_keeps_what_it_had()
    {
        await FillAsync(_storage, null, 0, 100);
        var plain = LogsOf;
        await FillAsync(_storage, s_key, 100, 100);
        foreach (var name in LogsOf.Except(plain))
            Assert.True(_storage.Read(name).AsSpan().IndexOf(Encoding.UTF8.GetBytes(Marker)) < 0, $"'{name}' holds plain text.");
        var (delivered, status) = await DrainAsync(_storage, s_key);
        Assert.Equal(Enumerable.Range(0, 200), delivered.Order());
        Assert.Equal(200, status.Accepted);
    }

    [Fact]
    public async Task Behind_a_damaged_header_everything_can_still_be_read()
    {
        await FillAsync(_storage, s_key, 0, 300);
        foreach (var log in LogsOf)
        {
            _storage.Corrupt(log, content =>
            {
                content[58] ^= 0x20;
                return content;
            });
        }
        Assert.Equal(300, (await DrainAsync(_storage, s_key)).Delivered.Length);
    }

    [Fact]
    public async Task A_record_that_was_changed_by_somebody_without_the_key_is_not_delivered_though_its_checksum_is_right()
    {
        await FillAsync(_storage, s_key, 0, 50);
        _storage.Corrupt(LogsOf[0], content =>
        {
            var length = EventCodec.ReadLength(content.AsSpan(64));
            content[64 + length - 1] ^= 1;
            JournalFormat.Seal(content.AsSpan(64, length));
            return content;
        });
        var (delivered, status) = await DrainAsync(_storage, s_key);
        Assert.Equal(49, delivered.Length);
        Assert.Equal(1, status.Lanes.Single().DroppedByReason[DropReasons.Damaged]);
    }

    [Fact]
    public async Task Equal_events_at_the_same_place_after_a_tail_was_cut_are_written_with_another_key()
    {
        await FillAsync(_storage, s_key, 7, 1);
        var first = _storage.Read(LogsOf[0]).AsSpan(0, 700).ToArray();
        var name = LogsOf[0];
        _storage.Lose(name);
        _storage.Lose("checkpoint");
        _storage.Lose("lanes/a.cursor");
        await FillAsync(_storage, s_key, 7, 1);
        Assert.Equal(name, LogsOf[0]);
        var second = _storage.Read(name).AsSpan(0, 700).ToArray();
        // The body's 500 spaces and digits are the same; as ciphertext they have nothing in common.
        Assert.InRange(Enumerable.Range(200, 400).Count(at => first[at] == second[at]), 0, 20);
    }

    [Fact]
    public void A_key_never_shows_itself_and_reads_what_it_reveals()
    {
        var key = JournalKey.Generate();
        Assert.Equal("***", key.ToString());
        Assert.Equal("\"***\"", JsonSerializer.Serialize(key));
        Assert.DoesNotContain(key.Reveal(), $"{new JournalOptions { Key = key }}", StringComparison.Ordinal);
        Assert.Equal(key.Reveal(), JournalKey.Parse($" {key.Reveal().Replace('+', '-').Replace('/', '_')}\n").Reveal());
        Assert.Contains("instead of 32", Assert.Throws<EvBusException>(() => JournalKey.Parse("c2hvcnQ=")).Message, StringComparison.Ordinal);
        Assert.Contains("is no base64", Assert.Throws<EvBusException>(() => JournalKey.Parse("not?")).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<EvBusException>(() => JournalKey.FromFile("/no/such/file")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_real_disk_every_file_is_the_owners_alone()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Modes are those of Unix.");
        var folder = Directory.CreateTempSubdirectory("evbus-").FullName;
        try
        {
            await using (var bus = EventBus.Create(builder =>
            {
                builder.Options = builder.Options with { Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = Path.Combine(folder, "j"), Key = s_key } };
                builder.Publisher("a", new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Rejected("no")) }, lane: new LaneOptions { BatchEvents = 1 });
            }))
            {
                await bus.StartAsync();
                await bus.PutAsync(Secret(1), Receipt.Delivered()).AsTask().Soon();
            }
            var files = Directory.GetFiles(Path.Combine(folder, "j"), "*", SearchOption.AllDirectories);
            Assert.Contains(files, file => file.EndsWith(".dead", StringComparison.Ordinal));
            Assert.Contains(files, file => file.EndsWith("key", StringComparison.Ordinal));
            foreach (var file in files.Where(file => !file.EndsWith("lock.owner", StringComparison.Ordinal)))
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
                Assert.True(File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(Marker)) < 0, $"'{file}' holds plain text.");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
