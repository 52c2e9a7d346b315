using System.Text.RegularExpressions;
using EvBus.Acct;
using EvBus.Tools.Tester;

namespace EvBus.Tools.Tests.Tester;

/// <summary>What the documents promise, as they say it: the sample of credentials, the original's name, and an exit code of 0 that means delivered.</summary>
public sealed class PromiseTests : IDisposable
{
    private static readonly string s_sample = Path.Combine(AppContext.BaseDirectory, "credentials.sample.yml");

    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-promise-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("file: {a: {path: out}}", "--quiet --profile zzz", "5 events matched no publisher with a profile for 'zzz'")]
    [InlineData("file: {a: {path: out}}", "--profile zzz", "5 events matched no publisher with a profile for 'zzz'")]
    [InlineData("fiel: {a: {path: out}}", "--quiet", "5 events matched no publisher")]
    [InlineData("file: {archive: {path: out}}", "--quiet --ingress-profiles archiv", "--ingress-profiles: no publisher has a profile 'archiv'")]
    [InlineData("file: {archive: {path: out}}", "--ingress-profiles archive,nope", "--ingress-profiles: no publisher has a profile 'nope'")]
    public async Task An_event_that_no_publisher_took_is_said_and_makes_the_exit_code_1(string credentials, string words, string said)
    {
        var file = Path.Combine(_folder, "c.yml");
        File.WriteAllText(file, credentials.Replace("path: out", $"path: '{Path.Combine(_folder, "out")}'", StringComparison.Ordinal));
        var ran = await Ran.Of(["--random", "--count", "5", "--rate", "0", "--acct-file", file, .. words.Split(' ')]);
        Assert.Equal(1, ran.Code);
        Assert.Contains(said, ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_profiles_may_be_separated_by_commas_as_in_the_variable()
    {
        var file = Path.Combine(_folder, "c.yml");
        File.WriteAllText(file, $"file: {{a: {{path: '{Path.Combine(_folder, "a")}'}}, b: {{path: '{Path.Combine(_folder, "b")}'}}}}\n");
        var ran = await Ran.Of("--random", "--count", "5", "--rate", "0", "--quiet", "--acct-file", file, "--ingress-profiles", "a,b");
        Assert.Equal((0, 5, 5), (ran.Code, File.ReadAllLines(Path.Combine(_folder, "a")).Length, File.ReadAllLines(Path.Combine(_folder, "b")).Length));
    }

    [Fact]
    public void Each_profile_of_the_sample_is_one_that_its_publisher_takes()
    {
        var profiles = AcctDocument.ParseYaml(File.ReadAllBytes(s_sample), "sample").GetProfiles(Assert.Fail);
        EventBus.Create(bus =>
        {
            PluginSetup.Apply(bus, []);
            foreach (var profile in profiles.Where(each => each.Provider != "internal"))
            {
                var publisher = Assert.Single(bus.Added, each => each.Descriptor.Name == profile.Provider || each.Descriptor.Aliases.Contains(profile.Provider));
                Assert.Empty(publisher.Descriptor.Validate!(profile));
            }
        });
    }

    [Fact]
    public async Task The_sample_starts_the_tester_once_it_is_encrypted_by_its_own_lines()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Its lines are for a shell.");
        File.Copy(s_sample, Path.Combine(_folder, "credentials.sample.yml"));
        var lines = Regex.Matches(File.ReadAllText(s_sample), "^#   ((?:cp|export|rm) .*)$", RegexOptions.Multiline).Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(4, lines.Count);
        // Filled in, so that nothing leaves this machine, and nothing of it is written to.
        lines.Insert(1, "sed -i \"s#/var/lib/evbus#$PWD#; s#[a-z0-9]*[.]*example.org#127.0.0.1#\" credentials.yml");
        var ran = await Shell.RunAsync($"acct() {{ ACCT \"$@\"; }}\nset -e\n{string.Join('\n', lines)}\nTESTER --random --count 2 --rate 0 --quiet --profile nobody --summary --drain-timeout 0 --log-level quiet", _folder);
        Assert.True(ran.Code == 1, ran.Error);
        Assert.All(new[] { "rabbitmq/profile_name", "rabbitmq/idem-*", "kafka/default", "file/archive", "http/hook", "postgres/archive", "otlp/collector", "exec/mine" }, lane => Assert.Contains(lane, ran.Error, StringComparison.Ordinal));
        Assert.Contains("accepted 2, unmatched 2", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_original_s_command_works_by_its_own_name()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A link to a program is made.");
        var tool = Path.ChangeExtension(typeof(TesterCommand).Assembly.Location, null);
        File.CreateSymbolicLink(Path.Combine(_folder, "evbus_test"), tool);
        var ran = await Shell.RunAsync("export PATH=$PWD:$PATH DOTNET_ROOT=$(dirname $(readlink -f $(which dotnet))); timeout 4 evbus_test --output json --random", _folder);
        Assert.Equal(124, ran.Code);
        Assert.Matches(@"\A\{\n    ""number"": 0,\n    ""timestamp"": [\d.]+,\n    ""data"": ""\d{7,8}""\n\}\n-{80}\n\{\n    ""number"": 1,", ran.Output);
    }

    [Theory]
    [InlineData("[suggest:6]", "--ran")]
    [InlineData("[suggest]", "--ran")]
    [InlineData("[suggest:17]", "evbus-test --rand")]
    public async Task A_shell_that_asks_for_completions_starts_no_run(string directive, string line)
    {
        var ran = await Ran.Of(directive, line);
        Assert.Equal((0, ""), (ran.Code, ran.Error));
        Assert.Contains("--random\n", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_that_is_wrong_is_said_at_once_and_a_mistyped_option_with_the_one_it_resembles()
    {
        var ran = await Ran.Of("--ranom", "--rate", "fast", "--quite");
        Assert.Equal(2, ran.Code);
        Assert.Contains("Did you mean '--random'?", ran.Error, StringComparison.Ordinal);
        Assert.Contains("Did you mean '--quiet'?", ran.Error, StringComparison.Ordinal);
        Assert.Contains("'fast' is no rate", ran.Error, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(ran.Error, "Try: evbus-test --help"));
    }

    [Theory]
    [InlineData("--acct-file")]
    [InlineData("--acct-key-file")]
    [InlineData("--plugins")]
    [InlineData("--input")]
    [InlineData("--journal")]
    [InlineData("--log-file")]
    [InlineData("--ingress-profiles")]
    public async Task An_empty_value_is_refused_by_the_option_s_name(string option)
    {
        var ran = await Ran.Of("--random", "--count", "1", option, "");
        Assert.Equal((2, ""), (ran.Code, ran.Output));
        Assert.StartsWith($"evbus-test: {option}: its value is empty.", ran.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0000001")]
    [InlineData("0.00000000000000000001")]
    public async Task A_rate_that_no_clock_can_wait_for_is_refused(string rate)
    {
        var ran = await Ran.Of("--random", "--rate", rate);
        Assert.Equal(2, ran.Code);
        Assert.Contains("is no rate. Write events a second, from 0.00001", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_percent_sign_in_a_date_is_written_twice() =>
        Assert.Equal("%d 02 %q", EvBus.Tools.Tester.Reporting.Loggers.Date(new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero), "%%d %d %q"));
}
