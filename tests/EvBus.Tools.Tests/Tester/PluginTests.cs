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
