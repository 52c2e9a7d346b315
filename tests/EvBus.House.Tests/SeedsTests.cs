using System.Text.RegularExpressions;

namespace EvBus.House.Tests;

/// <summary>docs/seeds*.md: a capability of the documents the project was born from → the tests that show it. docs/faults.md: the same of faults.</summary>
public partial class SeedsTests
{
    [Fact]
    public void Every_capability_of_the_first_document_is_listed()
    {
        var listed = Rows().Select(row => row.Id).ToHashSet();
        Assert.Empty(Enumerable.Range(1, 28).Select(n => $"E{n}").Except(listed));
    }

    [Fact]
    public void Every_test_it_names_exists()
    {
        var tests = House.Sources("tests").SelectMany(file => Method().Matches(House.Read(file)).Select(match => match.Groups[1].Value)).ToHashSet();
        foreach (var (id, cell) in Rows())
        {
            var named = Name().Matches(cell).Select(match => match.Groups[1].Value).ToArray();
            Assert.True(named.Length > 0 || cell.Contains("later:", StringComparison.Ordinal), $"{id} names no test and does not say which later work brings it.");
            Assert.All(named, name => Assert.True(tests.Contains(name), $"{id} names {name}, which is no test."));
        }
    }

    [Fact]
    public void Every_fault_is_listed() =>
        Assert.Empty(Numbered("D", 13).Concat(Numbered("R", 15)).Concat(Numbered("K", 15)).Except(Rows().Select(row => row.Id)));

    private static IEnumerable<string> Numbered(string letter, int count) => Enumerable.Range(1, count).Select(n => $"{letter}{n}");

    private static IEnumerable<(string Id, string Cell)> Rows() => Directory.GetFiles(Path.Combine(House.Root, "docs"), "seeds*.md").Append(Path.Combine(House.Root, "docs", "faults.md"))
        .SelectMany(File.ReadLines).Where(line => Row().IsMatch(line)).Select(line => line.Split('|')).Select(cells => (cells[1].Trim(), cells[3]));

    [GeneratedRegex(@"^\| [A-Z]+\d+ \|")]
    private static partial Regex Row();

    [GeneratedRegex(@"`([A-Z]\w+)`")]
    private static partial Regex Name();

    [GeneratedRegex(@"public (?:async Task|void|static async Task|Task) (\w+)\(")]
    private static partial Regex Method();
}
