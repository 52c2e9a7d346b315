using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EvBus.Testing;
using EvBus.Tools.Tester;

namespace EvBus.Tools.Tests.Tester;

public class TesterRunTests
{
    private static Func<TesterHost, TesterHost> Publisher(Func<BusEvent, CancellationToken, ValueTask> publish) =>
        host => host with { Configure = bus => bus.AddIngress("mine", publish) };

    [Fact]
    public async Task Each_event_is_followed_by_a_rule_of_80_dashes()
    {
        var ran = await Ran.With("{\"a\": 1}\n", "--input", "-");
        Assert.Equal("{\n    \"a\": 1\n}\n" + Ran.Rule, ran.Output);
        Assert.Equal((0, ""), (ran.Code, ran.Error));
    }

    [Fact]
    public async Task Yaml_ends_with_a_line_break_of_its_own_so_an_empty_line_follows()
    {
        var ran = await Ran.With("{\"a\": 1}", "--input", "-", "--output", "yaml");
        Assert.Equal("a: 1\n\n" + Ran.Rule, ran.Output);
    }

    [Fact]
    public async Task Lines_may_end_as_on_Windows_be_empty_or_lack_their_end()
    {
        var ran = await Ran.With("1\r\n\n\r\n\"é\"\nno json", "--input", "-", "--output", "raw");
        Assert.Equal(["1", "é", "no json"], ran.Events);
    }

