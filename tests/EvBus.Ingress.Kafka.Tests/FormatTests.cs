using System.Text.Json;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>What an independent client receives.</summary>
[Collection("Kafka")]
public class FormatTests(Brokers brokers)
{
    private static readonly DateTimeOffset s_time = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    private static readonly EventAttributes s_attributes = new()
    {
        Id = "id-1", Source = "/s", Type = "t", Subject = "orders", Key = "k1", ContentType = "application/json", Time = s_time,
        TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState = "a=b",
        Extensions = new Dictionary<string, string> { ["region"] = "eu" },
    };

    private async Task<string[]> PublishAsync(BusEvent evt, params (string Key, object? Value)[] more)
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers);
        await using (var bus = await Given.BusAsync(Given.Profile(servers, topic, more)))
            Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(evt, Receipt.Delivered()).AsTask().Soon()).Outcome);
        var record = Assert.Single(await Given.KcatAsync(servers, topic, "%k\u001f%s\u001f%h\u001f%T\u001e"));
        return record.Split('\u001f');
    }

    [Fact]
    public async Task The_body_arrives_as_it_is_with_key_time_and_headers_beside_it()
    {
        var record = await PublishAsync(new BusEvent("{\"a\": 1}", s_attributes));
        Assert.Equal("k1", record[0]);
        Assert.Equal("{\"a\": 1}", record[1]);
        Assert.Equal("evbus-id=id-1,content-type=application/json,traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,tracestate=a=b", record[2]);
        Assert.Equal(s_time.ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture), record[3]);
    }

    [Fact]
    public async Task An_event_that_says_nothing_of_itself_has_the_id_of_the_door()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers);
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic));
        var results = new List<PutResult>();
        foreach (var body in new[] { "one", "", "three" })
            results.Add(await bus.PutAsync(new BusEvent(System.Text.Encoding.UTF8.GetBytes(body)), Receipt.Delivered()).AsTask().Soon());
        var records = await Given.KcatAsync(servers, topic, "%K %s %h\u001e");
        Assert.Equal([$"-1 one evbus-id={results[0].StampedId}", $"-1  evbus-id={results[1].StampedId}", $"-1 three evbus-id={results[2].StampedId}"], records);
    }

    [Fact]
    public async Task An_event_without_a_body_can_be_a_tombstone()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 1, ("cleanup.policy", "compact"));
        await using (var bus = await Given.BusAsync(Given.Profile(servers, topic, ("tombstones", true))))
        {
            foreach (var body in new[] { "value", "" })
                Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(new BusEvent(System.Text.Encoding.UTF8.GetBytes(body), new EventAttributes { Key = "k" }), Receipt.Delivered()).AsTask().Soon()).Outcome);
        }
        // kcat: the length of a value, -1 for none.
        Assert.Equal(["k 5", "k -1"], await Given.KcatAsync(servers, topic, "%k %S\u001e"));
    }

    [Fact]
    public async Task An_event_may_name_its_own_partition()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 3);
        await using (var bus = await Given.BusAsync(Given.Profile(servers, topic, ("partition", "{ext:part}"))))
        {
            PutOutcome Put(string body, string part) =>
                bus.PutAsync(new BusEvent(body, new EventAttributes { Extensions = new Dictionary<string, string> { ["part"] = part } }), Receipt.Delivered()).AsTask().Soon().Result.Outcome;
            Assert.Equal([PutOutcome.Delivered, PutOutcome.Delivered, PutOutcome.DeadLettered], [Put("a", "2"), Put("b", "0"), Put("c", "x")]);
            Assert.Equal("its partition 'x' is no number from 0", bus.DeadLetters().Single().Reason);
        }
        Assert.Equal(["0 b", "2 a"], (await Given.KcatAsync(servers, topic, "%p %s\u001e")).Order());
    }

    [Fact]
    public async Task The_time_of_a_record_is_the_event_s_or_that_of_sending()
    {
        var early = s_attributes with { Time = DateTimeOffset.UnixEpoch };
        Assert.Equal("1", (await PublishAsync(new BusEvent("x", early)))[3]);
        var sent = long.Parse((await PublishAsync(new BusEvent("x", early), ("record_time", "sending")))[3], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(TimeProvider.System.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(sent), TimeSpan.Zero, Given.Patience);
    }

    [Fact]
    public async Task A_binary_cloud_event_has_its_attributes_in_headers()
    {
        var record = await PublishAsync(new BusEvent("{\"a\": 1}", s_attributes), ("format", "cloudevents-binary"));
        Assert.Equal("{\"a\": 1}", record[1]);
        var headers = record[2].Split(',');
        Assert.Equal("evbus-id=id-1", headers[0]);
        foreach (var expected in new[] { "content-type=application/json", "ce_specversion=1.0", "ce_id=id-1", "ce_source=/s", "ce_type=t", "ce_subject=orders", "ce_region=eu", "ce_partitionkey=k1", "ce_time=2026-01-02T03:04:05.678Z" })
            Assert.Contains(expected, headers);
    }

    [Fact]
    public async Task A_structured_cloud_event_is_JSON()
    {
        var record = await PublishAsync(new BusEvent("{\"a\": 1}", s_attributes), ("format", "cloudevents-structured"));
        using var json = JsonDocument.Parse(record[1]);
        Assert.Equal("id-1", json.RootElement.GetProperty("id").GetString());
        Assert.Equal("orders", json.RootElement.GetProperty("subject").GetString());
        Assert.Equal(1, json.RootElement.GetProperty("data").GetProperty("a").GetInt32());
        Assert.Equal("evbus-id=id-1,content-type=application/cloudevents+json; charset=utf-8", record[2]);
    }

    [Fact]
    public async Task Key_and_headers_come_from_templates()
    {
        var record = await PublishAsync(
            new BusEvent("b", s_attributes with { TraceParent = null }),
            ("key", "{subject}/{ext:region}"), ("headers", new Dictionary<string, object?> { ["where"] = "{ext:region|nowhere}", ["fixed"] = "x" }));
        Assert.Equal("orders/eu", record[0]);
        Assert.Contains("where=eu,fixed=x", record[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_may_depend_on_the_event()
    {
        var servers = await brokers.AnyAsync();
        string[] topics = [await Given.TopicAsync(servers), await Given.TopicAsync(servers)];
        var common = topics[0][..(topics[0].LastIndexOf('-') + 1)];
        await using var bus = await Given.BusAsync(Given.Profile(servers, common + "{subject}"));
        foreach (var topic in topics)
            await bus.PutAsync(new BusEvent(topic, new EventAttributes { Subject = topic[common.Length..] }), Receipt.Delivered()).AsTask().Soon();
        foreach (var topic in topics)
            Assert.Equal([topic], await Given.KcatAsync(servers, topic, "%s\u001e"));
    }

    [Fact]
    public async Task A_key_goes_to_the_partition_that_Java_would_choose_and_a_partition_that_is_named_takes_all()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, partitions: 8);
        await using (var bus = await Given.BusAsync(Given.Profile(servers, topic)))
        {
            foreach (var key in new[] { "a", "orders", "evbus" })
                await bus.PutAsync(new BusEvent("b", new EventAttributes { Key = key }), Receipt.Delivered()).AsTask().Soon();
        }
        var chosen = (await Given.KcatAsync(servers, topic, "%k=%p\u001e")).Order(StringComparer.Ordinal);
        Assert.Equal(new[] { "a", "evbus", "orders" }.Select(key => $"{key}={(Murmur2(System.Text.Encoding.UTF8.GetBytes(key)) & 0x7fffffff) % 8}"), chosen);

        var other = await Given.TopicAsync(servers, partitions: 8);
        await using (var bus = await Given.BusAsync(Given.Profile(servers, other, ("partition", 5L))))
            await bus.PutAsync(new BusEvent("b", new EventAttributes { Key = "a" }), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(["5"], await Given.KcatAsync(servers, other, "%p\u001e"));
    }

    [Fact]
    public async Task Each_of_several_topics_has_a_lane_and_gets_every_event()
    {
        var servers = await brokers.AnyAsync();
        string[] topics = [await Given.TopicAsync(servers), await Given.TopicAsync(servers)];
        await using var bus = await Given.BusAsync(new Profile("kafka", "default", new Dictionary<string, object?> { ["connection"] = new Dictionary<string, object?> { ["bootstrap_servers"] = servers }, ["topics"] = topics.Cast<object?>().ToList() }));
        Assert.Equal(topics.Select(topic => $"kafka/default#{topic}"), bus.Lanes.Ids);
        await bus.PutAsync(new BusEvent("to both"), Receipt.Delivered()).AsTask().Soon();
        foreach (var topic in topics)
            Assert.Equal(["to both"], await Given.KcatAsync(servers, topic, "%s\u001e"));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("snappy")]
    [InlineData("lz4")]
    [InlineData("zstd")]
    public async Task Compressed_events_arrive_whole(string compression)
    {
        var body = string.Concat(Enumerable.Repeat("all the same ", 400));
        Assert.Equal(body, (await PublishAsync(new BusEvent(body), ("compression_type", compression)))[1]);
    }

    /// <summary>Kafka's own hash (org.apache.kafka.common.utils.Utils.murmur2), written down from its definition.</summary>
    private static int Murmur2(byte[] data)
    {
        unchecked
        {
            const int M = 0x5bd1e995;
            var h = (int)0x9747b28c ^ data.Length;
            var whole = data.Length / 4;
            for (var i = 0; i < whole; i++)
            {
                var k = BitConverter.ToInt32(data, i * 4) * M;
                k ^= (int)((uint)k >> 24);
                h = (h * M) ^ (k * M);
            }
            for (var i = data.Length - 1; i >= whole * 4; i--)
                h ^= data[i] << (8 * (i - (whole * 4)));
            if (data.Length % 4 != 0)
                h *= M;
            h ^= (int)((uint)h >> 13);
            h *= M;
            return h ^ (int)((uint)h >> 15);
        }
    }
}
