using EvBus.Tools.Tester;

namespace EvBus.Tools.Tests.Tester;

/// <summary>Standard streams that are closed, full, or of another kind than usual, and what stands in the input.</summary>
public sealed class StreamTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-streams-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("TESTER --random --count 2000 --rate 0 --output raw >&-", 1, "standard output cannot be written")]
    [InlineData("TESTER --random --count 20 --rate 0 --output raw <&- >&-", 1, "standard output cannot be written")]
    [InlineData("TESTER --version >/dev/full", 1, "standard output cannot be written")]
    [InlineData("TESTER --version >&-", 1, "standard output cannot be written")]
    [InlineData("TESTER --help >&-", 1, "standard output cannot be written")]
    [InlineData("TESTER --config-template >&-", 1, "standard output cannot be written")]
    [InlineData("TESTER --help 1</dev/null", 1, "standard output cannot be written")]
    [InlineData("TESTER --input - <&-", 2, "standard input cannot be read")]
    [InlineData("TESTER --nope 2>&-", 2, "")]
    [InlineData("TESTER --nope 2>/dev/full", 2, "")]
    [InlineData("TESTER --random --count 2 --rate 0 --quiet --summary --acct-file c.yml 2>/dev/full", 0, "")]
    [InlineData("TESTER --random --count 2 --rate 0 --quiet --acct-file c.yml --log-level info --log-file /dev/full", 0, "--log-file: '/dev/full' cannot be written")]
    [InlineData("TESTER connect --acct-file c.yml >&-", 1, "standard output cannot be written")]
    public async Task A_standard_stream_that_takes_nothing_is_one_line_and_an_exit_code(string line, int code, string said)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The shell of these tests is bash, and /dev/full is of Linux.");
        File.WriteAllText(Path.Combine(_folder, "c.yml"), "file: {out: {path: out}}\n");
        var ran = await Shell.RunAsync(line, _folder);
        Assert.True(code == ran.Code, $"{ran.Code}: {ran.Error}");
        Assert.Contains(said, ran.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", ran.Error, StringComparison.Ordinal);
        if (line.Contains("c.yml", StringComparison.Ordinal) && code == 0)
            Assert.Equal(2, File.ReadAllLines(Path.Combine(_folder, "out")).Length);
    }

    [Fact]
    public async Task The_mark_of_UTF_8_at_the_beginning_is_no_part_of_the_first_event()
    {
        var ran = await Ran.With(new MemoryStream([0xEF, 0xBB, 0xBF, .. "{\"a\": 1}\n2\n"u8]), null, "--input", "-", "--output", "raw");
        Assert.Equal((0, "{'a': 1}|2"), (ran.Code, string.Join('|', ran.Events)));
        Assert.Equal(["1"], (await Ran.With(new MemoryStream("1"u8.ToArray()), null, "--input", "-", "--output", "raw")).Events);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UTF_16_is_refused_with_what_to_do(bool isBigEndian)
    {
        var encoding = new System.Text.UnicodeEncoding(isBigEndian, byteOrderMark: true);
        var ran = await Ran.With(new MemoryStream([.. encoding.GetPreamble(), .. encoding.GetBytes("1\n2\n")]), null, "--input", "-", "--output", "raw");
        Assert.Equal((2, ""), (ran.Code, ran.Output));
        Assert.Contains("standard input: it is UTF-16", ran.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NO_COLOR", "1", false)]
    [InlineData("TERM", "dumb", false)]
    [InlineData("NO_COLOR", "", true)]
    [InlineData("TERM", "xterm", true)]
    public async Task A_terminal_without_colours_gets_none(string name, string value, bool isColoured)
    {
        var ran = await Ran.With(new MemoryStream("{\"a\": 1}\n"u8.ToArray()), host => host with { IsOutputTerminal = true, Environment = each => each == name ? value : null }, "--input", "-", "--output", "nested");
        Assert.Equal(isColoured, ran.Output.Contains('\e'));
    }

    [Fact]
    public async Task A_terminal_that_cannot_move_its_cursor_gets_no_live_line() =>
        Assert.DoesNotContain("\e", (await Ran.With(Stream.Null, host => host with { IsErrorTerminal = true, Environment = name => name == "TERM" ? "dumb" : null }, "--random", "--quiet", "--rate", "20", "--count", "10")).Error, StringComparison.Ordinal);

    [Fact]
    public async Task The_files_it_makes_are_for_their_owner_alone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no such modes on Windows.");
        await Shell.RunAsync("umask 022; TESTER --random --count 1 --log-file log --log-level info --receipt accepted --receipts-to receipts", _folder);
        Assert.All(new[] { "log", "receipts" }, name => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, name))));
    }
}
