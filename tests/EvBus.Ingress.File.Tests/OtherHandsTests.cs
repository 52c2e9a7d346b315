using System.Text;
using EvBus.Testing;

namespace EvBus.Ingress.File.Tests;

/// <summary>A file is never alone: kills, other processes, links, and people who move things.</summary>
public sealed class OtherHandsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-hands-").FullName;
    private readonly FakeClock _clock = new();
    private readonly CountingLogger _log = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Path(string name = "out.ndjson") => System.IO.Path.Combine(_folder, name);

    private FilePublisher Publisher(FileIngressOptions? options = null, string lane = "file/test") =>
        new(new IngressContext(lane, null, null, null, _log, _clock), options ?? new FileIngressOptions { Path = Path() }, FileSystem.Real);

    private static EventBatch Batch(params string[] bodies) => EventBatch.Of([.. bodies.Select(body => new BusEvent(Encoding.UTF8.GetBytes(body)))]);

    private static async Task<string> RefusedAsync(FilePublisher publisher) =>
        (await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(default))).Message;

    [Fact]
    public async Task After_a_kill_in_mid_writing_every_line_is_whole_and_none_that_was_delivered_is_missing()
    {
        var delivered = -1;
        for (var round = 1; round <= 5; round++)
        {
            // As a bus would: what was not delivered is written again.
            using (var child = new Child(Path(), delivered + 1))
                delivered = await child.KillAfterAsync(batches: round);
        }
        await using (var publisher = Publisher())
        {
            await publisher.ConnectAsync(default);
            await publisher.PublishAsync(Batch([.. Enumerable.Range(delivered + 1, Child.LinesInBatch).Select(Child.Line)]), default);
        }
        var text = await System.IO.File.ReadAllTextAsync(Path(), TestContext.Current.CancellationToken);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var numbers = new HashSet<int>();
        foreach (var line in text[..^1].Split('\n'))
        {
            var number = int.Parse(line.AsSpan(0, line.IndexOf(' ')), System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(Child.Line(number) == line, $"A line is '{line}'.");
            numbers.Add(number);
        }
        Assert.All(Enumerable.Range(0, delivered + 1), number => Assert.Contains(number, numbers));
    }

    [Fact]
    public async Task A_file_that_another_process_writes_to_is_refused_until_that_process_ends()
    {
        using var child = new Child(Path(), 0);
        await child.WaitForBatchesAsync(1);
        await using var publisher = Publisher();
        Assert.Contains("another process", await RefusedAsync(publisher), StringComparison.Ordinal);
        await child.KillAfterAsync(1);
        await publisher.ConnectAsync(default);
    }

    [Fact]
    public async Task A_link_is_followed_and_the_file_behind_it_rotates()
    {
        Directory.CreateDirectory(Path("real"));
        System.IO.File.CreateSymbolicLink(Path(), Path("real/events"));
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), RotateBytes = 5 });
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal("two\n", System.IO.File.ReadAllText(Path("real/events")));
        Assert.Equal("two\n", System.IO.File.ReadAllText(Path()));
        Assert.Equal("one\n", System.IO.File.ReadAllText(Directory.GetFiles(Path("real"), "events.2*").Single()));
        Assert.Equal(0, _log.Warnings);
    }

    [Fact]
    public async Task Two_lanes_cannot_reach_one_file_by_different_ways()
    {
        Directory.CreateDirectory(Path("real"));
        Directory.CreateSymbolicLink(Path("link"), Path("real"));
        await using var first = Publisher(new FileIngressOptions { Path = Path("real/events") }, "file/first");
        await first.ConnectAsync(default);
        await using var second = Publisher(new FileIngressOptions { Path = Path("link/events") }, "file/second");
        Assert.Contains("file/first", await RefusedAsync(second), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_instance_that_was_given_up_but_still_writes_is_not_called_another_lane()
    {
        await using var abandoned = Publisher();
        await abandoned.ConnectAsync(default);
        await using var next = Publisher();
        Assert.Contains("earlier", await RefusedAsync(next), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/full")]
    [InlineData("/proc/self/comm")]
    public async Task A_device_is_refused(string path)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("These devices are Linux's.");
        await using var publisher = Publisher(new FileIngressOptions { Path = path });
        Assert.Contains("no plain file", await RefusedAsync(publisher), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_file_that_was_deleted_and_made_again_is_noticed_before_the_first_line()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux says here which file a name stands for.");
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        System.IO.File.Delete(Path());
        System.IO.File.WriteAllText(Path(), "");
        await publisher.PublishAsync(Batch("one"), default);
        Assert.Equal("one\n", System.IO.File.ReadAllText(Path()));
    }

    [Fact]
    public async Task A_file_shortened_by_somebody_gets_no_hole()
    {
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one", "two"), default);
        System.IO.File.WriteAllText(Path(), "");
        await publisher.PublishAsync(Batch("three"), default);
        Assert.Equal("three\n", System.IO.File.ReadAllText(Path()));
        Assert.Equal(1, _log.Warnings);
    }

    [Fact]
    public async Task A_file_of_an_earlier_day_is_rotated_although_the_process_is_new()
    {
        System.IO.File.WriteAllText(Path(), "yesterday\n");
        System.IO.File.SetLastWriteTimeUtc(Path(), new DateTime(2025, 12, 31, 23, 0, 0, DateTimeKind.Utc));
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), RotateInterval = TimeSpan.FromDays(1) });
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("today"), default);
        Assert.Equal("today\n", System.IO.File.ReadAllText(Path()));
        Assert.Single(Directory.GetFiles(_folder, "out.ndjson.2*"));
    }

    [Fact]
    public async Task A_clock_that_jumps_back_rotates_nothing()
    {
        System.IO.File.WriteAllText(Path(), "from the future\n");
        System.IO.File.SetLastWriteTimeUtc(Path(), new DateTime(2027, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), RotateInterval = TimeSpan.FromDays(1) });
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("now"), default);
        Assert.Equal("from the future\nnow\n", System.IO.File.ReadAllText(Path()));
    }

    [Fact]
    public async Task A_link_that_is_pointed_elsewhere_is_followed_there()
    {
        System.IO.File.CreateSymbolicLink(Path(), Path("monday"));
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        System.IO.File.Delete(Path());
        System.IO.File.CreateSymbolicLink(Path(), Path("tuesday"));
        await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal(("one\n", "two\n"), (System.IO.File.ReadAllText(Path("monday")), System.IO.File.ReadAllText(Path("tuesday"))));
        // What it has left is free for another lane.
        await using var other = Publisher(new FileIngressOptions { Path = Path("monday") }, "file/other");
        await other.ConnectAsync(default);
    }

    [Fact]
    public async Task A_file_replaced_by_one_of_the_same_length_is_noticed()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux says here which file a name stands for.");
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        System.IO.File.WriteAllText(Path("new"), "own\n");
        System.IO.File.Move(Path("new"), Path(), overwrite: true);
        await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal("own\ntwo\n", System.IO.File.ReadAllText(Path()));
    }

    [Fact]
    public async Task Links_that_lead_round_in_a_circle_are_said_in_words()
    {
        System.IO.File.CreateSymbolicLink(Path(), Path("b"));
        System.IO.File.CreateSymbolicLink(Path("b"), Path());
        await using var publisher = Publisher();
        Assert.Contains("circle", await RefusedAsync(publisher), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_behind_links_and_dots_is_found_as_the_system_finds_it()
    {
        Directory.CreateDirectory(Path("a/b"));
        Directory.CreateSymbolicLink(Path("ab"), "a/b");
        System.IO.File.CreateSymbolicLink(Path(), "ab/../x/../events");
        Directory.CreateDirectory(Path("a/x"));
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        Assert.Equal("one\n", System.IO.File.ReadAllText(Path("a/events")));
    }

    [Fact]
    public async Task A_folder_that_was_moved_away_with_the_file_is_trouble_until_it_is_back()
    {
        Directory.CreateDirectory(Path("sub"));
        await using var publisher = Publisher(new FileIngressOptions { Path = Path("sub/events") });
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        Directory.Move(Path("sub"), Path("gone"));
        Assert.Equal(Verdict.Disconnected, (await publisher.PublishAsync(Batch("two"), default)).Verdict);
        Assert.Contains("folder", await RefusedAsync(publisher), StringComparison.Ordinal);
        Directory.Move(Path("gone"), Path("sub"));
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal("one\ntwo\n", System.IO.File.ReadAllText(Path("sub/events")));
    }
}
