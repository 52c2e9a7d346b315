using System.Buffers;
using System.Text;
using System.Text.Json;

namespace EvBus.Tests.Events;

public class CloudEventWriterTests
{
    private static readonly EventAttributes s_all = new()
    {
        Id = "i", Source = "/s", Type = "t", Subject = "su", Time = new DateTimeOffset(2026, 1, 2, 5, 4, 5, 60, TimeSpan.FromHours(2)),
        ContentType = "application/json", DataSchema = "ds", Profile = "p", Key = "k", TraceParent = "tp", TraceState = "ts", Parents = ["a", "b"],
        Extensions = new Dictionary<string, string> { ["mine"] = "ä\n\"", ["partitionkey"] = "other" },
    };

    private static string Write(ReadOnlyMemory<byte> body, EventAttributes attributes = default)
    {
        var target = new ArrayBufferWriter<byte>();
        CloudEventWriter.WriteJson(EventBatch.Of(new BusEvent(body, attributes))[0], target);
        return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(target.WrittenSpan);
    }

    private static JsonElement Read(ReadOnlyMemory<byte> body, string? contentType) =>
        JsonDocument.Parse(Write(body, new EventAttributes { ContentType = contentType })).RootElement;

    [Fact]
    public void Every_attribute_is_written_and_the_key_stands_before_an_extension_of_its_name() => Assert.Equal(
        """
        {"specversion":"1.0","id":"i","source":"/s","type":"t","subject":"su","time":"2026-01-02T03:04:05.06Z","datacontenttype":"application/json","dataschema":"ds","evbusprofile":"p","partitionkey":"k","traceparent":"tp","tracestate":"ts","evbusparents":"a,b","mine":"ä\n\"","data":{"x":   1}}
        """, Write("{\"x\":\r\n   1}"u8.ToArray(), s_all));

