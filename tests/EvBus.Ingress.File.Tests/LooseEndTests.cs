using System.Diagnostics;
using System.Text;
using EvBus.Testing;

namespace EvBus.Ingress.File.Tests;

/// <summary>Files that end without a line break: torn lines of ours, and whatever others leave.</summary>
public sealed class LooseEndTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-ends-").FullName;
    private readonly FakeClock _clock = new();
    private readonly CountingLogger _log = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Path(string name = "out.ndjson") => System.IO.Path.Combine(_folder, name);

    private string Text => System.IO.File.ReadAllText(Path());

    private FilePublisher Publisher(FileIngressOptions? options = null, IFileSystem? files = null) =>
        new(new IngressContext("file/test", null, null, null, _log, _clock), options ?? new FileIngressOptions { Path = Path() }, files ?? FileSystem.Real);

    private static EventBatch Batch(params string[] bodies) => EventBatch.Of([.. bodies.Select(body => new BusEvent(Encoding.UTF8.GetBytes(body)))]);

    [Theory]
    [InlineData("one secret without any line break")]
    [InlineData("line 1\nprecious last line")]
    [InlineData("{\n  \"json\": true\n}")]
    public async Task Connecting_changes_nothing_of_a_file_that_is_there(string text)
    {
        System.IO.File.WriteAllText(Path(), text);
        var before = System.IO.File.GetLastWriteTimeUtc(Path());
        await using (var publisher = Publisher())
        {
            await publisher.ConnectAsync(default);
            await publisher.ConnectAsync(default);
        }
        Assert.Equal((text, before, 0), (Text, System.IO.File.GetLastWriteTimeUtc(Path()), _log.Warnings));
    }

    [Theory]
    [InlineData("one secret without any line break")]
    [InlineData("line 1\nprecious last line")]
    [InlineData("{\n  \"json\": true\n}")]
    public async Task The_last_line_of_somebody_else_stays_and_gets_a_line_break(string text)
    {
        System.IO.File.WriteAllText(Path(), text);
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal(($"{text}\none\ntwo\n", 1), (Text, _log.Warnings));
        Assert.Contains("without a line break", _log.Last, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Megabytes_without_a_line_break_stay()
    {
        var bytes = new byte[3_000_000];
        new Random(7).NextBytes(bytes);
        bytes.AsSpan().Replace((byte)'\n', (byte)' ');
        System.IO.File.WriteAllBytes(Path(), bytes);
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        Assert.True(System.IO.File.ReadAllBytes(Path()).AsSpan().SequenceEqual([.. bytes, .. "\none\n"u8]));
    }

    [Fact]
    public async Task Half_a_line_that_another_process_appends_meanwhile_stays()
    {
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        System.IO.File.AppendAllText(Path(), "half of theirs");
        await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal("one\nhalf of theirs\ntwo\n", Text);
    }

    [Theory]
    [InlineData("o")]
    [InlineData("whole\none\ntw")]
    [InlineData("whole\none\ntwo\nthree")]
    public async Task A_torn_line_whose_batch_is_written_again_is_cut_and_said_once(string text)
    {
        System.IO.File.WriteAllText(Path(), text);
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one", "two", "three"), default);
        Assert.Equal($"{text[..(text.LastIndexOf('\n') + 1)]}one\ntwo\nthree\n", Text);
        Assert.Equal(1, _log.Warnings);
        Assert.Contains("torn line", _log.Last, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("zero\ntw")]
    [InlineData("tw")]
    [InlineData("one\ntwo!")]
    [InlineData("one\nthr")]
    public async Task What_only_looks_like_the_beginning_of_a_line_stays(string text)
    {
        System.IO.File.WriteAllText(Path(), text);
        await using var publisher = Publisher();
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one", "two", "three"), default);
        Assert.Equal($"{text}\none\ntwo\nthree\n", Text);
    }

    [Fact]
    public async Task A_torn_line_does_not_go_into_the_rotated_file()
    {
        System.IO.File.WriteAllText(Path(), "whole\non");
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), RotateBytes = 7 });
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        Assert.Equal("one\n", Text);
        Assert.Equal("whole\n", System.IO.File.ReadAllText(Directory.GetFiles(_folder, "out.ndjson.2*").Single()));
    }

    [Fact]
    public async Task A_failed_write_behind_which_another_process_wrote_is_not_cut_off()
    {
        var files = new FaultyFiles();
        await using var publisher = Publisher(files: files);
        await publisher.ConnectAsync(default);
        await publisher.PublishAsync(Batch("one"), default);
        (files.FailAfterBytes, files.OnFailure) = (2, () => System.IO.File.AppendAllText(Path(), "theirs\n"));
        var result = await publisher.PublishAsync(Batch("two"), default);
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Equal("one\ntwtheirs\n", Text);
    }

    [Fact]
    public async Task A_link_that_another_user_put_where_everybody_may_write_is_not_followed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.UserName == "root", "Only root can make a link for another user.");
        Directory.CreateDirectory(Path("open"), (UnixFileMode)0x3FF);
        Directory.CreateDirectory(Path("mine"));
        System.IO.File.WriteAllText(Path("victim"), "theirs");
        System.IO.File.CreateSymbolicLink(Path("open/events"), Path("victim"));
        System.IO.File.CreateSymbolicLink(Path("open/new"), Path("mine/made"));
        Directory.CreateSymbolicLink(Path("open/folder"), Path("mine"));
        foreach (var link in new[] { "open/events", "open/new", "open/folder" })
        {
            using var chown = Process.Start("chown", ["-h", "65534", Path(link)]);
            await chown.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        foreach (var link in new[] { "open/events", "open/new", "open/folder/x" })
        {
            await using var publisher = Publisher(new FileIngressOptions { Path = Path(link) });
            var refusal = await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(default));
            Assert.Contains("link that another user", refusal.Message, StringComparison.Ordinal);
        }
        Assert.Equal("theirs", System.IO.File.ReadAllText(Path("victim")));
        Assert.Empty(Directory.GetFiles(Path("mine")));
    }

    [Theory]
    [InlineData("out.ndjson.99991231T235959.999999", "out.ndjson.99991231T235959.1000000", "out.ndjson.99991231T235959.1000001")]
    [InlineData("out.ndjson.99991231T235959.999999999", "out.ndjson.99991231T235959.1000000000", "out.ndjson.99991231T235959.1000000001")]
    public async Task Rotation_overwrites_nothing_also_when_the_counter_has_no_digits_left(string last, params string[] next)
    {
        System.IO.File.WriteAllText(Path(last), "");
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), RotateBytes = 5 });
        await publisher.ConnectAsync(default);
        foreach (var body in new[] { "one", "two", "thr" })
            await publisher.PublishAsync(Batch(body), default);
        Assert.Equal(["one\n", "two\n"], next.Select(name => System.IO.File.ReadAllText(Path(name))));
    }

    [Fact]
    public async Task The_files_to_keep_are_the_last_ones_also_beyond_six_digits()
    {
        System.IO.File.WriteAllText(Path("out.ndjson.99991231T235959.999999"), "old");
        await using var publisher = Publisher(new FileIngressOptions { Path = Path(), RotateBytes = 5, Keep = 2 });
        await publisher.ConnectAsync(default);
        foreach (var body in new[] { "one", "two", "thr", "fou" })
            await publisher.PublishAsync(Batch(body), default);
        Assert.Equal(["two\n", "thr\n"], Directory.GetFiles(_folder, "out.ndjson.9*").Order(StringComparer.Ordinal).Select(System.IO.File.ReadAllText));
    }
}
