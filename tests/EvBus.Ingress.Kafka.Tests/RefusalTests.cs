using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>What the client or the broker will not take.</summary>
[Collection("Kafka")]
public class RefusalTests(Brokers brokers)
{
    private static readonly TimeSpan s_flow = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task A_full_queue_of_the_client_is_back_pressure()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers);
        using var logs = new Logs();
        var profile = Given.Profile(servers, topic, ("properties", new Dictionary<string, object?> { ["queue.buffering.max.messages"] = 100L }));
        await using var bus = await Given.BusAsync(profile, logs: logs);
        await Flow.PutAsync(bus, TimeSpan.Zero);
        await Flow.AssertAllArrivedAsync(bus, servers, topic);
        Assert.NotEmpty(logs.Of(1206));
        Assert.Equal(0, bus.Lane().Retried);
        Assert.Equal(Flow.Events, (await Given.NumbersAsync(servers, topic)).Length);
    }

    [Fact]
    public async Task A_record_too_large_for_the_client_is_rejected_and_its_neighbours_are_not()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers);
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic, ("max_request_size", 2000L)));
        await PutAsync(bus, tooLarge: 7_777, 3000);
        await Flow.AssertAllArrivedAsync(bus, servers, topic, [7_777]);
        Assert.Contains("larger than max_request_size (2000 bytes) of the profile", bus.DeadLetters().Single().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_record_too_large_for_the_broker_is_rejected_and_its_neighbours_are_not()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 1, ("max.message.bytes", "20000"));
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic));
        await PutAsync(bus, tooLarge: 7_777, 30_000);
        await Flow.AssertAllArrivedAsync(bus, servers, topic, [7_777]);
        Assert.Contains("is larger than the 20000 bytes that topic", bus.DeadLetters().Single().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_limit_that_was_raised_counts_without_a_restart_and_the_reason_names_the_topic_s()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 1, ("max.message.bytes", "2000"));
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic));
        var large = new BusEvent(new byte[5000]);
        var put = await bus.PutAsync(large, Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(PutOutcome.DeadLettered, put.Outcome);
        Assert.Equal($"its record of 5000 bytes, key and value, is larger than the 2000 bytes that topic '{topic}' takes (max.message.bytes). Raise it at the broker, or put less into the event", bus.DeadLetters().Single().Reason);

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).SetLogHandler((_, _) => { }).Build();
        var raised = new ConfigEntry { Name = "max.message.bytes", Value = "100000" };
        await admin.AlterConfigsAsync(new Dictionary<ConfigResource, List<ConfigEntry>> { [new ConfigResource { Type = ResourceType.Topic, Name = topic }] = [raised] }).Soon();
        await Given.UntilAsync(() => bus.PutAsync(large, Receipt.Delivered()).AsTask().Result.Outcome == PutOutcome.Delivered, "the topic was asked again");
        var letters = bus.DeadLetters().Count;
        Assert.Equal(letters, bus.Lanes.ReplayDeadLetters(bus.Lane().Id));
        await bus.Lanes.DrainAsync(bus.Lane().Id).AsTask().Soon();
        Assert.Empty(bus.DeadLetters());
        Assert.Equal(letters + 1, (await Given.KcatAsync(servers, topic, "%S\u001e")).Length);
    }

    [Fact]
    public async Task An_event_that_the_door_takes_is_not_too_large_for_the_client_by_default()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers);
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic));
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(new BusEvent(new byte[1_040_000]), Receipt.Delivered()).AsTask().Soon()).Outcome);
    }

    [Fact]
    public async Task A_record_without_a_key_for_a_compacted_topic_is_told_why()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 1, ("cleanup.policy", "compact"));
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic));
        var puts = new[] { "k1", null, "k2" }.Select(key => bus.PutAsync(new BusEvent("x", new EventAttributes { Key = key }), Receipt.Delivered()).AsTask()).ToArray();
        Assert.Equal([PutOutcome.Delivered, PutOutcome.DeadLettered, PutOutcome.Delivered], (await Task.WhenAll(puts).Soon()).Select(put => put.Outcome));
        Assert.Contains("A compacted topic takes no record without a key", bus.DeadLetters().Single().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_that_an_event_chose_and_that_was_made_anew_with_fewer_partitions_makes_no_dead_letter()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 4);
        await using var bus = await Given.BusAsync(Given.Profile(servers, "{subject}"), Given.Quick);
        Task<PutResult[]> PutAsync(int from) => Task.WhenAll(Enumerable.Range(from, 100).Select(i =>
            bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture), new EventAttributes { Subject = topic, Key = $"k{i}" }), Receipt.Delivered()).AsTask())).Soon();
        await PutAsync(0);
        bus.Lanes.Pause(bus.Lane().Id);
        using (var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).SetLogHandler((_, _) => { }).Build())
        {
            await admin.DeleteTopicsAsync([topic]).Soon();
            await Given.UntilAsync(() => !admin.GetMetadata(Given.Patience).Topics.Exists(each => each.Topic == topic), "the topic is gone");
        }
        await Given.TopicAsync(servers, topic);
        var puts = PutAsync(100);
        bus.Lanes.Resume(bus.Lane().Id);
        Assert.All(await puts, put => Assert.Equal(PutOutcome.Delivered, put.Outcome));
        Assert.Empty(bus.DeadLetters());
        Assert.Equal(Enumerable.Range(100, 100), (await Given.NumbersAsync(servers, topic)).Distinct().Order());
    }

    [Fact]
    public async Task A_compressed_record_is_the_broker_s_to_refuse()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 1, ("max.message.bytes", "20000"));
        using var logs = new Logs();
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic, ("compression_type", "gzip")), logs: logs);
        var random = new Random(1);
        var body = new byte[60_000];
        await PutAsync(bus, tooLarge: 7_777, 30_000);
        random.NextBytes(body);
        await bus.PutAsync(new BusEvent(Convert.ToBase64String(body)));
        await Flow.AssertAllArrivedAsync(bus, servers, topic, [Flow.Events], Flow.Events + 1);
        Assert.Single(logs.Of(1207));
        Assert.Contains("max.message.bytes of the topic", bus.DeadLetters().Single().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Which_record_of_a_request_was_too_large_is_found_out_one_by_one()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 1, ("max.message.bytes", "20000"));
        using var logs = new Logs();
        // A topic that an event chooses cannot be asked about beforehand.
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic[..^1] + "{subject}"), logs: logs);
        await PutAsync(bus, tooLarge: 1_777, 30_000, 3000, topic[^1..]);
        await Flow.AssertAllArrivedAsync(bus, servers, topic, [1_777], 3000);
        Assert.Contains("max.message.bytes of the topic", bus.DeadLetters().Single().Reason, StringComparison.Ordinal);
        Assert.NotEmpty(logs.Of(1207));
    }

    [Fact]
    public async Task An_unknown_topic_is_waited_for_until_somebody_makes_it()
    {
        var servers = await brokers.AnyAsync();
        var topic = Given.NewName();
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic), Given.Quick);
        await Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Trouble?.Contains($"the brokers have no topic '{topic}'", StringComparison.Ordinal) == true, () => $"the lane says what is wrong, not {bus.Lane().Trouble}");
        await Given.TopicAsync(servers, topic);
        await Flow.AssertAllArrivedAsync(bus, servers, topic);
    }

    [Fact]
    public async Task An_unknown_topic_that_an_event_chose_is_that_event_s_rejection()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers);
        await using var bus = await Given.BusAsync(Given.Profile(servers, "{subject}"), Given.Quick);
        for (var i = 0; i < 1000; i++)
            await bus.PutAsync(new BusEvent(i.ToString(CultureInfo.InvariantCulture), new EventAttributes { Subject = i switch { 400 => "nowhere", 500 => "not a topic", 600 => "", _ => topic } }));
        await Flow.AssertAllArrivedAsync(bus, servers, topic, [400, 500, 600], 1000);
        var letters = bus.DeadLetters().ToDictionary(letter => letter.Event.GetText(), letter => letter.Reason);
        Assert.Equal(["400", "500", "600"], letters.Keys.Order());
        Assert.Contains("no topic 'nowhere'", letters["400"], StringComparison.Ordinal);
        Assert.Contains("'not a topic' is no name of a topic", letters["500"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_partition_that_is_not_there_is_said()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers);
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic, ("partition", 3L)), Given.Quick);
        await bus.PutAsync(Given.Numbered(1));
        await Given.UntilAsync(() => bus.Lane().Trouble?.Contains("has no partition 3", StringComparison.Ordinal) == true, () => $"the lane says what is wrong, not {bus.Lane().Trouble}");
        Assert.Equal(1, bus.Lane().Queued);
        await bus.StopAsync(TimeSpan.Zero);
    }

    private static async Task PutAsync(EventBus bus, int tooLarge, int bytes, int events = Flow.Events, string? subject = null)
    {
        for (var i = 0; i < events; i++)
        {
            var text = i.ToString(CultureInfo.InvariantCulture);
            await bus.PutAsync(new BusEvent(i == tooLarge ? text.PadLeft(bytes, '0') : text, new EventAttributes { Subject = subject }));
        }
    }
}
