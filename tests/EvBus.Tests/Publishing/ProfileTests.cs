namespace EvBus.Tests.Publishing;

public class ProfileTests
{
    private readonly Profile _profile = new("p", "test", new Dictionary<string, object?> { ["none"] = null, ["bytes"] = new byte[] { 1, 2 }, ["text"] = "ü", ["number"] = 1L });

    [Theory]
    [InlineData("none")]
    [InlineData("missing")]
    public void Bytes_that_are_not_there_are_null_and_not_empty(string key) => Assert.Null(_profile.GetBytes(key));

    [Fact]
    public void Bytes_are_those_given_or_a_text_as_utf8_and_nothing_else()
    {
        Assert.Equal([1, 2], _profile.GetBytes("bytes")!.Value.ToArray());
        Assert.Equal("ü"u8.ToArray(), _profile.GetBytes("text")!.Value.ToArray());
        Assert.Throws<EvBusConfigurationException>(() => _profile.GetBytes("number"));
    }
}
