using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>What <c>evbus-test connect</c> asks the publisher.</summary>
[Collection("Kafka")]
public class ConnectionTestTests(Brokers brokers)
{
    private static async Task TestAsync(Profile profile)
    {
        await using var publisher = KafkaIngress.Descriptor.Create(new IngressContext("kafka/default", profile, null, null, NullLogger.Instance, TimeProvider.System));
        await ((IConnectionTest)publisher).TestAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<string> FailAsync(Profile profile) => (await Assert.ThrowsAsync<EvBusException>(() => TestAsync(profile))).Message;

    [Fact]
    public async Task What_works_passes_and_nothing_is_sent()
    {
        var servers = await brokers.AnyAsync();
        var topic = await Given.TopicAsync(servers);
        await TestAsync(Given.Profile(servers, topic));
        Assert.Empty(await Given.NumbersAsync(servers, topic));
    }

    [Fact]
    public async Task A_broker_that_is_not_there_is_said() =>
        Assert.Contains("No broker of 127.0.0.1:1 answered: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused", await FailAsync(Given.Profile("127.0.0.1:1", "t")), StringComparison.Ordinal);

    [Fact]
    public async Task An_advertised_address_that_leads_nowhere_is_said_by_connect_and_by_the_lane()
    {
        Assert.SkipWhen(EvBus.Brokers.KafkaHome.Jars is null && Environment.GetEnvironmentVariable("CI") != "true", EvBus.Brokers.KafkaHome.None);
        var (listens, tells) = (0, EvBus.Brokers.Ports.Take());
        await using var broker = await EvBus.Brokers.KafkaBroker.StartAsync(new EvBus.Brokers.KafkaBroker.Settings { IsQuickToStart = true, Line = port => (listens = port, tells).tells });
        var topic = await Given.TopicAsync(broker.Address);
        Assert.Contains($"tells its clients to connect to 127.0.0.1:{tells}, and that leads nowhere", await FailAsync(Given.Profile($"127.0.0.1:{listens}", topic)), StringComparison.Ordinal);
        await using var bus = await Given.BusAsync(Given.Profile($"127.0.0.1:{listens}", topic, ("message_timeout_ms", 2000L)));
        await bus.PutAsync(Given.Numbered(1));
        await Given.UntilAsync(() => bus.Lane().Trouble?.Contains("Connection refused", StringComparison.Ordinal) == true, () => $"the lane names the cause, not {bus.Lane().Trouble}");
        await bus.StopAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_topic_that_is_not_there_is_said_and_not_made()
    {
        var servers = await brokers.AnyAsync();
        var profile = Given.Profile(servers, Given.NewName());
        Assert.Contains("there is no topic", await FailAsync(profile), StringComparison.Ordinal);
        Assert.Contains("there is no topic", await FailAsync(profile), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_partition_that_is_not_there_is_said_before_the_first_event()
    {
        var servers = await brokers.AnyAsync();
        Assert.Contains("has 1 partitions and none with number 4", await FailAsync(Given.Profile(servers, await Given.TopicAsync(servers), ("partition", 4L))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_password_is_said_without_it()
    {
        var broker = await brokers.WithLoginAsync();
        var message = await FailAsync(Given.Profile(broker.SaslAddress, "t", ("username", Brokers.User), ("password", "n0t-the-password")));
        Assert.Contains("the brokers refuse the login", message, StringComparison.Ordinal);
        Assert.DoesNotContain("n0t-the-password", message, StringComparison.Ordinal);
    }
}
