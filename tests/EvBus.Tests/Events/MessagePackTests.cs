using System.Buffers;
using FsCheck;
using FsCheck.Fluent;

namespace EvBus.Tests.Events;

public class MessagePackTests
{
    [Theory]
    [InlineData(0L, "00")]
    [InlineData(127L, "7f")]
    [InlineData(128L, "cc80")]
    [InlineData(255L, "ccff")]
    [InlineData(256L, "cd0100")]
    [InlineData(65536L, "ce00010000")]
    [InlineData(4294967296L, "cf0000000100000000")]
    [InlineData(-1L, "ff")]
    [InlineData(-32L, "e0")]
    [InlineData(-33L, "d0df")]
    [InlineData(-128L, "d080")]
    [InlineData(-129L, "d1ff7f")]
    [InlineData(-40000L, "d2ffff63c0")]
    [InlineData(-2147483649L, "d3ffffffff7fffffff")]
    [InlineData(long.MinValue, "d38000000000000000")]
    public void Whole_numbers_take_the_form_that_Pythons_msgpack_chooses(long number, string hex)
    {
        Assert.Equal(hex, Hex(number));
        Assert.Equal(number, MessagePackCodec.Decode(Convert.FromHexString(hex)));
    }

    [Theory]
    [InlineData(31, "bf")]
    [InlineData(32, "d920")]
    [InlineData(255, "d9ff")]
    [InlineData(256, "da0100")]
    [InlineData(65536, "db00010000")]
    public void Texts_take_the_shortest_header(int length, string header)
    {
        var text = new string('x', length);
        Assert.StartsWith(header, Hex(text));
        Assert.Equal(text, MessagePackCodec.Decode(MessagePackCodec.Encode(text)));
    }

    [Theory]
    [InlineData(15, "9f")]
    [InlineData(16, "dc0010")]
    [InlineData(65536, "dd00010000")]
    public void Arrays_take_the_shortest_header(int length, string header) =>
        Assert.StartsWith(header, Hex(new object?[length]));

