using System.Text.Json;
using EvBus.Tests.Plugins;

namespace EvBus.Cli.Tests;

public sealed class PluginCommandTests : IDisposable
{
    private readonly CliRun _cli = new();
    private readonly PluginBed _bed = new();

    public void Dispose()
    {
        _cli.Dispose();
        _bed.Dispose();
    }

    [Fact]
    public async Task Plugins_are_listed_from_their_manifests_and_nothing_is_loaded()
    {
        _bed.Install("Plugin.One");
        _bed.Install("Plugin.Two", "old", ("contract", "0.9"), ("name", "old"));
        var (code, output, _) = await RunAsync("list");
        Assert.Equal(0, code);
        var lines = output.Split('\n');
        Assert.Contains(lines, line => line.StartsWith("ingress     file ", StringComparison.Ordinal) && line.Contains("NDJSON", StringComparison.Ordinal));
        Assert.Contains("ingress     one           1.2.3    Rejects every event with a greeting.", lines);
        Assert.Contains(lines, line => line.StartsWith("ingress     old           2.2.3    failed: contract 0.9, host 1.0.", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("serializer  msgpack ", StringComparison.Ordinal));
        Assert.Empty(_bed.LoadedAssemblies());
    }

    [Fact]
    public async Task As_json_each_plugin_has_all_that_is_known_of_it()
    {
        var folder = _bed.Install("Plugin.One", null, ("platforms", new[] { "linux", "windows", "osx" }), ("aliases", new[] { "uno" }));
        var (_, output, _) = await RunAsync("list", "--json", "--kind", "ingress");
        var rows = JsonDocument.Parse(output).RootElement.EnumerateArray().ToList();
        Assert.All(rows, row => Assert.Equal("ingress", row.GetProperty("kind").GetString()));
        var one = rows.Single(row => row.GetProperty("name").GetString() == "one");
        Assert.Equal(
            ["1.2.3", "known", folder, "Plugin.One.dll", "Plugins.One.GreetingPublisher", "1.0", "uno", "linux"],
            ((string[])["version", "state", "origin", "assembly", "type", "contract"]).Select(key => one.GetProperty(key).GetString()!).Append(one.GetProperty("aliases")[0].GetString()!).Append(one.GetProperty("platforms")[0].GetString()!));
        Assert.True(one.GetProperty("needs_profile").GetBoolean());
        Assert.Equal("EvBus.Ingress.File.FileIngressOptions", rows.Single(row => row.GetProperty("name").GetString() == "file").GetProperty("options_type").GetString());
    }

    [Fact]
    public async Task One_is_shown_with_its_example()
    {
        _bed.Install("Plugin.One", null, ("aliases", new[] { "uno" }));
        var (code, output, _) = await RunAsync("show", "uno");
        Assert.Equal(0, code);
        Assert.Contains("version     1.2.3\n", output, StringComparison.Ordinal);
        Assert.Contains("profile     needed: one lane for each\n", output, StringComparison.Ordinal);
        Assert.EndsWith("\n\none:\n  default:\n    text: hello    # anything\n", output, StringComparison.Ordinal);
        Assert.Empty(_bed.LoadedAssemblies());
    }

    [Fact]
    public async Task The_doctor_loads_them_and_says_what_is_wrong_with_which()
    {
        _bed.Install("Plugin.One");
        var (code, output, _) = await RunAsync("doctor");
        Assert.Equal(0, code);
        Assert.Contains("ok        ingress one (", output, StringComparison.Ordinal);
        Assert.EndsWith(" ok, 0 failed, 0 disabled\n", output, StringComparison.Ordinal);

        File.Delete(Path.Combine(_bed.Install("Plugin.Two"), "Greeting.dll"));
        _bed.Install("Plugin.Two", "throws", ("name", "throws"), ("type", "Plugins.Two.Nobody"));
        (code, output, _) = await RunAsync("doctor", "--json");
        Assert.Equal(1, code);
        var report = JsonDocument.Parse(output).RootElement;
        Assert.Equal(2, report.GetProperty("failed").GetInt32());
        var failures = report.GetProperty("plugins").EnumerateArray().Where(row => row.GetProperty("state").GetString() == "failed")
            .ToDictionary(row => row.GetProperty("name").GetString()!, row => row.GetProperty("failure").GetString());
        Assert.Equal(("MissingDependency", "WrongType"), (failures["two"], failures["throws"]));

        Assert.Equal(0, (await RunAsync("doctor", "one", "file")).Code);
    }

    [Theory]
    [InlineData("There is no plugin called 'fil'. Did you mean 'file'?", "show", "fil")]
    [InlineData("There is no plugin called 'clickhouse'. 'evbus plugins list' names all", "doctor", "clickhouse")]
    [InlineData("--kind: there are no plugins of the kind 'ingres'. Did you mean 'ingress'?", "list", "--kind", "ingres")]
    [InlineData("nowhere' cannot be read: there is no such folder", "list", "--plugins", "nowhere")]
    public async Task Wrong_use_is_2_and_suggests_what_was_meant(string error, params string[] words)
    {
        var (code, output, said) = await RunAsync(words);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(error, said, StringComparison.Ordinal);
    }

    private Task<(int Code, string Out, string Error)> RunAsync(params string[] words) => _cli.RunAsync(["plugins", .. words, "--plugins", _bed.Path]);
}
