using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace EvBus.House.Tests;

public partial class StructureTests
{
    /// <summary>The rooms of src/EvBus from the ground up; each knows what is before it.</summary>
    private static readonly string[] s_floors = ["Events", "Publishing", "Journal", "Lanes", "Hosting"];

    /// <summary>Files past 250 lines, and why each is still one idea.</summary>
    private static readonly Dictionary<string, string> s_long = new()
    {
        ["src/EvBus/Events/EventCodec.cs"] = "writing and reading of one format side by side",
        ["src/EvBus/Journal/Segments/SegmentJournal.cs"] = "the append path and its invariants are read together",
        ["src/EvBus/Journal/Segments/Lane/SegmentLane.cs"] = "the reader's place moves in every method",
        ["src/EvBus/Publishing/EventTemplate.cs"] = "reading a template and filling it in, side by side",
        ["src/EvBus.Ingress.RabbitMq/Delivery/ConfirmRing.cs"] = "one lock and its invariants, read together",
        ["src/EvBus/Hosting/Status/BusStatus.cs"] = "the ledger's vocabulary, mostly documentation",
    };

    [Fact]
    public void Projects_know_only_whom_they_may()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(House.Root, "src"), "*.csproj", SearchOption.AllDirectories))
        {
            var name = Path.GetFileNameWithoutExtension(file);
            var known = XDocument.Load(file).Descendants("ProjectReference").Select(each => Path.GetFileNameWithoutExtension((string)each.Attribute("Include")!)).ToArray();
            // The kit's layer for a test framework is part of the kit.
            var may = name switch { "EvBus" => "", "EvBus.Testing.Xunit" => "EvBus.Testing", _ => "EvBus" };
            Assert.True(string.Join(", ", known) == may, $"{name} knows {string.Join(", ", known)}; it may know '{may}' alone.");
        }
    }

    [Fact]
    public void The_core_depends_on_the_base_libraries_alone()
    {
        var packages = XDocument.Load(Path.Combine(House.Root, "src/EvBus/EvBus.csproj")).Descendants("PackageReference").Select(each => (string)each.Attribute("Include")!);
        Assert.All(packages, package => Assert.StartsWith("Microsoft.Extensions.", package));
    }

    [Fact]
    public void Names_of_the_built_in_plugins_follow_the_rule()
    {
        var names = House.Sources("src", "tools").Where(file => file.EndsWith("Ingress.cs", StringComparison.Ordinal))
            .SelectMany(file => DescribedName().Matches(House.Read(file)).Select(match => match.Groups[1].Value)).ToList();
        Assert.True(names.Count >= 7, $"Only {string.Join(", ", names)} were found.");
        // kebab-case: short, as a user types it.
        Assert.All(names, name => Assert.Matches("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name));
    }

    [Fact]
    public void No_room_of_the_library_names_a_room_above_it()
    {
        for (var floor = 0; floor < s_floors.Length; floor++)
        {
            foreach (var file in House.Sources($"src/EvBus/{s_floors[floor]}"))
            {
                foreach (var above in s_floors.Skip(floor + 1))
                {
                    // The filter of a lane is pure arithmetic that both the door's journal and the lanes apply.
                    if (file.EndsWith("Journal/LaneFilter.cs", StringComparison.Ordinal))
                        continue;
                    Assert.False(House.Read(file).Contains($"using EvBus.{above};", StringComparison.Ordinal), $"{file} uses EvBus.{above}, which is above it.");
                }
            }
        }
    }

    [Fact]
    public void A_file_past_250_lines_has_a_reason()
    {
        foreach (var file in House.Sources("src"))
        {
            var lines = File.ReadLines(Path.Combine(House.Root, file)).Count();
            Assert.True(lines <= 250 || s_long.ContainsKey(file), $"{file} has {lines} lines: is it still one idea? Divide it, or give the reason here.");
        }
    }

    [Fact]
    public void No_id_of_a_log_line_is_used_twice()
    {
        var ids = House.Sources("src").SelectMany(file => EventId().Matches(House.Read(file)).Select(match => (Id: match.Groups[1].Value, File: file))).ToList();
        Assert.True(ids.Count > 20);
        Assert.Empty(ids.GroupBy(each => each.Id).Where(group => group.Count() > 1).Select(group => group.Key));
    }

    [Fact]
    public void Tests_do_not_sleep_and_nothing_names_a_machine()
    {
        foreach (var file in House.Sources("src", "tools", "tests", "samples").Where(file => !file.EndsWith("StructureTests.cs", StringComparison.Ordinal)))
        {
            var text = House.Read(file);
            Assert.DoesNotMatch(@"Thread\.Sleep", text);
            if (file.StartsWith("tests/", StringComparison.Ordinal))
                Assert.DoesNotMatch(@"Task\.Delay\(\s*\d", text);
            Assert.DoesNotMatch(@"/(work|root|home)/\w", text);
        }
    }

    [Fact]
    public void Every_version_is_pinned_in_one_place()
    {
        foreach (var file in Directory.GetFiles(House.Root, "*.csproj", SearchOption.AllDirectories))
            Assert.Empty(XDocument.Load(file).Descendants("PackageReference").Where(each => each.Attribute("Version") is not null).Select(each => file));
    }

    [GeneratedRegex(@"IngressDescriptor Descriptor \{ get; \} = new\(\)\s*\{\s*Name = ""([^""]*)""")]
    private static partial Regex DescribedName();

    [GeneratedRegex(@"LoggerMessage\((?:EventId = )?(\d+)")]
    private static partial Regex EventId();
}