    [Fact]
    public void The_headers_of_the_binary_mode_are_the_same_attributes_with_a_prefix_and_without_the_content_type()
    {
        var headers = CloudEventWriter.GetHeaders(EventBatch.Of(new BusEvent("{}"u8.ToArray(), s_all))[0], "cloudEvents:");
        Assert.Equal(
            ["specversion=1.0", "id=i", "source=/s", "type=t", "subject=su", "time=2026-01-02T03:04:05.06Z", "dataschema=ds", "evbusprofile=p", "partitionkey=k",
                "traceparent=tp", "tracestate=ts", "evbusparents=a,b", "mine=ä\n\""],
            headers.Select(header => $"{header.Key["cloudEvents:".Length..]}={header.Value}"));
        Assert.All(headers, header => Assert.StartsWith("cloudEvents:", header.Key, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("specversion")]
    [InlineData("id")]
    [InlineData("datacontenttype")]
    [InlineData("data")]
    [InlineData("data_base64")]
    [InlineData("ID")]
    [InlineData("Type")]
    [InlineData("sOuRcE")]
    [InlineData("")]
    [InlineData("FINE")]
    public void An_extension_with_the_name_of_an_attribute_is_rejected_by_name_and_nothing_is_written(string name)
    {
        var view = EventBatch.Of(new BusEvent("x", new EventAttributes { Extensions = new Dictionary<string, string> { ["fine"] = "1", [name] = "2" } }))[0];
        var target = new ArrayBufferWriter<byte>();
        var named = name.Length == 0 ? "without a name" : $"'{name}'";
        Assert.Contains(named, Assert.Throws<RejectEventException>(() => CloudEventWriter.WriteJson(view, target)).Message, StringComparison.Ordinal);
        Assert.Equal(0, target.WrittenCount);
        Assert.Contains(named, Assert.Throws<RejectEventException>(() => CloudEventWriter.GetHeaders(view, "ce_")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Traceparent")]
    [InlineData("traceparent")]
    [InlineData("EVBUSPROFILE")]
    public void An_extension_named_like_what_the_event_has_gives_way_to_it_in_whatever_case(string name)
    {
        var evt = new BusEvent("x", new EventAttributes { Profile = "p", TraceParent = "tp", Extensions = new Dictionary<string, string> { [name] = "theirs" } });
        Assert.DoesNotContain("theirs", CloudEventWriter.GetHeaders(EventBatch.Of(evt)[0], "ce-").Select(header => header.Value));
    }

    [Fact]
    public void An_extension_named_like_what_the_event_lacks_is_written()
    {
        var headers = CloudEventWriter.GetHeaders(
            EventBatch.Of(new BusEvent("x", new EventAttributes { Extensions = new Dictionary<string, string> { ["partitionkey"] = "theirs" } }))[0], "ce_");
        Assert.Equal("theirs", headers.Single(header => header.Key == "ce_partitionkey").Value);
    }

    [Theory]
    [InlineData("application/octet-stream", "123", "data_base64", "\"MTIz\"")]
    [InlineData("application/msgpack", "1", "data_base64", "\"MQ==\"")]
    [InlineData("text/plain", "123", "data", "\"123\"")]
    [InlineData("TEXT/PLAIN; charset=\"UTF-8\"", "123", "data", "\"123\"")]
    [InlineData("text/plain; format=flowed; charset=utf-16", "1\0", "data_base64", "\"MQA=\"")]
    [InlineData("text/plain", "", "data", "\"\"")]
    [InlineData("text/json", "[1]", "data", "[1]")]
    [InlineData("application/xml", "<a/>", "data", "\"<a/>\"")]
    [InlineData("image/svg+xml", "<a/>", "data", "\"<a/>\"")]
    [InlineData("application/json", "123", "data", "123")]
    [InlineData("application/problem+json; charset=utf-8", "[1]", "data", "[1]")]
    [InlineData("application/json", "{oops", "data_base64", "\"e29vcHM=\"")]
    [InlineData("json", "1", "data_base64", "\"MQ==\"")]
    [InlineData("", "1", "data_base64", "\"MQ==\"")]
    [InlineData(null, "123", "data", "123")]
    [InlineData(null, "1 2", "data_base64", "\"MSAy\"")]
    public void The_content_type_decides_how_the_data_travels(string? contentType, string body, string member, string expected)
    {
        var line = Read(Encoding.UTF8.GetBytes(body), contentType);
        Assert.Equal(expected, line.GetProperty(member).GetRawText());
        Assert.Single(line.EnumerateObject(), each => each.Name.StartsWith("data", StringComparison.Ordinal) && each.Name != "datacontenttype");
    }

    [Fact]
    public void An_empty_body_that_is_no_text_has_no_data() =>
        Assert.DoesNotContain(Read(default, null).EnumerateObject(), each => each.Name.StartsWith("data", StringComparison.Ordinal));

    [Theory]
    [InlineData(62, "data")]
    [InlineData(63, "data_base64")]
    public void Data_nested_deeper_than_readers_take_travels_as_base64(int depth, string member) =>
        Assert.True(Read(Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth)), "application/json").TryGetProperty(member, out _));

    [Theory]
    [InlineData("application/json", new byte[] { (byte)'"', 0xFF, (byte)'"' })]
    [InlineData("text/plain", new byte[] { 0xFF })]
    [InlineData(null, new byte[] { 0xEF, 0xBB, 0xBF, (byte)'1' })]
    public void Whatever_the_bytes_the_line_is_valid_and_gives_them_back(string? contentType, byte[] body) =>
        Assert.Equal(body, Read(body, contentType).GetProperty("data_base64").GetBytesFromBase64());

    [Fact]
    public void Random_bodies_and_attributes_make_one_valid_line_each()
    {
        var random = new Random(7);
        string?[] types = [null, "application/json", "text/plain", "application/xml", "x/y", "text/plain;charset=latin1"];
        const string alphabet = "{}[]\",:0123 truefalsn\\\n\r\u2028\0ä😀<>&+";
        for (var round = 0; round < 3000; round++)
        {
            var body = new byte[random.Next(12)];
            random.NextBytes(body);
            if (round % 2 == 0)
                body = Encoding.UTF8.GetBytes(Text());
            var line = Write(body, new EventAttributes { ContentType = types[round % types.Length], Subject = Text(), Key = Text(), Extensions = new Dictionary<string, string> { ["x" + Text()] = Text() } });
            Assert.DoesNotContain('\n', line);
            Assert.DoesNotContain('\r', line);
            Assert.Equal("1.0", JsonDocument.Parse(line).RootElement.GetProperty("specversion").GetString());
        }

        string Text() => string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => alphabet.EnumerateRunes().ElementAt(random.Next(alphabet.EnumerateRunes().Count())).ToString()));
    }
}