    [Theory]
    [InlineData("d6ff00000000", "1970-01-01T00:00:00Z")]
    [InlineData("d6ff5f5e1000", "2020-09-13T12:26:40Z")]
    [InlineData("d7ff773592705f5e1000", "2020-09-13T12:26:40.4999999Z")]
    [InlineData("c70cff000000000000000400000000", "2514-05-30T01:53:04Z")]
    [InlineData("c70cff1dcd6500ffffffffffffffff", "1969-12-31T23:59:59.5Z")]
    public void Extension_minus_one_is_a_moment(string hex, string moment)
    {
        var expected = DateTimeOffset.Parse(moment, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(expected, MessagePackCodec.Decode(Convert.FromHexString(hex)));
        Assert.Equal(hex, Hex(expected));
    }

    [Fact]
    public void Moments_that_DateTimeOffset_cannot_hold_stay_extensions()
    {
        var document = Convert.FromHexString("c70cff00000000" + "7fffffffffffffff");
        Assert.IsType<MessagePackExtension>(MessagePackCodec.Decode(document));
        Assert.Equal(document, MessagePackCodec.Encode(MessagePackCodec.Decode(document)));
    }

    [Fact]
    public void Raw_strings_of_old_writers_are_text_if_they_are_utf8_and_bytes_if_not()
    {
        Assert.Equal(new string('x', 40), MessagePackCodec.Decode([0xDA, 0, 40, .. Enumerable.Repeat((byte)'x', 40)]));
        Assert.Equal(new byte[] { 0xFF, 0xFE }, MessagePackCodec.Decode([0xA2, 0xFF, 0xFE]));
    }

    [Fact]
    public void Floats_of_32_bits_are_read()
        => Assert.Equal(1.5, MessagePackCodec.Decode([0xCA, 0x3F, 0xC0, 0, 0]));

    [Fact]
    public void A_map_keeps_its_order_and_its_whole_number_keys()
    {
        var map = new MessagePackMap { { "z", 1L }, { 1L, "one" }, { null, true }, { 2.5, null }, { false, "no" } };
        var read = Assert.IsType<MessagePackMap>(MessagePackCodec.Decode(MessagePackCodec.Encode(map)));
        Assert.Equal(["z", 1L, null, 2.5, false], read.Select(pair => pair.Key));
        Assert.Equal("one", read[1]);
        Assert.True(read.TryGetValue(null, out var value) && value is true);
    }

    [Fact]
    public void Of_a_key_that_stands_twice_the_last_value_counts_and_the_first_place()
    {
        var read = Assert.IsType<MessagePackMap>(MessagePackCodec.Decode(Convert.FromHexString("83a16101a16202a16103")));
        Assert.Equal([new("a", 3L), new("b", 2L)], read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("c1")]
    [InlineData("a5686568")]
    [InlineData("ddffffffff")]
    [InlineData("dfffffffff00")]
    [InlineData("c6ffffffff00")]
    [InlineData("dbffffffff00")]
    [InlineData("c9ffffffff0100")]
    [InlineData("cb00")]
    [InlineData("0000")]
    [InlineData("81")]
    [InlineData("8190c0")]
    [InlineData("92c0")]
    public void A_broken_document_is_refused_and_the_place_named(string hex)
    {
        var error = Assert.Throws<EvBusException>(() => MessagePackCodec.Decode(Convert.FromHexString(hex)));
        Assert.Contains("at byte", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nesting_is_bounded_both_ways()
    {
        var deep = Enumerable.Repeat((byte)0x91, 64).Append((byte)0xC0).ToArray();
        Assert.NotNull(MessagePackCodec.Decode(deep));
        Assert.Throws<EvBusException>(() => MessagePackCodec.Decode([0x91, .. deep]));
        Assert.NotNull(MessagePackCodec.Decode([0x91, .. deep], maxDepth: 65));

        var endless = new List<object?>();
        endless.Add(endless);
        Assert.Throws<NotSupportedException>(() => MessagePackCodec.Encode(endless));
    }

    [Fact]
    public void A_text_with_half_a_surrogate_pair_is_refused_without_being_shown()
    {
        var error = Assert.Throws<ArgumentException>(() => MessagePackCodec.Encode("hunter2\ud800"));
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Maps_and_extensions_do_not_print_what_they_hold()
    {
        Assert.Equal("map of 1", new MessagePackMap { { "password", "hunter2" } }.ToString());
        Assert.Equal("extension 5 of 2 bytes", new MessagePackExtension(5, new byte[] { 1, 2 }).ToString());
    }

    [Fact]
    public void A_map_is_an_object_in_json() => Assert.Equal(
        "{\"a\":[{\"1\":null}],\"true\":\"x\"}",
        System.Text.Json.JsonSerializer.Serialize(new MessagePackMap { { "a", new List<object?> { new MessagePackMap { { 1, null } } } }, { true, "x" } }));

    [Fact]
    public void Every_tree_comes_back_as_it_was() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(500),
        Prop.ForAll(Trees.ToArbitrary(), tree =>
        {
            var bytes = MessagePackCodec.Encode(tree);
            return MessagePackCodec.Encode(MessagePackCodec.Decode(bytes)).AsSpan().SequenceEqual(bytes);
        }));

    [Fact]
    public void Every_whole_number_comes_back_through_reader_and_writer() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(2000),
        Prop.ForAll(ArbMap.Default.ArbFor<DoNotSize<long>>(), sized =>
        {
            var output = new ArrayBufferWriter<byte>();
            var writer = new MessagePackWriter(output);
            writer.Write(sized.Item);
            writer.Write(unchecked((ulong)sized.Item));
            var reader = new MessagePackReader(output.WrittenSpan);
            return reader.ReadInt64() == sized.Item && reader.ReadUInt64() == unchecked((ulong)sized.Item) && reader.NextType == MessagePackType.End;
        }));

    [Fact]
    public void Any_bytes_are_either_read_or_refused() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(5000),
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes =>
        {
            try
            {
                MessagePackCodec.Decode(bytes);
            }
            catch (EvBusException)
            {
            }
        }));

    [Fact]
    public void A_document_cut_anywhere_is_refused()
    {
        var whole = MessagePackCodec.Encode(new object?[] { "text", 70_000L, -5L, 1.5, new byte[40], new MessagePackMap { { "k", true } }, DateTimeOffset.UnixEpoch });
        for (var length = 0; length < whole.Length; length++)
            Assert.Throws<EvBusException>(() => MessagePackCodec.Decode(whole.AsSpan(0, length)));
    }

    private static readonly Gen<object?> Scalars = Gen.OneOf(
        Gen.Constant<object?>(null),
        ArbMap.Default.GeneratorFor<bool>().Select(value => (object?)value),
        ArbMap.Default.GeneratorFor<DoNotSize<long>>().Select(value => (object?)value.Item),
        ArbMap.Default.GeneratorFor<double>().Select(value => (object?)value),
        ArbMap.Default.GeneratorFor<NonNull<string>>().Select(value => (object?)new string([.. value.Get.Where(c => !char.IsSurrogate(c))])),
        ArbMap.Default.GeneratorFor<byte[]>().Select(value => (object?)value));

    private static readonly Gen<object?> Trees = Gen.Sized(size => Tree(Math.Min(size, 4)));

    private static Gen<object?> Tree(int depth) => depth == 0
        ? Scalars
        : Gen.OneOf(
            Scalars,
            Tree(depth - 1).ListOf().Select(items => (object?)items.ToList()),
            Scalars.SelectMany(key => Tree(depth - 1).Select(value => (key, value))).ListOf().Select(pairs =>
            {
                var map = new MessagePackMap();
                foreach (var (key, value) in pairs)
                    map[key] = value;
                return (object?)map;
            }));

    private static string Hex(object? value) => Convert.ToHexStringLower(MessagePackCodec.Encode(value));
}
