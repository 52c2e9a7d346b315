using System.Buffers;
using System.Dynamic;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using FsCheck;
using FsCheck.Fluent;

namespace EvBus.Tests.Events;

/// <summary>JSON and texts expected here were printed by Python 3.11 (json.dumps, str); MessagePack was worked out from its specification.</summary>
public class EventSerializerTests
{
    private static string Json<T>(T value) => Write(EventSerializer.Json, value);

    private static string Write<T>(EventSerializer serializer, T value) => Encoding.UTF8.GetString(Bytes(serializer, value));

    private static byte[] Bytes<T>(EventSerializer serializer, T value)
    {
        var target = new ArrayBufferWriter<byte>();
        serializer.Serialize(value, target);
        return target.WrittenSpan.ToArray();
    }

    [Theory]
    [InlineData(1.0, "1.0")]
    [InlineData(-0.0, "-0.0")]
    [InlineData(0.1, "0.1")]
    [InlineData(100.0, "100.0")]
    [InlineData(1e15, "1000000000000000.0")]
    [InlineData(9007199254740993.0, "9007199254740992.0")]
    [InlineData(1e16, "1e+16")]
    [InlineData(1.5e16, "1.5e+16")]
    [InlineData(1e22, "1e+22")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.00012345, "0.00012345")]
    [InlineData(1e-5, "1e-05")]
    [InlineData(1.25e-7, "1.25e-07")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(1.7976931348623157e308, "1.7976931348623157e+308")]
    [InlineData(1795208825.004368, "1795208825.004368")]
    [InlineData(123456789012345680.0, "1.2345678901234568e+17")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "Infinity")]
    [InlineData(double.NegativeInfinity, "-Infinity")]
    public void Floats_are_written_as_Python_writes_them(double value, string expected) => Assert.Equal(expected, Json(value));

    [Fact]
    public void Every_float_reads_back_the_same() => Prop.ForAll<double>(value =>
        BitConverter.DoubleToInt64Bits(double.Parse(Json(value).Replace("Infinity", "∞", StringComparison.Ordinal), Symbols)) == BitConverter.DoubleToInt64Bits(value)
            || double.IsNaN(value)).QuickCheckThrowOnFailure();

    private static readonly NumberFormatInfo Symbols = new() { PositiveInfinitySymbol = "∞", NegativeInfinitySymbol = "-∞" };

    [Fact]
    public void Single_precision_floats_keep_their_own_shortest_digits() => Assert.Equal("[0.1, 16777216.0, 1e+16]", Json(new[] { 0.1f, 16777216f, 1e16f }));

    [Theory]
    [InlineData("", "\"\"")]
    [InlineData("a\"b\\c/d", "\"a\\\"b\\\\c/d\"")]
    [InlineData("\b\f\n\r\t\u0000\u001f\u007f", "\"\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\"")]
    [InlineData("héllo 日本 😀", "\"h\\u00e9llo \\u65e5\\u672c \\ud83d\\ude00\"")]
    public void Texts_are_ASCII_with_lower_case_escapes(string value, string expected) => Assert.Equal(expected, Json(value));

    [Fact]
    public void Half_a_surrogate_pair_is_escaped() => Assert.Equal("\"a\\ud83d\"", Json("a\ud83d"));

    [Fact]
    public void Dictionaries_keep_their_order_and_lists_their_spaces() => Assert.Equal(
        """{"z": 1, "a": [1, 2.0, null, true, "x"], "m": {}, "l": []}""",
        Json(new Dictionary<string, object?> { ["z"] = 1, ["a"] = new object?[] { 1, 2.0, null, true, "x" }, ["m"] = new Dictionary<string, int>(), ["l"] = Array.Empty<int>() }));

    [Fact]
    public void Integers_may_have_any_size() => Assert.Equal(
        "[18446744073709551615, -9223372036854775808, 340282366920938463463374607431768211455, 1267650600228229401496703205376]",
        Json(new object[] { ulong.MaxValue, long.MinValue, UInt128.MaxValue, BigInteger.Pow(2, 100) }));

    [Fact]
    public void Keys_that_are_no_texts_become_texts() => Assert.Equal(
        """{"1": "a"} {"true": 1} {"1.0": 2}""",
        $"{Json(new Dictionary<int, string> { [1] = "a" })} {Json(new Dictionary<bool, int> { [true] = 1 })} {Json(new Dictionary<double, int> { [1.0] = 2 })}");

    [Fact]
    public void Anonymous_objects_keep_floats_floats() => Assert.Equal(
        """{"number": 7, "timestamp": 1795208825.0, "data": "0000007", "inner": {"Ok": true}}""",
        Json(new { number = 7, timestamp = 1795208825.0, data = "0000007", inner = new { Ok = true } }));

    public sealed record Order([property: JsonPropertyName("order_id")] int Id, [property: JsonIgnore] string Secret, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Note);

    [Fact]
    public void Attributes_of_System_Text_Json_count() => Assert.Equal("""{"order_id": 3}""", Json(new Order(3, "s", null)));

    [JsonDerivedType(typeof(Circle), "circle")]
    public record Shape;

    public sealed record Circle(double Radius) : Shape;

    [Fact]
    public void Polymorphic_types_keep_their_discriminator() => Assert.Equal("""{"$type": "circle", "Radius": 1.5}""", Json<Shape>(new Circle(1.5)));

    [Fact]
    public void Elements_and_nodes_keep_their_number_tokens()
    {
        const string source = """{"a":1.50,"b":1E5,"c":[12345678901234567890,-0],"d":"é"}""";
        const string expected = """{"a": 1.50, "b": 1E5, "c": [12345678901234567890, -0], "d": "\u00e9"}""";
        Assert.Equal(expected, Json(JsonSerializer.Deserialize<JsonElement>(source)));
        Assert.Equal(expected, Json(JsonNode.Parse(source)));
    }

    [Fact]
    public void Nodes_made_in_code_keep_floats_floats() => Assert.Equal("""{"x": 1.0, "y": [null, 2]}""", Json(new JsonObject { ["x"] = 1.0, ["y"] = new JsonArray(null, 2) }));

    [Fact]
    public void Expando_objects_decimals_times_and_guids_are_written()
    {
        dynamic value = new ExpandoObject();
        value.price = 1.50m;
        value.at = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        value.id = Guid.Empty;
        Assert.Equal("""{"price": 1.50, "at": "2026-01-02T03:04:05Z", "id": "00000000-0000-0000-0000-000000000000"}""", Json<object>((object)value));
    }

    [Fact]
    public void A_value_that_contains_itself_is_refused()
    {
        var loop = new List<object>();
        loop.Add(loop);
        Assert.Contains("contains itself", Assert.Throws<NotSupportedException>(() => Json(loop)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_no_serializer_can_take_apart_is_refused() => Assert.Throws<NotSupportedException>(() => Json(new { Pointer = typeof(string) }));

    [Fact]
    public void Compact_has_no_spaces_and_keeps_UTF8() => Assert.Equal("""{"a":[1.0,"é😀\n"],"b":null}""", Write(EventSerializer.JsonCompact, new { a = new object[] { 1.0, "é😀\n" }, b = (string?)null }));

    [Fact]
    public void Compact_refuses_NaN() => Assert.Throws<NotSupportedException>(() => Write(EventSerializer.JsonCompact, double.NaN));

    [Theory]
    [InlineData("as it is é", "as it is é")]
    [InlineData(null, "None")]
    [InlineData(true, "True")]
    [InlineData(1e16, "1e+16")]
    [InlineData(12, "12")]
    public void Text_is_what_str_gives(object? value, string expected) => Assert.Equal(expected, Write(EventSerializer.Text, value));

    [Fact]
    public void Text_of_containers_is_what_repr_gives() => Assert.Equal(
        "{'a': [1, 2.0, None], 'q': \"it's\", 'both': 'it\\'s \"both\"', 'ctl': '\\x01\\x7f\\n', 'uni': 'é😀', 'nb': '\\xa0\\u200b\\U000e0001', 1: b'\\x00a\\'\"'}",
        Write(EventSerializer.Text, new Dictionary<object, object?>
        {
            ["a"] = new object?[] { 1, 2.0, null }, ["q"] = "it's", ["both"] = "it's \"both\"", ["ctl"] = "\u0001\u007f\n", ["uni"] = "é😀",
            ["nb"] = "\u00a0\u200b\U000e0001", [1] = "\0a'\""u8.ToArray(),
        }));

    [Fact]
    public void Text_with_half_a_surrogate_pair_is_refused() => Assert.Throws<NotSupportedException>(() => Write(EventSerializer.Text, "\ud83d"));

    [Theory]
    [InlineData("""{"a": 1, "b": [true, null, 1.5]}""", "82a16101a16293c3c0cb3ff8000000000000")]
    [InlineData("[127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296]", "987fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000")]
    [InlineData("[-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649]", "99ffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffff")]
    [InlineData("\"0123456789012345678901234567890é\"", "d921303132333435363738393031323334353637383930313233343536373839" + "30c3a9")]
    public void MessagePack_takes_the_shortest_form(string json, string hex) =>
        Assert.Equal(hex, Convert.ToHexStringLower(Bytes(EventSerializer.MessagePack, JsonSerializer.Deserialize<JsonElement>(json))));

    [Fact]
    public void MessagePack_keeps_bytes_and_the_kind_of_keys() =>
        Assert.Equal("81" + "01" + "c40200ff", Convert.ToHexStringLower(Bytes(EventSerializer.MessagePack, new Dictionary<int, byte[]> { [1] = [0, 255] })));

    [Fact]
    public void MessagePack_refuses_an_integer_beyond_64_bits() =>
        Assert.Contains("1267650600228229401496703205376", Assert.Throws<NotSupportedException>(() => Bytes(EventSerializer.MessagePack, BigInteger.Pow(2, 100))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("json")]
    [InlineData("json-compact")]
    [InlineData("msgpack")]
    [InlineData("str")]
    public void Serializers_are_found_by_name(string name) => Assert.Equal(name, EventSerializer.Find(name).Name);

    [Fact]
    public void A_name_that_is_not_known_is_answered_with_those_that_are() =>
        Assert.Contains("json, json-compact, msgpack, str", Assert.Throws<ArgumentException>(() => EventSerializer.Find("xml")).Message, StringComparison.Ordinal);
}
