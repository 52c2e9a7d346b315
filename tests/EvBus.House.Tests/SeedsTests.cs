using System.Text.RegularExpressions;

namespace EvBus.House.Tests;

/// <summary>docs/seeds*.md: a capability of the documents the project was born from → the tests that show it. docs/faults.md: the same of faults.</summary>
public partial class SeedsTests
{
    /// <summary>The capabilities of the documents that the project was born from, whatever their priority.</summary>
    private static IEnumerable<string> Capabilities => new[] { Numbered("E", 28), Numbered("P", 22), Numbered("B", 16), Numbered("D", 14), Numbered("D", 38, from: 20), Numbered("H", 20), Numbered("V", 20), Numbered("C", 10) }
        .SelectMany(ids => ids);

    [Fact]
    public void Every_capability_of_the_documents_stands_in_exactly_one_table()
    {
        var listed = Rows("seeds*.md").Select(row => row.Id).ToList();
        Assert.Empty(Capabilities.Except(listed));
        Assert.Empty(listed.Except(Capabilities));
        Assert.Empty(listed.GroupBy(id => id).Where(group => group.Count() > 1).Select(group => group.Key));
    }

    [Fact]
    public void What_is_not_there_says_which_work_brings_it_or_what_to_use_instead()
    {
        foreach (var (id, cell) in Rows("seeds*.md").Where(row => row.Cell.Contains("later:", StringComparison.Ordinal)))
            Assert.True(s_works.Any(work => cell.Contains($"later: {work}", StringComparison.Ordinal)), $"{id} is for later, and names none of: {string.Join(", ", s_works)}.");
        foreach (var (id, cell) in Rows("seeds*.md").Where(row => row.Cell.Contains("not built:", StringComparison.Ordinal)))
            Assert.True(Place().IsMatch(cell), $"{id} is not built, and does not say what to use, or that nothing is needed.");
    }

    [Fact]
    public void Every_test_it_names_exists()
    {
        var tests = House.Sources("tests").SelectMany(file => Method().Matches(House.Read(file)).Select(match => match.Groups[1].Value)).ToHashSet();
        foreach (var (id, cell) in Rows("seeds*.md").Concat(Rows("faults.md")))
        {
            var named = Name().Matches(cell).Select(match => match.Groups[1].Value).ToArray();
            Assert.True(named.Length > 0 || s_others.Any(other => cell.Contains(other, StringComparison.Ordinal)), $"{id} names no test, no bench and no later work, and does not say that it is not built.");
            Assert.All(named, name => Assert.True(tests.Contains(name), $"{id} names {name}, which is no test."));
        }
    }

    [Fact]
    public void Every_fault_is_listed() =>
        Assert.Empty(Numbered("D", 13).Concat(Numbered("R", 15)).Concat(Numbered("K", 15)).Except(Rows("faults.md").Select(row => row.Id)));

    [Fact]
    public void Every_finding_of_the_review_stands_on_its_page_once_with_tests_that_exist()
    {
        var rows = File.ReadLines(Path.Combine(House.Root, "docs", "findings.md")).Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| id", StringComparison.Ordinal))
            .Select(line => line.Split('|')).Select(cells => (Id: cells[1].Trim(), State: cells[2].Trim(), Cell: cells[3])).ToList();
        var findings = Numbered("A", 35).Concat(Numbered("J", 26)).Concat(Numbered("brokers-F", 12)).Concat(Numbered("edges-F", 25)).Concat(Numbered("security-H", 4))
            .Concat(Numbered("security-M", 15)).Concat(Numbered("security-L", 9)).Concat(Numbered("W", 25)).Concat(Numbered("seeds-", 12)).ToList();
        Assert.Equal(findings, rows.Select(row => row.Id));
        Assert.All(rows, row => Assert.Contains(row.State, new[] { "mended", "in part", "judged", "open" }));
        var tests = House.Sources("tests").SelectMany(file => Method().Matches(House.Read(file)).Select(match => match.Groups[1].Value)).ToHashSet();
        foreach (var (id, state, cell) in rows)
        {
            var named = Name().Matches(cell).Select(match => match.Groups[1].Value).Where(name => name.Contains('_', StringComparison.Ordinal)).ToArray();
            Assert.True(state != "mended" || named.Length > 0 || cell.Contains("documented", StringComparison.Ordinal), $"{id} is mended and names no test.");
            Assert.All(named, name => Assert.True(tests.Contains(name), $"{id} names {name}, which is no test."));
        }
    }

    private static readonly string[] s_works = ["beacons", "service", "nodes", "options", "journals on brokers"];

    private static readonly string[] s_others = ["later:", "not built", "bench:"];

    private static IEnumerable<string> Numbered(string letter, int to, int from = 1) => Enumerable.Range(from, to - from + 1).Select(n => $"{letter}{n}");

    private static IEnumerable<(string Id, string Cell)> Rows(string files) => Directory.GetFiles(Path.Combine(House.Root, "docs"), files)
        .SelectMany(File.ReadLines).Where(line => Row().IsMatch(line)).Select(line => line.Split('|')).Select(cells => (cells[1].Trim(), cells[3]));

    [GeneratedRegex(@"^\| [A-Z]+\d+ \|")]
    private static partial Regex Row();

    [GeneratedRegex(@"use |install |register |nothing is needed|is CloudEvents")]
    private static partial Regex Place();

    [GeneratedRegex(@"`([A-Z]\w+)`")]
    private static partial Regex Name();

    [GeneratedRegex(@"public (?:async Task|void|static async Task|Task) (\w+)\(")]
    private static partial Regex Method();
}
