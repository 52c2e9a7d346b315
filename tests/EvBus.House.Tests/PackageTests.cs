using System.IO.Compression;
using System.Xml.Linq;

namespace EvBus.House.Tests;

public class PackageTests
{
    [Theory]
    [InlineData("src/EvBus/EvBus.csproj", true)]
    [InlineData("src/EvBus.Acct/EvBus.Acct.csproj", true)]
    [InlineData("src/EvBus.Ingress.File/EvBus.Ingress.File.csproj", true)]
    [InlineData("src/EvBus.Ingress.Exec/EvBus.Ingress.Exec.csproj", true)]
    [InlineData("src/EvBus.Ingress.Http/EvBus.Ingress.Http.csproj", true)]
    [InlineData("src/EvBus.Ingress.Postgres/EvBus.Ingress.Postgres.csproj", true)]
    [InlineData("src/EvBus.Ingress.Otlp/EvBus.Ingress.Otlp.csproj", true)]
    [InlineData("src/EvBus.Testing/EvBus.Testing.csproj", true)]
    [InlineData("src/EvBus.Testing.Xunit/EvBus.Testing.Xunit.csproj", true)]
    [InlineData("tools/acct/acct.csproj", false)]
    [InlineData("tools/evbus-test/evbus-test.csproj", false)]
    [InlineData("tools/evbus/evbus-cli.csproj", false)]
    public void A_package_has_all_that_somebody_who_references_it_looks_for(string project, bool isLibrary)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-pack-");
        try
        {
            var (code, output) = House.Run("dotnet", ["pack", project, "--no-build", "-c", House.Configuration, "-o", folder.FullName, "-v", "quiet"]);
            Assert.True(code == 0, output);
            using var package = ZipFile.OpenRead(Directory.GetFiles(folder.FullName, "*.nupkg").Single(file => !file.EndsWith(".symbols.nupkg", StringComparison.Ordinal)));
            var files = package.Entries.Select(entry => entry.FullName).ToList();
            Assert.Contains("README.md", files);
            using var stream = package.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
            var metadata = XDocument.Load(stream).Root!.Elements().First();
            string? Get(string name) => metadata.Elements().FirstOrDefault(element => element.Name.LocalName == name)?.Value;
            Assert.Equal("Apache-2.0", Get("license"));
            Assert.False(string.IsNullOrEmpty(Get("description")));
            Assert.Equal("README.md", Get("readme"));
            Assert.Single(Directory.GetFiles(folder.FullName, "*.snupkg"));
            if (isLibrary)
                Assert.Contains(files, file => file.StartsWith("lib/net10.0/", StringComparison.Ordinal) && file.EndsWith(".xml", StringComparison.Ordinal));
            else
                Assert.Contains(files, file => file.EndsWith("DotnetToolSettings.xml", StringComparison.Ordinal));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
