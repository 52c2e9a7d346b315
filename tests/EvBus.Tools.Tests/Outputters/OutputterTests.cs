using System.Text;
using System.Text.Json;
using EvBus.Tools.Tester.Outputters;
using EvBus.Tools.Tester.Values;

namespace EvBus.Tools.Tests.Outputters;

/// <summary>
/// <c>outputs.json</c> and <c>nested_samples.json</c> hold what the original's outputters print; <c>random_outputs.json</c> what json, PyYAML 6.0.3,
/// pprint and repr of Python 3.11 print for values chosen at random.
/// </summary>
public class OutputterTests
{
    private static object? Parse(string json)
    {
        Assert.True(JsonBody.TryRead(Encoding.UTF8.GetBytes(json), out var value), json);
        return value;
    }

    private static string Format(string outputter, object? value) => Outputter.Create(outputter, color: true).Format(value);

    private static JsonElement Vectors(string file) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "vectors", file))).RootElement;

    [Theory]
    [InlineData("json")]
    [InlineData("yaml")]
    [InlineData("nested")]
    [InlineData("pretty")]
    [InlineData("raw")]
    public void Outputters_print_what_the_original_prints(string outputter)
    {
        var vectors = Vectors("outputs.json");
        Assert.Equal(23, vectors.GetArrayLength());
        foreach (var vector in vectors.EnumerateArray())
            Assert.Equal(vector.GetProperty(outputter).GetString(), Format(outputter, Parse(vector.GetProperty("event").GetRawText())));
    }

    [Theory]
    [InlineData("json")]
    [InlineData("yaml")]
    [InlineData("pretty")]
    [InlineData("raw")]
    public void Outputters_print_random_values_as_Python_does(string outputter)
    {
        var vectors = Vectors("random_outputs.json");
        Assert.NotEqual(0, vectors.GetArrayLength());
        foreach (var vector in vectors.EnumerateArray())
            Assert.Equal(vector.GetProperty(outputter).GetString(), Format(outputter, Parse(vector.GetProperty("event").GetString()!)));
    }

    private static readonly Dictionary<string, object?> Samples = new()
    {
        ["('random', '{\"number\": 0}')"] = new List<object?> { "random", "{\"number\": 0}" },
        ["None"] = null,
    };

    [Fact]
    public void Nested_prints_bytes_number_keys_and_lists_as_the_original_does()
    {
        var count = 0;
        foreach (var sample in Vectors("nested_samples.json").EnumerateArray())
        {
            var source = sample[0].GetString()!;
            var value = Samples.TryGetValue(source, out var known) ? known
                : source.StartsWith("{'some key'", StringComparison.Ordinal) ? Everything()
                : Parse(source.Replace('\'', '"'));
            Assert.Equal(sample[1].GetString(), Format("nested", value));
            count++;
        }
        Assert.Equal(8, count);
    }

    private static object Everything()
    {
        var value = (List<KeyValuePair<object, object?>>)Parse(
            """{"some key": {"foo": {"bar": "baz", "n": null, "t": true}, "list": ["Hello", "World", {"a": 1, "b": [1, [2, 3]]}, ["x", "y"]], "empty": "", "el": [], "ed": {}, "multi": "l1\nl2"}}""")!;
        value.Add(new(5L, 1.5));
        value.Add(new("bytes", "abc"u8.ToArray()));
        value.Add(new("badbytes", new byte[] { 0xff }));
        return value;
    }

    [Fact]
    public void Nested_without_color_has_no_escape_codes() =>
        Assert.Equal("a:\n    - 1\n    - x\n      y\n    |_\n      ----------\n      b:\n          None",
            Outputter.Create("nested", color: false).Format(Parse("""{"a": [1, "x\ny", {"b": null}]}""")));

    [Theory]
    [InlineData("raw", "b'\\x00\\xffa'")]
    [InlineData("pretty", "b'\\x00\\xffa'")]
    [InlineData("json", "\"AP9h\"")]
    [InlineData("yaml", "!!binary |\n  AP9h\n")]
    [InlineData("nested", "")]
    public void Bytes_are_printed_as_each_outputter_can(string outputter, string expected) => Assert.Equal(expected, Format(outputter, new byte[] { 0, 0xff, (byte)'a' }));

    [Fact]
    public void Long_bytes_are_cut_in_fours() => Assert.Equal(
        "(b'0123456789012345678901234567890123456789012345678901234567890123456789012345'\n b'67890123456789')",
        Format("pretty", Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("0123456789", 9)))));

    [Fact]
    public void An_outputter_that_is_not_known_is_answered_with_those_that_are() =>
        Assert.Contains("json, yaml, nested, pretty, raw", Assert.Throws<ArgumentException>(() => Outputter.Create("xml", false)).Message, StringComparison.Ordinal);
}
