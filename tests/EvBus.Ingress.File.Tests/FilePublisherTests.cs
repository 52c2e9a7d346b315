using System.Diagnostics;
using System.Text;
using System.Text.Json;
using EvBus.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.File.Tests;

public sealed class FilePublisherTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-file-").FullName;
    private readonly FakeClock _clock = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Path(string name = "out.ndjson") => System.IO.Path.Combine(_folder, name);

    private string[] Lines(string name = "out.ndjson") => System.IO.File.ReadAllLines(Path(name));

    private FilePublisher Publisher(FileIngressOptions? options = null, IFileSystem? files = null, string lane = "file/test") => new(
        new IngressContext(lane, null, null, null, NullLogger.Instance, _clock), options ?? new FileIngressOptions { Path = Path() }, files ?? FileSystem.Real);

    private static EventBatch Batch(params string[] bodies) => EventBatch.Of([.. bodies.Select(body => new BusEvent(Encoding.UTF8.GetBytes(body)))]);

    [Fact]
    public async Task The_body_s_bytes_are_the_line()
    {
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch("{\"a\": 1}", "plain", "ü"), default));
        Assert.Equal(["{\"a\": 1}", "plain", "ü"], Lines());
    }

    [Fact]
    public async Task Line_breaks_inside_a_JSON_body_are_folded_away()
    {
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("{\r\n  \"a\": \"x\\ny\"\n}"), default);
        Assert.Equal(["{  \"a\": \"x\\ny\"}"], Lines());
    }

    [Fact]
    public async Task A_body_with_line_breaks_that_is_no_JSON_is_rejected_and_its_neighbours_are_not()
    {
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        var result = await publisher.PublishAsync(Batch("one", "two\nlines", "three"), default);
        Assert.Equal([Verdict.Delivered, Verdict.Rejected, Verdict.Delivered], result.Each!.Select(each => each.Verdict));
        Assert.Equal(["one", "three"], Lines());
    }

    [Fact]
    public async Task A_cloud_event_carries_all_attributes_and_its_data()
    {
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), Format = FileFormat.CloudEvents });
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(
            EventBatch.Of(
                new BusEvent("{\"n\":\n1}"u8.ToArray(), new EventAttributes { Id = "1", Profile = "p", Key = "k", Subject = "s", Extensions = new Dictionary<string, string> { ["ext"] = "e" } }),
                new BusEvent("two\nlines", new EventAttributes { Id = "2" }),
                new BusEvent(new byte[] { 0xFF }, new EventAttributes { Id = "3" })),
            default);
        var events = Lines().Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(["1", "2", "3"], events.Select(each => each.GetProperty("id").GetString()));
        Assert.All(events, each => Assert.Equal("1.0", each.GetProperty("specversion").GetString()));
        Assert.Equal(1, events[0].GetProperty("data").GetProperty("n").GetInt32());
        Assert.Equal(("p", "k", "s", "e"), (Text(0, "evbusprofile"), Text(0, "partitionkey"), Text(0, "subject"), Text(0, "ext")));
        Assert.Equal("two\nlines", Text(1, "data"));
        Assert.Equal("/w==", Text(2, "data_base64"));

        string? Text(int at, string name) => events[at].GetProperty(name).GetString();
    }

    [Fact]
    public async Task A_write_that_fails_half_way_is_cut_off_and_tried_again()
    {
        var files = new FaultyFiles();
        await using var publisher = Publisher(files: files);
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        files.FailAfterBytes = 5;
        var result = await publisher.PublishAsync(Batch("two", "three"), default);
        Assert.Equal(Verdict.Retry, result.Verdict);
        Assert.Equal("one\n", System.IO.File.ReadAllText(Path()));
        files.FailAfterBytes = null;
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch("two", "three"), default));
        Assert.Equal(["one", "two", "three"], Lines());
    }

    [Fact]
    public async Task When_not_even_cutting_works_it_disconnects_and_the_next_batch_cuts()
    {
        var files = new FaultyFiles { FailAfterBytes = 5, FailTruncate = true };
        await using var publisher = Publisher(files: files);
        await publisher.ConnectAsync(default);
        Assert.Equal(Verdict.Disconnected, (await publisher.PublishAsync(Batch("one", "three"), default)).Verdict);
        (files.FailAfterBytes, files.FailTruncate) = (null, false);
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("four"), default);
        Assert.Equal(["four"], Lines());
    }

    [Fact]
    public async Task A_directory_or_a_missing_folder_is_said_in_words()
    {
        await using var directory = Publisher(new FileIngressOptions { Path = _folder });
        Assert.Contains("directory", (await Assert.ThrowsAsync<EvBusException>(async () => await directory.ConnectAsync(default))).Message, StringComparison.Ordinal);
        await using var missing = Publisher(new FileIngressOptions { Path = System.IO.Path.Combine(_folder, "no", "such") });
        Assert.Contains("folder", (await Assert.ThrowsAsync<EvBusException>(async () => await missing.ConnectAsync(default))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_lanes_cannot_write_to_one_file()
    {
        await using var first = Publisher(lane: "file/first");
        await first.ConnectAsync(default);
        await using var second = Publisher(lane: "file/second");
        Assert.Contains("file/first", (await Assert.ThrowsAsync<EvBusException>(async () => await second.ConnectAsync(default))).Message, StringComparison.Ordinal);
        await first.DisposeAsync();
        await second.ConnectAsync(default);
    }

    [Fact]
    public async Task It_rotates_by_size_and_keeps_as_many_as_it_should()
    {
        System.IO.File.WriteAllText(Path("out.ndjson.myTemp.copy"), "mine");
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), RotateBytes = 10, Keep = 2 });
        await publisher.ConnectAsync(default);
        foreach (var body in new[] { "aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg", "hhhh" })
            await publisher.PublishAsync(Batch(body), default);
        var rotated = Directory.GetFiles(_folder, "out.ndjson.2*T*").Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(["cccc\ndddd\n", "eeee\nffff\n"], rotated.Select(System.IO.File.ReadAllText));
        Assert.Equal(["gggg", "hhhh"], Lines());
        Assert.Equal("mine", System.IO.File.ReadAllText(Path("out.ndjson.myTemp.copy")));
    }

    [Fact]
    public async Task It_rotates_by_time()
    {
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), RotateInterval = TimeSpan.FromHours(1) });
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("old"), default);
        _clock.Advance(TimeSpan.FromMinutes(59));
        await publisher.PublishAsync(Batch("also old"), default);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await publisher.PublishAsync(Batch("new"), default);
        Assert.Equal(["new"], Lines());
        Assert.Single(Directory.GetFiles(_folder, "out.ndjson.20260101T010000.*"));
    }

    [Fact]
    public async Task A_file_that_was_moved_away_is_begun_anew()
    {
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        System.IO.File.Move(Path(), Path("moved"));
        await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal(["one"], Lines("moved"));
        Assert.Equal(["two"], Lines());
    }

    [Fact]
    public async Task New_files_are_readable_by_their_owner_only()
    {
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has no modes.");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(Path()));
    }

    [Fact]
    public void All_errors_of_a_profile_come_at_once()
    {
        var profile = new Profile("file", "p", new Dictionary<string, object?> { ["paht"] = "x", ["format"] = "xml", ["rotate_bytes"] = 0L, ["rotate_interval"] = "soon", ["keep"] = "x", ["fsync"] = "maybe" });
        Assert.Equal(7, FileIngress.Descriptor.Validate!(profile).Count);
    }

    [Fact]
    public async Task On_a_full_disk_only_its_own_lane_is_in_trouble()
    {
        var small = Path("small");
        Directory.CreateDirectory(small);
        if (!OperatingSystem.IsLinux() || Run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small) != 0)
            Assert.Skip("A small file system can only be mounted by root on Linux.");
        try
        {
            await using var bus = await EventBus.StartAsync(o =>
            {
                o.AddProfiles(new Two(System.IO.Path.Combine(small, "out"), Path()));
                o.AddFile(new LaneOptions { RetryMax = TimeSpan.FromMilliseconds(100) });
            });
            for (var i = 0; i < 5000; i++)
                await bus.PutAsync(new BusEvent($"{i} {new string('x', 200)}"));
            var status = await bus.StopAsync(TimeSpan.FromSeconds(2));
            var (full, good) = (status.Lanes.Single(lane => lane.Id == "file/full"), status.Lanes.Single(lane => lane.Id == "file/good"));
            Assert.Equal((5000, 0), (good.Delivered, good.Queued));
            Assert.Equal(Enumerable.Range(0, 5000), Lines().Select(line => int.Parse(line.AsSpan(0, line.IndexOf(' ')))));
            Assert.True(full.Queued > 0);
            Assert.NotNull(full.Trouble);
            // What is there is whole.
            var written = System.IO.File.ReadAllText(System.IO.Path.Combine(small, "out"));
            Assert.EndsWith("\n", written, StringComparison.Ordinal);
            Assert.Equal(full.Delivered, written.Count(c => c == '\n'));
        }
        finally
        {
            Run("umount", small);
        }
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }

    private sealed class Two(string full, string good) : IProfileSource
    {
        public string Description => "a test";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new(
        [
            new Profile("file", "full", new Dictionary<string, object?> { ["path"] = full }),
            new Profile("file", "good", new Dictionary<string, object?> { ["path"] = good }),
        ]);
    }
}
