namespace EvBus.Tests.Telemetry;

public class PlainTextTests
{
    [Theory]
    [InlineData("one\r\ntwo\tthree", @"one\r\ntwo\tthree")]
    [InlineData("\e[31mred\a", @"\u001b[31mred\u0007")]
    [InlineData("\u009b2K\u007f\u0085", @"\u009b2K\u007f\u0085")]
    [InlineData("a\u2028b\u2029c\u202ed\u2066", @"a\u2028b\u2029c\u202ed\u2066")]
    [InlineData("", "")]
    public void What_would_end_a_line_or_command_a_terminal_is_written_as_an_escape(string text, string line) => Assert.Equal(line, PlainText.OneLine(text));

    [Fact]
    public void A_text_without_any_is_the_same_instance()
    {
        const string Text = "Zürich, 12 °C, 日本, 😀";
        Assert.Same(Text, PlainText.OneLine(Text));
        Assert.Null(PlainText.OneLine(null));
    }

    [Fact]
    public void A_long_text_is_cut_and_says_how_much_is_missing()
    {
        Assert.Equal(@"ab\n… (7 characters more)", PlainText.OneLine("ab\n4567890", 3));
        Assert.Equal("a… (3 characters more)", PlainText.OneLine("a😀b", 2));
        Assert.Equal("abc", PlainText.OneLine("abc", 3));
    }
}
