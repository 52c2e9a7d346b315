using System.Text;
using EvBus.Tools.Tester.Values;

namespace EvBus.Tools.Tests.Outputters;

/// <summary>What is expected here is <c>repr(json.loads(text))</c> of Python 3.11.</summary>
public class JsonBodyTests
{
    [Theory]
    [InlineData(" [1 , 2.50, -0, 1E5, 1e400, -0.0] ", "[1, 2.5, 0, 100000.0, inf, -0.0]")]
    [InlineData("[NaN, Infinity, -Infinity]", "[nan, inf, -inf]")]
    [InlineData("123456789012345678901234567890", "123456789012345678901234567890")]
    [InlineData("""{"a": 1, "b": 2, "a": 3}""", "{'a': 3, 'b': 2}")]
    [InlineData("\"\\u00e9\\ud83d\\ude00\\ud83d\\/\\n\"", "'é😀\\ud83d/\\n'")]
    [InlineData("\"é\u007f\"", "'é\\x7f'")]
    [InlineData("{}", "{}")]
    [InlineData("[[], null, true, false]", "[[], None, True, False]")]
    public void JSON_is_read_as_Python_reads_it(string json, string repr)
    {
        Assert.True(JsonBody.TryRead(Encoding.UTF8.GetBytes(json), out var value));
        Assert.Equal(repr, Tree.Repr(value));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[1,]")]
    [InlineData("{\"a\" 1}")]
    [InlineData("{1: 2}")]
    [InlineData("01")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("+1")]
    [InlineData("-")]
    [InlineData("1e")]
    [InlineData("'a'")]
    [InlineData("\"a")]
    [InlineData("\"a\nb\"")]
    [InlineData("\"\\x\"")]
    [InlineData("\"\\u12g4\"")]
    [InlineData("nul")]
    [InlineData("1 2")]
    [InlineData("hello")]
    public void What_Python_refuses_is_not_JSON(string text) => Assert.False(JsonBody.TryRead(Encoding.UTF8.GetBytes(text), out _));

    [Fact]
    public void The_last_of_equal_keys_wins_in_a_large_map_as_well()
    {
        var json = "{" + string.Join(",", Enumerable.Range(0, 100).Select(i => $"\"k{i % 50}\": {i}")) + "}";
        Assert.True(JsonBody.TryRead(Encoding.UTF8.GetBytes(json), out var value));
        var map = (List<KeyValuePair<object, object?>>)value!;
        Assert.Equal(Enumerable.Range(0, 50).Select(i => ($"k{i}", (long)(50 + i))), map.Select(pair => ((string)pair.Key, (long)pair.Value!)));
    }

    [Fact]
    public void Nesting_without_end_is_no_JSON_and_no_crash() => Assert.False(JsonBody.TryRead(Encoding.UTF8.GetBytes(new string('[', 100_000)), out _));

    [Fact]
    public void A_body_is_JSON_else_text_else_bytes()
    {
        Assert.Equal("{'a': 1}", Tree.Repr(EventBody.Read(new BusEvent("{\"a\": 1}"u8.ToArray()))));
        Assert.Equal("'hello'", Tree.Repr(EventBody.Read(new BusEvent("hello"u8.ToArray()))));
        Assert.Equal("'42'", Tree.Repr(EventBody.Read(new BusEvent("42"))));
        Assert.Equal("b'\\xff'", Tree.Repr(EventBody.Read(new BusEvent(new byte[] { 0xff }))));
    }
}
