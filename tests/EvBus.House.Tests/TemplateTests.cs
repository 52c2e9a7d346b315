using System.IO.Compression;
using System.Text.Json;
using System.Xml.Linq;

namespace EvBus.House.Tests;

/// <summary>The packages that the template needs, from this build, and the template installed from them; nothing of it stays.</summary>
public sealed class TemplateFeed : IDisposable
{
    public const string Version = "0.0.1-template";

    private readonly Dictionary<string, string> _environment;

    public TemplateFeed()
    {
        // The packages of this test stay out of the machine's folder: the same version of another build would be taken for them.
        _environment = new() { ["NUGET_PACKAGES"] = Path.Combine(Folder, "packages"), ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1", ["DOTNET_NOLOGO"] = "1" };
        File.WriteAllText(Path.Combine(Folder, "nuget.config"), $"""
            <configuration>
              <packageSources>
                <add key="evbus" value="{Path.Combine(Folder, "feed")}" />
              </packageSources>
              <fallbackPackageFolders>
                <add key="installed" value="{House.Metadata("PackageFolder")}" />
              </fallbackPackageFolders>
            </configuration>
            """);
        foreach (var project in (string[])["src/EvBus", "src/EvBus.Testing", "src/EvBus.Testing.Xunit", "templates/EvBus.Templates"])
            Dotnet("pack", Path.Combine(House.Root, project), "--no-build", "-c", House.Configuration, $"-p:Version={Version}", "-o", Path.Combine(Folder, "feed"), "-v", "quiet", "-nodeReuse:false");
        Dotnet("new", "install", Package, "--debug:custom-hive", Hive);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("evbus-template-").FullName;

    public string Package => Path.Combine(Folder, "feed", $"EvBus.Templates.{Version}.nupkg");

    private string Hive => Path.Combine(Folder, "hive");

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public string New(string name, params string[] more)
    {
        Dotnet(["new", "evbus-publisher", "-n", name, "-o", Path.Combine(Folder, name), "--debug:custom-hive", Hive, .. more]);
        return Path.Combine(Folder, name);
    }

    // Without servers: one that outlives the build would hold its output open.
    public void Build(string made, string project) => Dotnet("build", Path.Combine(made, project), "-nodeReuse:false", "-p:UseSharedCompilation=false", "-v", "quiet");

    public string Dotnet(params string[] arguments)
    {
        var (code, output) = House.Run("dotnet", arguments, _environment, Folder);
        Assert.True(code == 0, $"dotnet {string.Join(' ', arguments)}: {code}\n{output}");
        return output.ReplaceLineEndings("\n");
    }
}

/// <summary>The template as somebody meets it: from packages, in an empty folder, with what is installed already in the place of a network.</summary>
public sealed class TemplateTests(TemplateFeed feed) : IClassFixture<TemplateFeed>
{
    [Fact]
    public void The_package_of_the_template_is_one_and_says_what_it_is()
    {
        using var package = ZipFile.OpenRead(feed.Package);
        Assert.NotNull(package.GetEntry("README.md"));
        Assert.DoesNotContain(package.Entries, entry => entry.FullName.StartsWith("lib/", StringComparison.Ordinal));
        using var stream = package.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        var metadata = XDocument.Load(stream).Root!.Elements().First();
        XElement Get(string name) => metadata.Elements().Single(element => element.Name.LocalName == name);
        Assert.Equal(("Apache-2.0", "README.md", "Template"), (Get("license").Value, Get("readme").Value, (string?)Get("packageTypes").Elements().Single().Attribute("name")));
        Assert.DoesNotContain(metadata.Elements(), element => element.Name.LocalName == "dependencies");
    }

    [Fact]
    public void A_new_publisher_builds_keeps_its_contract_and_is_certified_by_the_words_of_its_own_document()
    {
        var guide = House.Read("docs/publisher-guide.md");
        Assert.Contains("\ndotnet new install EvBus.Templates\ndotnet new evbus-publisher -n Acme.Publisher\n", guide, StringComparison.Ordinal);
        Assert.Contains("\ndotnet run --project Acme.Publisher/tests/Acme.Publisher.Tests\n", guide, StringComparison.Ordinal);
        var made = feed.New("Acme.Publisher");
        Assert.Contains($"""<PackageVersion Include="EvBus" Version="{TemplateFeed.Version}" />""", File.ReadAllText(Path.Combine(made, "Directory.Packages.props")), StringComparison.Ordinal);

        feed.Build(made, "tests/Acme.Publisher.Tests");
        var contract = feed.Dotnet(Path.Combine(made, "tests/Acme.Publisher.Tests/bin/Debug/net10.0/Acme.Publisher.Tests.dll"));
        Assert.Contains("Total: 32, Errors: 0, Failed: 0, Skipped: 11", contract, StringComparison.Ordinal);

        // The commands of its README, with the tester of this build and a path of this test.
        var plugin = Path.Combine(made, "src/Acme.Publisher/bin/Debug/net10.0");
        var readme = File.ReadAllText(Path.Combine(made, "README.md"));
        foreach (var command in (string[])["dotnet build src/Acme.Publisher", "dotnet run --project tests/Acme.Publisher.Tests", "evbus-test plugin certify src/Acme.Publisher/bin/Debug/net10.0 --acct-file acct.yml --read 'cat /tmp/events.ndjson'"])
            Assert.Contains($"\n{command}\n", readme, StringComparison.Ordinal);
        var (acct, events) = (Path.Combine(feed.Folder, "acct.yml"), Path.Combine(feed.Folder, "events.ndjson"));
        File.WriteAllText(acct, File.ReadAllText(Path.Combine(plugin, "example.yml")).Replace("/tmp/events.ndjson", events, StringComparison.Ordinal));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(acct, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(events, "");
        var certified = feed.Dotnet(Path.Combine(House.Root, "tools/evbus-test/bin", House.Configuration, "net10.0/evbus-test.dll"), "plugin", "certify", plugin, "--acct-file", acct, "--read", $"cat '{events}'");
        Assert.EndsWith(" 0 broken, 12 not shown: certified\n", certified, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_no_name_in_CSharp_is_none_there_alone_and_without_tests_there_are_none()
    {
        var made = feed.New("my-hook", "--tests", "false");
        Assert.False(Directory.Exists(Path.Combine(made, "tests")));
        Assert.DoesNotContain("xunit", File.ReadAllText(Path.Combine(made, "Directory.Packages.props")), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("tests/", File.ReadAllText(Path.Combine(made, "README.md")), StringComparison.Ordinal);

        feed.Build(made, "src/my-hook");
        var plugin = Path.Combine(made, "src/my-hook/bin/Debug/net10.0");
        using var manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(plugin, "plugin.json")));
        Assert.Equal(("my_hook", "my-hook.dll", "my_hook.NdjsonIngress"), (Text("name"), Text("assembly"), Text("type")));
        Assert.True(File.Exists(Path.Combine(plugin, "my-hook.dll")));
        Assert.False(File.Exists(Path.Combine(plugin, "EvBus.dll")), "EvBus is the program's, not the plugin's");
        Assert.Empty(Directory.GetFiles(plugin, "Microsoft.*"));

        string? Text(string key) => manifest.RootElement.GetProperty(key).GetString();
    }
}
