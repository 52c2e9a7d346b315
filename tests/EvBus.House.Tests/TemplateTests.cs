using System.Text.Json;

namespace EvBus.House.Tests;

/// <summary>The template as somebody meets it: from packages of this build, in an empty folder, with what is installed already in the place of a network.</summary>
public sealed class TemplateTests : IDisposable
{
    private const string Version = "0.0.1-template";

    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-template-").FullName;

    private readonly Dictionary<string, string> _environment;

    public TemplateTests()
    {
        // The packages of this test stay out of the machine's folder: the same version of another build would be taken for them.
        _environment = new() { ["NUGET_PACKAGES"] = Path.Combine(_folder, "packages"), ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1", ["DOTNET_NOLOGO"] = "1" };
        File.WriteAllText(Path.Combine(_folder, "nuget.config"), $"""
            <configuration>
              <packageSources>
                <add key="evbus" value="{Path.Combine(_folder, "feed")}" />
              </packageSources>
              <fallbackPackageFolders>
                <add key="installed" value="{House.Metadata("PackageFolder")}" />
              </fallbackPackageFolders>
            </configuration>
            """);
        foreach (var project in (string[])["src/EvBus", "src/EvBus.Testing", "src/EvBus.Testing.Xunit", "templates/EvBus.Templates"])
            Dotnet("pack", Path.Combine(House.Root, project), "--no-build", "-c", House.Configuration, $"-p:Version={Version}", "-o", Path.Combine(_folder, "feed"), "-v", "quiet", "-nodeReuse:false");
        Dotnet("new", "install", Path.Combine(_folder, "feed", $"EvBus.Templates.{Version}.nupkg"), "--debug:custom-hive", Hive);
    }

    private string Hive => Path.Combine(_folder, "hive");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_new_publisher_builds_keeps_its_contract_and_is_certified_by_the_words_of_its_own_document()
    {
        var guide = House.Read("docs/publisher-guide.md");
        Assert.Contains("\ndotnet new install EvBus.Templates\ndotnet new evbus-publisher -n Acme.Publisher\n", guide, StringComparison.Ordinal);
        Assert.Contains("\ndotnet run --project Acme.Publisher/tests/Acme.Publisher.Tests\n", guide, StringComparison.Ordinal);
        var made = New("Acme.Publisher");
        Assert.Contains($"""<PackageVersion Include="EvBus" Version="{Version}" />""", File.ReadAllText(Path.Combine(made, "Directory.Packages.props")), StringComparison.Ordinal);

        Build(made, "tests/Acme.Publisher.Tests");
        var contract = Dotnet(Path.Combine(made, "tests/Acme.Publisher.Tests/bin/Debug/net10.0/Acme.Publisher.Tests.dll"));
        Assert.Contains("Total: 31, Errors: 0, Failed: 0, Skipped: 10", contract, StringComparison.Ordinal);

        // The commands of its README, with the tester of this build and a path of this test.
        var plugin = Path.Combine(made, "src/Acme.Publisher/bin/Debug/net10.0");
        var readme = File.ReadAllText(Path.Combine(made, "README.md"));
        foreach (var command in (string[])["dotnet build src/Acme.Publisher", "dotnet run --project tests/Acme.Publisher.Tests", "evbus-test plugin certify src/Acme.Publisher/bin/Debug/net10.0 --acct-file acct.yml --read 'cat /tmp/events.ndjson'"])
            Assert.Contains($"\n{command}\n", readme, StringComparison.Ordinal);
        var (acct, events) = (Path.Combine(_folder, "acct.yml"), Path.Combine(_folder, "events.ndjson"));
        File.WriteAllText(acct, File.ReadAllText(Path.Combine(plugin, "example.yml")).Replace("/tmp/events.ndjson", events, StringComparison.Ordinal));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(acct, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(events, "");
        var certified = Dotnet(Path.Combine(House.Root, "tools/evbus-test/bin", House.Configuration, "net10.0/evbus-test.dll"), "plugin", "certify", plugin, "--acct-file", acct, "--read", $"cat '{events}'");
        Assert.EndsWith(" 0 broken, 11 not shown: certified\n", certified, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_no_name_in_CSharp_is_none_there_alone_and_without_tests_there_are_none()
    {
        var made = New("my-hook", "--tests", "false");
        Assert.False(Directory.Exists(Path.Combine(made, "tests")));
        Assert.DoesNotContain("xunit", File.ReadAllText(Path.Combine(made, "Directory.Packages.props")), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("tests/", File.ReadAllText(Path.Combine(made, "README.md")), StringComparison.Ordinal);

        Build(made, "src/my-hook");
        var plugin = Path.Combine(made, "src/my-hook/bin/Debug/net10.0");
        using var manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(plugin, "plugin.json")));
        Assert.Equal(("my_hook", "my-hook.dll", "my_hook.NdjsonIngress"), (Text("name"), Text("assembly"), Text("type")));
        Assert.True(File.Exists(Path.Combine(plugin, "my-hook.dll")));
        Assert.False(File.Exists(Path.Combine(plugin, "EvBus.dll")), "EvBus is the program's, not the plugin's");
        Assert.Empty(Directory.GetFiles(plugin, "Microsoft.*"));

        string? Text(string key) => manifest.RootElement.GetProperty(key).GetString();
    }

    private string New(string name, params string[] more)
    {
        Dotnet(["new", "evbus-publisher", "-n", name, "-o", Path.Combine(_folder, name), "--debug:custom-hive", Hive, .. more]);
        return Path.Combine(_folder, name);
    }

    // Without servers: one that outlives the build would hold its output open.
    private void Build(string made, string project) => Dotnet("build", Path.Combine(made, project), "-nodeReuse:false", "-p:UseSharedCompilation=false", "-v", "quiet");

    private string Dotnet(params string[] arguments)
    {
        var (code, output) = House.Run("dotnet", arguments, _environment, _folder);
        Assert.True(code == 0, $"dotnet {string.Join(' ', arguments)}: {code}\n{output}");
        return output.ReplaceLineEndings("\n");
    }
}
