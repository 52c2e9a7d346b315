using System.Globalization;

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
        Assert.Contains("larger than max_request_size (2000 bytes)", bus.DeadLetters().Single().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_record_too_large_for_the_broker_is_rejected_and_its_neighbours_are_not()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers, 1, ("max.message.bytes", "20000"));
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic));
        await PutAsync(bus, tooLarge: 7_777, 30_000);
        await Flow.AssertAllArrivedAsync(bus, servers, topic, [7_777]);
        Assert.Contains("its record is larger than", bus.DeadLetters().Single().Reason, StringComparison.Ordinal);
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
        Assert.Equal(["400", "500", "600"], bus.DeadLetters().Select(letter => letter.Event.GetText()));
        Assert.Contains("no topic 'nowhere'", bus.DeadLetters()[0].Reason, StringComparison.Ordinal);
        Assert.Contains("'not a topic' is no name of a topic", bus.DeadLetters()[1].Reason, StringComparison.Ordinal);
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
