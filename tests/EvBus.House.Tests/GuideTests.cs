using System.Text.RegularExpressions;

namespace EvBus.House.Tests;

public partial class GuideTests
{
    [Theory]
    [InlineData("docs/publisher-guide.md")]
    [InlineData("docs/testing-kit.md")]
    public void All_code_of_a_guide_is_compiled_and_run_by_the_tests(string guide)
    {
        var compiled = House.Sources("tests/EvBus.Testing.Tests/Guides").Select(file => Plain(House.Read(file))).ToArray();
        var blocks = Block().Matches(House.Read(guide)).Select(match => Plain(match.Groups[1].Value)).ToArray();
        Assert.True(blocks.Length > 2);
        Assert.All(blocks, block => Assert.Contains(compiled, source => source.Contains(block, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_class_of_the_guide_has_at_most_60_lines()
    {
        var block = Block().Matches(House.Read("docs/publisher-guide.md")).Select(match => match.Groups[1].Value).Single(text => text.Contains("class HookPublisher(", StringComparison.Ordinal));
        Assert.InRange(block.Trim().Split('\n').Length, 10, 60);
    }

    private static string Plain(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    [GeneratedRegex("```csharp\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
