using System.Globalization;
using EvBus.Tools.Tester;
using EvBus.Tools.Tester.Options;
using EvBus.Tools.Tester.Reporting;

namespace EvBus.Tools.Tests.Tester;

public class CommandLineTests
{
    [Theory]
    [InlineData("--output xml", "--output: there is no 'xml'. Choose one of: json, yaml, nested, pretty, raw.")]
    [InlineData("--rate fast", "--rate: 'fast' is no rate.")]
    [InlineData("--rate -1", "--rate")]
    [InlineData("--count 0", "--count: '0' is not a whole number from 1")]
    [InlineData("--duration soon", "--duration: 'soon' is no time. Write seconds or a unit")]
    [InlineData("--size 2000000", "--size: '2000000' is not a whole number from 1 to 1,048,576.")]
    [InlineData("--color red", "--color: there is no 'red'.")]
    [InlineData("--log-level loud", "--log-level: there is no 'loud'.")]
    [InlineData("--bogus", "'--bogus'")]
    [InlineData("--seed 3", "--seed is for random events only.")]
    [InlineData("--size 200 --input -", "--size is for random events only.")]
    [InlineData("--log-file /no/such/folder/log", "--log-file: '/no/such/folder/log' cannot be written")]
    [InlineData("@/no/such/file", "'@/no/such/file'")]
    [InlineData("--input /no/such/file", "--input: there is no file '/no/such/file'.")]
    public async Task Wrong_use_is_one_line_and_exit_code_2(string args, string expected)
    {
        var ran = await Ran.Of(args.Split(' '));
        Assert.Equal((2, ""), (ran.Code, ran.Output));
        Assert.Contains(expected, ran.Error, StringComparison.Ordinal);
        Assert.Single(ran.Error.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=")]
    [InlineData("--acct-key-fil=YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=")]
    public async Task A_key_in_the_wrong_place_is_not_said_aloud(string arg)
    {
        var ran = await Ran.Of(arg);
        Assert.Equal(2, ran.Code);
        Assert.Contains("***", ran.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("YeckEn", ran.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("30", 30)]
    [InlineData("500ms", 0.5)]
    [InlineData("1.5s", 1.5)]
    [InlineData("5m", 300)]
    [InlineData("2h", 7200)]
    public void Times_are_seconds_or_have_a_unit(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), TesterCommand.Read(TesterCommand.Build().Parse(["--drain-timeout", text])).DrainTimeout);

    [Fact]
    public void Without_options_json_is_printed_and_draining_takes_30_seconds() =>
        Assert.Equal(new TesterOptions { Output = "json", DrainTimeout = TimeSpan.FromSeconds(30) }, TesterCommand.Read(TesterCommand.Build().Parse([])));

    [Fact]
    public async Task The_version_is_that_of_evbus() => Assert.Matches(@"^evbus \d+\.\d+\.\d+\n$", (await Ran.Of("--version")).Output);

    [Fact]
    public async Task Help_template_and_report_tell_what_there_is()
    {
        Assert.Contains("--drain-timeout", (await Ran.Of("--help")).Output, StringComparison.Ordinal);
        Assert.Contains("routing_key: q1", (await Ran.Of("--config-template")).Output, StringComparison.Ordinal);
        Assert.Contains("runtime .NET", (await Ran.Of("--versions-report")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Dates_in_the_log_are_written_as_strftime_does() =>
        Assert.Equal("2026-01-02 03:04:05", Loggers.Date(DateTimeOffset.Parse("2026-01-02T03:04:05Z", CultureInfo.InvariantCulture), "%Y-%m-%d %H:%M:%S"));

    [Fact]
    public void Percentiles_are_values_that_were_measured()
    {
        var times = Enumerable.Range(1, 100).Select(i => TimeSpan.FromMilliseconds(i)).ToList();
        Assert.Equal((50, 99), (Summary.Percentile(times, 0.5).TotalMilliseconds, Summary.Percentile(times, 0.99).TotalMilliseconds));
    }
}
