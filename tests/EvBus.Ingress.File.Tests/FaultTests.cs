using System.Text;
using EvBus.Testing;

namespace EvBus.Ingress.File.Tests;

/// <summary>What becomes of lines when the disk does not do as it is told.</summary>
public sealed class FaultTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-faults-").FullName;
    private readonly FakeClock _clock = new();
    private readonly CountingLogger _log = new();
    private readonly FaultyFiles _files = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Path(string name = "out") => System.IO.Path.Combine(_folder, name);

    private string Text() => System.IO.File.ReadAllText(Path());

    private string[] Rotated() => [.. Directory.GetFiles(_folder, "out.2*").Order(StringComparer.Ordinal)];

    private async Task<FilePublisher> ConnectedAsync(FileIngressOptions options, TimeProvider? clock = null)
    {
        var publisher = new FilePublisher(new IngressContext("file/test", null, null, null, _log, clock ?? _clock), options, _files);
        await publisher.ConnectAsync(default);
        return publisher;
    }

    private static EventBatch Batch(params string[] bodies) => EventBatch.Of([.. bodies.Select(body => new BusEvent(Encoding.UTF8.GetBytes(body)))]);

    [Fact]
    public async Task A_batch_whose_fsync_fails_is_taken_back_and_written_once()
    {
        await using var publisher = await ConnectedAsync(new FileIngressOptions { Path = Path(), Sync = FileSync.Batch });
        await publisher.PublishAsync(Batch("one"), default);
        _files.FailFlush = true;
        Assert.Equal(Verdict.Retry, (await publisher.PublishAsync(Batch("two"), default)).Verdict);
        Assert.Equal("one\n", Text());
        _files.FailFlush = false;
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch("two"), default));
        Assert.Equal("one\ntwo\n", Text());
    }

    [Fact]
    public async Task With_fsync_the_name_of_a_new_file_is_on_the_disk_before_its_first_line()
    {
        await using var publisher = await ConnectedAsync(new FileIngressOptions { Path = Path(), Sync = FileSync.Batch, RotateBytes = 5 });
        await publisher.PublishAsync(Batch("one"), default);
        await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal(["sync folder", "write", "flush", "sync folder", "write", "flush"], _files.Calls);
    }

    [Fact]
    public async Task A_file_that_cannot_be_rotated_is_trouble_but_stays_whole_and_connected()
    {
        await using var publisher = await ConnectedAsync(new FileIngressOptions { Path = Path(), RotateBytes = 5 });
        await publisher.PublishAsync(Batch("one"), default);
        _files.FailMove = true;
        var result = await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal(Verdict.Retry, result.Verdict);
        Assert.Contains("cannot be rotated", result.Reason, StringComparison.Ordinal);
        Assert.Equal("one\n", Text());
        _files.FailMove = false;
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch("two"), default));
        Assert.Equal("two\n", Text());
        Assert.Single(Rotated());
    }

    [Fact]
    public async Task A_kill_or_a_failure_between_moving_away_and_opening_anew_costs_no_line()
    {
        await using var publisher = await ConnectedAsync(new FileIngressOptions { Path = Path(), RotateBytes = 5 });
        await publisher.PublishAsync(Batch("one"), default);
        _files.FailOpen = true;
        Assert.Equal(Verdict.Disconnected, (await publisher.PublishAsync(Batch("two"), default)).Verdict);
        _files.FailOpen = false;
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch("two"), default));
        Assert.Equal("two\n", Text());
        Assert.Equal("one\n", System.IO.File.ReadAllText(Rotated().Single()));
    }

    [Fact]
    public async Task A_rotated_file_that_cannot_be_deleted_is_said_once_and_holds_up_nothing()
    {
        await using var publisher = await ConnectedAsync(new FileIngressOptions { Path = Path(), RotateBytes = 5, Keep = 1 });
        _files.FailDelete = true;
        foreach (var body in new[] { "one", "two", "thr" })
            Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch(body), default));
        Assert.Equal(1, _log.Warnings);
        Assert.Contains("cannot be deleted", _log.Last, StringComparison.Ordinal);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch("fou"), default));
        Assert.Equal((3, 2), (Rotated().Length, _log.Warnings));
        _files.FailDelete = false;
        await publisher.PublishAsync(Batch("fiv"), default);
        Assert.Equal("fou\n", System.IO.File.ReadAllText(Rotated().Single()));
    }

    [Fact]
    public async Task Files_rotated_from_a_longer_name_are_neither_counted_nor_deleted()
    {
        string[] foreign = ["out.gz.20260101T000000.000000", "out.20260101T000000.000000.gz", "out.20260101T000000.0000000", "outer.20260101T000000.000000"];
        foreach (var name in foreign)
            System.IO.File.WriteAllText(Path(name), "theirs");
        await using var publisher = await ConnectedAsync(new FileIngressOptions { Path = Path(), RotateBytes = 5, Keep = 1 });
        foreach (var body in new[] { "one", "two", "thr", "fou" })
            await publisher.PublishAsync(Batch(body), default);
        Assert.All(foreign, name => Assert.Equal("theirs", System.IO.File.ReadAllText(Path(name))));
        Assert.Equal("thr\n", System.IO.File.ReadAllText(Path("out.20260101T000000.000002")));
    }

    [Fact]
    public async Task Rotated_files_sort_as_they_were_written_also_when_the_clock_jumped_back()
    {
        var options = new FileIngressOptions { Path = Path(), RotateBytes = 5, Keep = 2 };
        await using (var publisher = await ConnectedAsync(options))
        {
            await publisher.PublishAsync(Batch("one"), default);
            await publisher.PublishAsync(Batch("two"), default);
        }
        await using var later = await ConnectedAsync(options, new FakeClock(_clock.GetUtcNow().AddYears(-1)));
        await later.PublishAsync(Batch("thr"), default);
        await later.PublishAsync(Batch("fou"), default);
        Assert.Equal(["two\n", "thr\n"], Rotated().Select(System.IO.File.ReadAllText));
    }

    [Fact]
    public async Task A_lock_that_another_process_took_meanwhile_disconnects_before_a_line_is_written()
    {
        await using var publisher = await ConnectedAsync(new FileIngressOptions { Path = Path() });
        await publisher.PublishAsync(Batch("one"), default);
        _files.IsLockedByAnother = true;
        var result = await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains("another process", result.Reason, StringComparison.Ordinal);
        Assert.Equal("one\n", Text());
    }

    [Fact]
    public async Task One_that_was_refused_takes_nothing_from_the_owner_when_it_is_disposed()
    {
        await using var owner = await ConnectedAsync(new FileIngressOptions { Path = Path() });
        foreach (var lane in new[] { "file/second", "file/third" })
        {
            await using var refused = new FilePublisher(new IngressContext(lane, null, null, null, _log, _clock), new FileIngressOptions { Path = Path() }, _files);
            await Assert.ThrowsAsync<EvBusException>(async () => await refused.ConnectAsync(default));
        }
    }

    [Fact]
    public async Task A_batch_of_which_nothing_can_be_written_touches_no_file()
    {
        await using var publisher = await ConnectedAsync(new FileIngressOptions { Path = Path() });
        var result = await publisher.PublishAsync(Batch("two\nlines"), default);
        Assert.Equal(Verdict.Rejected, result.Each!.Single().Verdict);
        Assert.Empty(_files.Calls);
    }
}
