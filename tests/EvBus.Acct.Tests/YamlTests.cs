using System.Diagnostics;
using System.Text;

namespace EvBus.Acct.Tests;

public class YamlTests
{
    [Theory]
    [InlineData("k: -017\n", -15L)]
    [InlineData("k: 190:20:30\n", 685230L)]
    [InlineData("k: -0x1F\n", -31L)]
    [InlineData("k: 0_\n", 0L)]
    [InlineData("k: -9223372036854775808\n", long.MinValue)]
    [InlineData("k: -9223372036854775809\n", "-9223372036854775809")]
    [InlineData("k: -.5\n", "-.5")]
    [InlineData("k: 1:60\n", "1:60")]
    [InlineData("k: 190:20:30.15\n", 685230.15)]
    [InlineData("k: !!float 1e3\n", 1000.0)]
    [InlineData("k: !!timestamp 2020-09-13\n", "2020-09-13")]
    [InlineData("k: !!null x\n", null)]
    [InlineData("k: !!bool On\n", true)]
    public void Scalars_follow_PyYAML(string yaml, object? expected) =>
        Assert.Equal(expected, Assert.IsType<MessagePackMap>(YamlReader.Read(yaml))["k"]);

    [Theory]
    [InlineData("password: &Xk9!pass")]
    [InlineData("password: &a.b")]
    [InlineData("- &ä 1")]
    public void A_password_that_begins_like_an_anchor_is_an_error_and_not_null(string yaml)
    {
        var error = Assert.Throws<AcctException>(() => AcctDocument.ParseYaml(Encoding.UTF8.GetBytes(yaml), "f"));
        Assert.Contains("if a value begins with '&', quote it", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Xk9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_exclamation_mark_alone_is_the_empty_text()
    {
        Assert.Equal("p: ''\n", AcctDocument.ParseYaml("p: !"u8.ToArray(), "f").ToYaml());
    }

    [Fact]
    public void Two_files_that_were_joined_are_told_by_the_second_mark()
    {
        var error = Assert.Throws<AcctException>(() => AcctDocument.ParseYaml(Encoding.UTF8.GetBytes("\uFEFFa: 1\n\uFEFFb: 2\n"), "f"));
        Assert.Contains("line 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("byte order mark", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Equals_as_a_key_is_a_text() => Assert.Equal(3L, Assert.IsType<MessagePackMap>(YamlReader.Read("=: 3\n"))["="]);

    [Fact]
    public void Of_several_merged_maps_the_earlier_wins_and_the_maps_own_keys_win_over_all()
    {
        var map = Assert.IsType<MessagePackMap>(YamlReader.Read("x: {<<: [{a: 1, b: 1}, {a: 2, c: 2}], b: 3}\n"));
        Assert.Equal([new("a", 1L), new("c", 2L), new("b", 3L)], Assert.IsType<MessagePackMap>(map["x"]));
    }

    [Fact]
    public void Utf16_with_its_mark_is_read() =>
        Assert.Equal("ä", Assert.IsType<MessagePackMap>(YamlReader.Read([0xFF, 0xFE, .. Encoding.Unicode.GetBytes("a: ä\n")]))["a"]);

    [Theory]
    [InlineData("a: 1\na: 2\n", "line 2, column 1", "'a' stands twice")]
    [InlineData("a: !secret-hunter2\n", "line 1, column 4", "tag")]
    [InlineData("a: !!int hunter2\n", "line 1, column 4", "!!int")]
    [InlineData("a: !!int 0o17\n", "line 1, column 4", "!!int")]
    [InlineData("a: !!bool hunter2\n", "line 1, column 4", "!!bool")]
    [InlineData("a: !!binary hunter2\n", "line 1, column 4", "!!binary")]
    [InlineData("a: !!str [hunter2]\n", "line 1, column 4", "tag")]
    [InlineData("a: *hunter2\n", "line 1, column 4", "alias")]
    [InlineData("a: &x hunter2\nb: &x 2\n", "line 2, column 4", "anchor")]
    [InlineData("a: &x [*x]\n", "line 1, column 8", "alias inside")]
    [InlineData("a: =\n", "line 1, column 4", "quote it")]
    [InlineData("a: 1\n---\nb: hunter2\n", "line 2, column 1", "second document")]
    [InlineData("? [hunter2]\n: x\n", "line 1, column 3", "key")]
    [InlineData("a:\n\tb: hunter2\n", "line 2, column 1", "tab")]
    [InlineData("a: b\0c\n", "line 1, column 5", "U+0000")]
    [InlineData("a: \"hunter2\n", "line 1", "end of stream")]
    [InlineData("a: [1, 2\nb: \"hunter2", "line", "not closed")]
    [InlineData("*hunter2\n  ", "line 1, column 1", "alias")]
    [InlineData(" : 1.5'y'\"hunter2\"-1|\n  lit\n", "line 3, column 1", "missing")]
    [InlineData("a: b: hunter2\n", "line 1", "mapping")]
    [InlineData("a: @hunter2\n", "line 1, column 4", "character")]
    [InlineData("a: {<<: hunter2}\n", "line 1, column 5", "map")]
    [InlineData("a: !!omap [{x: 1, y: 2}]\n", "line 1, column 12", "one key")]
    public void Errors_name_the_place_and_never_the_value(string yaml, string place, string reason)
    {
        var error = Assert.Throws<AcctException>(() => AcctDocument.ParseYaml(Encoding.UTF8.GetBytes(yaml), "credentials.yml"));
        Assert.Equal(AcctFault.BadContent, error.Fault);
        Assert.StartsWith("credentials.yml, " + place, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_that_is_not_utf8_is_named_by_its_place()
    {
        var error = Assert.Throws<AcctException>(() => AcctDocument.ParseYaml([.. "a: 1\nb: "u8, 0xFF], "f"));
        Assert.Contains("line 2, column 4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_billion_laughs_are_refused_in_no_time()
    {
        var bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 12; i++)
            bomb.Append(System.Globalization.CultureInfo.InvariantCulture, $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        var watch = Stopwatch.StartNew();
        var error = Assert.Throws<YamlSyntaxException>(() => YamlReader.Read(bomb.ToString()));
        Assert.Contains("aliases", error.Message, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Merge_keys_cannot_be_made_a_bomb()
    {
        var bomb = new StringBuilder("a0: &a0 {k0: 1, k1: 2}\n");
        for (var i = 1; i < 40; i++)
            bomb.Append(System.Globalization.CultureInfo.InvariantCulture, $"a{i}: &a{i} {{<<: [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}], m{i}: {{<<: *a{i - 1}}}}}\n");
        var watch = Stopwatch.StartNew();
        _ = Record.Exception(() => YamlReader.Read(bomb.ToString()));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_long_text_aliased_often_is_refused()
    {
        var bomb = $"a: &a {new string('x', 1 << 20)}\nb: [{string.Join(", ", Enumerable.Repeat("*a", 20))}]\n";
        Assert.Contains("characters", Assert.Throws<YamlSyntaxException>(() => YamlReader.Read(bomb)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    [InlineData(100_000, false)]
    public void Depth_is_bounded(int depth, bool allowed)
    {
        var flow = new string('[', depth) + new string(']', depth);
        var error = Record.Exception(() => YamlReader.Read(flow));
        Assert.Equal(allowed, error is null);
        Assert.True(error is null or YamlSyntaxException);
    }

    [Fact]
    public void Too_many_values_are_refused() =>
        Assert.Throws<YamlSyntaxException>(() => YamlReader.Read(string.Concat(Enumerable.Repeat("- 1\n", 200_001))));

    [Fact]
    public void A_number_with_more_digits_than_anybody_needs_is_refused() =>
        Assert.Throws<YamlSyntaxException>(() => YamlReader.Read("a: " + new string('9', 5000)));

    public static TheoryData<object?> Trees() => new()
    {
        "", " ", "a ", " a", "yes", "No", "null", "~", "y", "1", "017", "0o17", "1e3", "1.5", ".5", "12:30:45", "2020-09-13", "=", "<<", "-", "--", "---", "...", "- a", "-a",
        "--flag", "?", "? a", ":", ":a", "a:", "a: b", "a:b", "a #b", "#a", "a#b", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "'", "it's", "\"", "a\"b", "{{ x }}", "[a", "{a", "a, b",
        "a\nb", "a\nb\n", "a\n\nb\n\n", "\na", " a\nb", "a \nb", "a\n", "\n", "\t", "a\tb", "a\r\nb", "\0", "\u0085", "\u2028", "\uFEFF", "ü", "😀", "a\\b", "password: x",
        "a\n  indented\nb", "# x\ny", "---\nx", new string('x', 300), "-----BEGIN KEY-----\nabc=\n-----END KEY-----\n",
        0L, -1L, long.MinValue, ulong.MaxValue, 1.0, 1e20, 1e-7, -0.0, double.MaxValue, double.Epsilon, 123456789.125, double.NaN, double.NegativeInfinity, true, (object?)null!, Array.Empty<byte>(), new byte[] { 0, 255 },
    };

    [Theory]
    [MemberData(nameof(Trees))]
    public void Whatever_stands_in_a_file_survives_being_written_and_read(object? scalar)
    {
        var tree = new MessagePackMap
        {
            { "value", scalar },
            { "list", new List<object?> { scalar, new List<object?> { scalar, new List<object?>() }, new MessagePackMap { { "in", scalar }, { "x", new List<object?> { scalar } } } } },
            { "map", new MessagePackMap { { "deep", new MessagePackMap { { "er", scalar }, { "none", new MessagePackMap() } } } } },
        };
        if (scalar is not (byte[] or double.NaN))
            tree.Add(scalar is "value" ? "other" : scalar, "as a key");
        foreach (var root in (object?[])[tree, new List<object?> { tree, scalar }, scalar])
        {
            var yaml = YamlWriter.Write(root);
            Assert.Equal(Convert.ToHexString(MessagePackCodec.Encode(root)), Convert.ToHexString(MessagePackCodec.Encode(YamlReader.Read(yaml))));
        }
    }

    [Fact]
    public void What_is_written_looks_like_PyYAMLs_block_style()
    {
        var document = AcctDocument.ParseYaml(Vectors.Bytes("acct/readme.yml"), "readme");
        Assert.Equal(
            "pika:\n  profile_name:\n    host: localhost\n    port: 5672\n    username: XXXXXXXXXXXX\n    password: XXXXXXXXXXXX\n    ingress_channels:\n    - channel1\n    - channel2\n",
            document.ToYaml());
    }
}
