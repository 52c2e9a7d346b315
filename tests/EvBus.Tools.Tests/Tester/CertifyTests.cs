using System.Reflection;

namespace EvBus.Tools.Tests.Tester;

public sealed class CertifyTests : IDisposable
{
    private static readonly string s_outputs = typeof(CertifyTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "PluginOutputs").Value!;

    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-certify-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_plugin_that_keeps_the_contract_is_certified()
    {
        var ran = await CertifyAsync("Good");
        Assert.True(ran.Code == 0, ran.Output + ran.Error);
        Assert.Contains("window no, prepares no, tries connections no, watches connections no, profile needed", ran.Output, StringComparison.Ordinal);
        Assert.Contains("the file has bodies alone", ran.Output, StringComparison.Ordinal);
        Assert.EndsWith(": certified\n", ran.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SaysTooSoon", "Delivered means readable at the destination", "are not at the destination when PublishAsync has returned")]
    [InlineData("CountsWrong", "Every event has a verdict", "verdicts. Mixed has one for each event")]
    [InlineData("Talks", "No secret is said", "A secret of the profile was said: \"connecting with ***\"")]
    [InlineData("DiesTwice", "Disposing twice is harmless", "ObjectDisposedException")]
    [InlineData("LeavesTimer", "No task is left behind", "something of theirs was left behind")]
    public async Task A_broken_plugin_is_refused_for_the_right_reason(string type, string fact, string reason)
    {
        var ran = await CertifyAsync(type);
        Assert.Equal(1, ran.Code);
        var lines = ran.Output.Split('\n');
        var at = Array.IndexOf(lines, $"BROKEN     {fact}");
        Assert.True(at >= 0, ran.Output);
        Assert.Contains(reason, lines[at + 1], StringComparison.Ordinal);
        Assert.EndsWith(": refused\n", ran.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("pw-of-the-test", ran.Output + ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_look_at_the_destination_nothing_is_certified()
    {
        var ran = await CertifyAsync("SaysTooSoon", read: null);
        Assert.Equal(1, ran.Code);
        Assert.Contains("no --read was given: name a command that prints what is at the destination", ran.Output, StringComparison.Ordinal);
        Assert.EndsWith(": not certified, for nobody read what was delivered\n", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plugin_that_cannot_be_loaded_is_refused_with_the_reason()
    {
        var ran = await CertifyAsync("NoSuchType");
        Assert.Equal(1, ran.Code);
        Assert.Contains("broken: cannot be loaded: WrongType", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_use_is_2_and_says_what_to_do()
    {
        var nowhere = await Ran.Of("plugin", "certify", Path.Combine(_folder, "nowhere"));
        Assert.Equal(2, nowhere.Code);
        var lacks = await CertifyAsync("Good", more: ["--lacks", "colour=none"]);
        Assert.Equal(2, lacks.Code);
        Assert.Contains("WHAT is one of: order, attributes", lacks.Error, StringComparison.Ordinal);
    }

    private Task<Ran> CertifyAsync(string type, params string[] more) => CertifyAsync(type, $"cat '{Path.Combine(_folder, "out.ndjson")}'", more);

    private Task<Ran> CertifyAsync(string type, string? read, params string[] more)
    {
        var plugin = Path.Combine(_folder, "broken");
        Directory.CreateDirectory(plugin);
        foreach (var file in Directory.GetFiles(s_outputs.Replace("{0}", "Plugin.Broken", StringComparison.Ordinal)))
            File.Copy(file, Path.Combine(plugin, Path.GetFileName(file)), overwrite: true);
        File.WriteAllText(Path.Combine(plugin, "plugin.json"), $$"""
            { "name": "broken", "version": "1.0.0", "kind": "ingress", "assembly": "Plugin.Broken.dll", "type": "Plugins.Broken.{{type}}", "contract": "1.0" }
            """);
        var output = Path.Combine(_folder, "out.ndjson");
        File.WriteAllText(output, "");
        var acct = Path.Combine(_folder, "acct.yml");
        File.WriteAllText(acct, $$"""broken: {default: {path: {{output}}, password: pw-of-the-test} }""");
        File.SetUnixFileMode(acct, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return Ran.Of(["plugin", "certify", plugin, "--acct-file", acct, .. read is null ? [] : new[] { "--read", read }, "--lacks", "attributes=the file has bodies alone", "--patience", "3", .. more]);
    }
}