    [Fact]
    public async Task Two_hundred_thousand_lines_arrive_in_order()
    {
        var lines = string.Concat(Enumerable.Range(1, 200_000).Select(i => i + "\n"));
        var ran = await Ran.With(lines, "--input", "-", "--output", "raw", "--summary");
        Assert.Equal(0, ran.Code);
        Assert.Equal(Enumerable.Range(1, 200_000).Select(i => i.ToString()), ran.Events);
        Assert.Contains("internal/evbus-test: delivered 200,000, dead 0, dropped 0, queued 0", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_terminal_a_quiet_run_shows_how_far_it_is_in_a_line_that_is_gone_at_the_end()
    {
        var taking = Publisher((_, _) => default);
        var ran = await Ran.With(Stream.Null, host => taking(host) with { IsErrorTerminal = true }, "--random", "--quiet", "--rate", "20", "--count", "20");
        Assert.Equal(0, ran.Code);
        Assert.Contains("sent ", ran.Error, StringComparison.Ordinal);
        Assert.Contains("events/s", ran.Error, StringComparison.Ordinal);
        Assert.Contains("s left", ran.Error, StringComparison.Ordinal);
        // The last thing said of the line is that it is cleared.
        Assert.True(ran.Error.LastIndexOf("\e[2K", StringComparison.Ordinal) > ran.Error.LastIndexOf("sent ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task While_the_rest_is_delivered_the_line_says_for_how_long_and_how_to_leave()
    {
        var failing = Publisher((_, _) => throw new IOException("away"));
        var ran = await Ran.With(new MemoryStream("1\n"u8.ToArray()), host => failing(host) with { IsErrorTerminal = true }, "--input", "-", "--quiet", "--drain-timeout", "2", "--log-level", "quiet");
        Assert.Equal(1, ran.Code);
        Assert.Contains("draining, at most 2 s", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_a_pipe_a_quiet_run_shows_no_line() =>
        Assert.DoesNotContain("events/s", (await Ran.Of("--random", "--quiet", "--rate", "20", "--count", "10")).Error, StringComparison.Ordinal);

    [Fact]
    public async Task A_line_that_is_too_long_is_one_error_that_names_it_and_those_before_it_are_delivered()
    {
        var ran = await Ran.With("1\n\n" + new string('2', (1 << 20) + 1) + "\n3\n", "--input", "-", "--output", "raw");
        Assert.Equal(2, ran.Code);
        Assert.Equal(["1"], ran.Events);
        Assert.StartsWith("evbus-test: standard input, line 3: it is longer than 1,048,576 bytes", ran.Error, StringComparison.Ordinal);
        Assert.Single(ran.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_line_of_exactly_the_largest_size_is_taken()
    {
        var ran = await Ran.With(new string('x', 1 << 20) + "\r\n", "--input", "-", "--output", "raw");
        Assert.Equal(0, ran.Code);
        Assert.Equal(1 << 20, ran.Events[0].Length);
    }

    [Fact]
    public async Task Random_events_have_the_fields_of_the_original()
    {
        var ran = await Ran.Of("--random", "--count", "3", "--rate", "0", "--output", "raw");
        Assert.Equal(3, ran.Events.Length);
        Assert.All(ran.Events.Index(), each => Assert.Matches($@"^\{{'number': {each.Index}, 'timestamp': \d+\.\d+, 'data': '\d{{7,8}}'\}}$", each.Item));
    }

    [Fact]
    public async Task A_seed_repeats_the_data()
    {
        static string Data(Ran ran) => string.Join(' ', Regex.Matches(ran.Output, @"'data': '(\d+)'").Select(match => match.Groups[1].Value));
        string[] args = ["--random", "--count", "5", "--rate", "0", "--output", "raw", "--seed"];
        var first = Data(await Ran.Of([.. args, "7"]));
        Assert.Equal(first, Data(await Ran.Of([.. args, "7"])));
        Assert.NotEqual(first, Data(await Ran.Of([.. args, "8"])));
    }

    [Fact]
    public async Task Random_events_have_the_size_that_was_asked_for_and_their_profile()
    {
        var sizes = new List<int>();
        var profiles = new List<string?>();
        var ran = await Ran.With(new MemoryStream(), Publisher((evt, stop) =>
        {
            sizes.Add(evt.Body.Length);
            profiles.Add(evt.Profile);
            using var parsed = JsonDocument.Parse(evt.Body);
            return default;
        }), "--random", "--count", "2", "--rate", "0", "--size", "500", "--quiet", "--profile", "p");
        Assert.Equal((0, "", "500 500", "p p"), (ran.Code, ran.Output, string.Join(' ', sizes), string.Join(' ', profiles)));
    }

    [Fact]
    public async Task Random_events_come_once_a_second_the_first_at_once()
    {
        var clock = new FakeClock();
        var times = System.Threading.Channels.Channel.CreateUnbounded<DateTimeOffset>();
        var running = Ran.With(new MemoryStream(), host => host with
        {
            Time = clock,
            Configure = bus => bus.AddIngress("mine", (evt, _) =>
            {
                times.Writer.TryWrite(evt.Attributes.Time!.Value);
                return default;
            }),
        }, "--random", "--count", "3", "--quiet");
        var seen = new List<DateTimeOffset>();
        for (var second = 0; second < 3; second++)
        {
            // The clock goes on only when the event of this second has arrived, so that time never overtakes the threads.
            seen.Add(await times.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
            for (var tenth = 0; tenth < 10 && second < 2; tenth++)
            {
                Assert.False(times.Reader.TryPeek(out _));
                clock.Advance(TimeSpan.FromMilliseconds(100));
            }
        }
        Assert.Equal(0, (await running.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken)).Code);
        Assert.Equal([1.0, 1.0], seen.Zip(seen.Skip(1), (a, b) => Math.Round((b - a).TotalSeconds)));
    }

    [Fact]
    public async Task An_outage_that_is_over_stands_in_the_summary_as_what_was_tried_again()
    {
        var calls = 0;
        var ran = await Ran.With(new MemoryStream("1\n"u8.ToArray()), Publisher((_, _) => calls++ == 0 ? throw new IOException("away") : default), "--input", "-", "--quiet", "--summary", "--log-level", "quiet");
        Assert.Equal(0, ran.Code);
        Assert.Contains("mine: delivered 1, dead 0, dropped 0, queued 0; tried again 1\n", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_publisher_rejects_for_good_makes_the_exit_code_1()
    {
        var ran = await Ran.With(new MemoryStream("1\n2\n"u8.ToArray()), Publisher((evt, stop) =>
            evt.GetText() == "1" ? throw new RejectEventException("no ones") : default), "--input", "-", "--quiet", "--summary", "--log-level", "quiet");
        Assert.Equal(1, ran.Code);
        Assert.Contains("mine: delivered 1, dead 1, dropped 0, queued 0", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_still_queued_when_the_time_is_up_makes_the_exit_code_1()
    {
        var ran = await Ran.With(new MemoryStream("1\n"u8.ToArray()), Publisher((_, _) => throw new IOException("away")), "--input", "-", "--quiet", "--summary", "--drain-timeout", "0", "--log-level", "quiet");
        Assert.Equal(1, ran.Code);
        Assert.Contains("queued 1", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_it_drains_sums_up_and_exits_130()
    {
        using var interrupt = new CancellationTokenSource();
        var ran = await Ran.With(new MemoryStream("1\n2\n"u8.ToArray()), host => host with
        {
            IsInputRedirected = true,
            Interrupted = interrupt.Token,
            Configure = bus => bus.AddIngress("mine", (evt, _) =>
            {
                if (evt.GetText() == "2")
                    interrupt.Cancel();
                return default;
            }),
        }, "--output", "raw", "--summary");
        Assert.Equal(130, ran.Code);
        Assert.Equal(["1", "2"], ran.Events);
        Assert.Contains("mine: delivered 2", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bare_pipe_counts_as_input_and_ends_with_it()
    {
        var ran = await Ran.With(new MemoryStream("1\n2\n"u8.ToArray()), host => host with { IsInputRedirected = true }, "--output", "raw");
        Assert.Equal((0, ""), (ran.Code, ran.Error));
        Assert.Equal(["1", "2"], ran.Events);
    }

    private sealed class InterruptingError(CancellationTokenSource interrupt) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            interrupt.Cancel();
        }
    }

    [Theory]
    [InlineData(false, "nothing to send")]
    [InlineData(true, "standard input ended without a line")]
    public async Task With_nothing_to_send_it_says_so_and_runs_until_interrupted(bool isRedirected, string said)
    {
        using var interrupt = new CancellationTokenSource();
        var error = new InterruptingError(interrupt);
        var ran = await Ran.With(new MemoryStream(), host => host with { IsInputRedirected = isRedirected, Interrupted = interrupt.Token, Error = error });
        Assert.Equal((TesterRun.Interrupted, ""), (ran.Code, ran.Output));
        Assert.Equal($"evbus-test: {said}: printing what else arrives, until Ctrl-C. To send, use --random, --input FILE, or a pipe.", error.ToString().TrimEnd());
    }

    [Fact]
    public async Task A_pipe_that_stays_silent_is_said()
    {
        using var interrupt = new CancellationTokenSource();
        var error = new InterruptingError(interrupt);
        var pipe = new System.IO.Pipelines.Pipe();
        var ran = await Ran.With(pipe.Reader.AsStream(), host => host with { IsInputRedirected = true, Interrupted = interrupt.Token, Error = error });
        Assert.Equal((TesterRun.Interrupted, ""), (ran.Code, ran.Output));
        Assert.Equal("evbus-test: waiting for lines on standard input, until its end or Ctrl-C.", error.ToString().TrimEnd());
    }

    private sealed class BrokenOutput(string message, int error) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException(message, error);
    }

    [Fact]
    public async Task A_closed_pipe_ends_it_quietly()
    {
        var ran = await Ran.With(new MemoryStream(), host => host with { Output = new BrokenOutput("Broken pipe", 32) }, "--random", "--rate", "0");
        Assert.Equal((0, ""), (ran.Code, ran.Error));
    }

    [Fact]
    public async Task Output_that_cannot_be_written_is_said_and_makes_the_exit_code_1()
    {
        var ran = await Ran.With(new MemoryStream(), host => host with { Output = new BrokenOutput("No space left on device", 28) }, "--random", "--rate", "0");
        Assert.Equal(1, ran.Code);
        Assert.StartsWith("evbus-test: standard output cannot be written: No space left on device.", Assert.Single(ran.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Queues_that_the_acct_file_names_are_emptied_and_nothing_secret_is_said()
    {
        var file = Path.Combine(AppContext.BaseDirectory, "tester-acct.yml");
        await File.WriteAllTextAsync(file, "internal:\n  a: {routing_key: q1}\nnobody:\n  p: {password: s3cret}\n");
        var ran = await Ran.With("1\n", "--input", "-", "--output", "raw", "--acct-file", file, "--summary");
        Assert.Equal((0, "1\n" + Ran.Rule), (ran.Code, ran.Output));
        Assert.Contains("internal/a: delivered 1", ran.Error, StringComparison.Ordinal);
        Assert.Contains("'nobody:'", ran.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_the_acct_file_names_gets_every_line()
    {
        var folder = Directory.CreateTempSubdirectory("evbus-test-");
        try
        {
            var target = Path.Combine(folder.FullName, "out.ndjson");
            var acct = Path.Combine(folder.FullName, "acct.yml");
            await File.WriteAllTextAsync(acct, $"file:\n  archive: {{path: '{target}'}}\n");
            var ran = await Ran.With("1\n{\"a\": 2}\n", "--input", "-", "--quiet", "--acct-file", acct, "--summary");
            Assert.Equal(0, ran.Code);
            Assert.Equal("1\n{\"a\": 2}\n", await File.ReadAllTextAsync(target));
            Assert.Contains("file/archive: delivered 2", ran.Error, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
