using EvBus.Tests.Plugins;

namespace EvBus.Tools.Tests.Tester;

public sealed class PluginTests : IDisposable
{
    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task A_plugin_of_a_folder_gets_its_profiles_events()
    {
        _bed.Install("Plugin.One");
        var acct = Path.Combine(_bed.Path, "credentials.yml");
        File.WriteAllText(acct, "one: {default: {text: hello}}");
        var ran = await Ran.Of("--random", "--count", "3", "--rate", "0", "--plugins", _bed.Path, "--acct-file", acct, "--summary");
        Assert.Contains("one/default", ran.Error, StringComparison.Ordinal);
        Assert.Contains("hello from Greeting 1", ran.Error, StringComparison.Ordinal);
        Assert.Equal(1, ran.Code);
        Assert.Contains("one/default: ok\n", (await Ran.Of("connect", "--plugins", _bed.Path, "--acct-file", acct)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_outputter_of_a_folder_prints_and_one_that_throws_costs_no_publisher_its_events()
    {
        _bed.Install("Plugin.One", null, ("kind", "outputter"), ("name", "loud"), ("type", "Plugins.One.LoudOutputter"));
        var (input, acct, written) = (Path.Combine(_bed.Path, "in.txt"), Path.Combine(_bed.Path, "c.yml"), Path.Combine(_bed.Path, "out.ndjson"));
        File.WriteAllText(acct, $"file: {{all: {{path: {written}}}}}");
        File.WriteAllText(input, "one\ntwo\n");
        var ran = await Ran.Of("--input", input, "--output", "loud", "--plugins", _bed.Path);
        Assert.Equal((0, $"ONE\n{new string('-', 80)}\nTWO\n{new string('-', 80)}\n"), (ran.Code, ran.Output));

        File.WriteAllText(input, "one\nsilence\n");
        ran = await Ran.Of("--input", input, "--output", "loud", "--plugins", _bed.Path, "--acct-file", acct);
        Assert.Equal((1, $"ONE\n{new string('-', 80)}\n"), (ran.Code, ran.Output));
        Assert.Contains("FormatException: nothing to shout", ran.Error, StringComparison.Ordinal);
        Assert.Equal(2, File.ReadAllLines(written).Length);

        ran = await Ran.Of("--input", input, "--output", "luod", "--plugins", _bed.Path);
        Assert.Equal(2, ran.Code);
        Assert.Contains("--output: there is no such outputter. Did you mean 'loud'? Choose one of: json, yaml, nested, pretty, raw, loud.", ran.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("luod", ran.Error, StringComparison.Ordinal);
        Assert.Contains("Choose one of: json", (await Ran.Of("--output", "loud")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_template_has_the_examples_of_plugins_and_a_path_that_is_not_there_is_2()
    {
        _bed.Install("Plugin.One");
        Assert.Contains("text: hello    # anything", (await Ran.Of("--config-template", "--plugins", _bed.Path)).Output, StringComparison.Ordinal);
        foreach (var word in new[] { "--config-template", "--random", "connect" })
        {
            var ran = await Ran.Of(word, "--plugins", Path.Combine(_bed.Path, "nowhere"));
            Assert.Equal(2, ran.Code);
            Assert.Contains("nowhere' cannot be read: there is no such folder", ran.Error, StringComparison.Ordinal);
        }
    }
}
