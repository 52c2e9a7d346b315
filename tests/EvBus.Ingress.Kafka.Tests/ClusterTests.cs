using Confluent.Kafka;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>What only several brokers can do, on the client's own cluster for tests.</summary>
[Collection("Kafka")]
public class ClusterTests
{
    private static readonly TimeSpan s_flow = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task A_leader_change_loses_nothing()
    {
        using var cluster = new MockCluster(3);
        var topic = cluster.NewTopic(replicas: 3);
        await using var bus = await Given.BusAsync(Given.Profile(cluster.Servers, topic), Given.Quick);
        var putting = Flow.PutAsync(bus, s_flow);
        foreach (var (leader, after) in new[] { (1, 1000), (2, 6000), (3, 12_000), (1, 17_000) })
        {
            await Given.UntilAsync(() => bus.Lane().Delivered > after, $"{after} delivered");
            cluster.SetLeader(topic, leader);
        }
        await putting;
        await Flow.AssertAllArrivedAsync(bus, cluster.Servers, topic);
    }

    [Fact]
    public async Task A_leader_that_goes_down_for_good_loses_nothing()
    {
        using var cluster = new MockCluster(3);
        var topic = cluster.NewTopic(replicas: 3);
        cluster.SetLeader(topic, 1);
        await using var bus = await Given.BusAsync(Given.Profile(cluster.Servers, topic), Given.Quick);
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        cluster.SetDown(1);
        cluster.SetLeader(topic, 2);
        await putting;
        await Flow.AssertAllArrivedAsync(bus, cluster.Servers, topic);
    }

    [Fact]
    public async Task Too_few_replicas_are_waited_for()
    {
        using var cluster = new MockCluster(3);
        var topic = cluster.NewTopic(replicas: 3);
        using var logs = new Logs();
        await using var bus = await Given.BusAsync(Given.Profile(cluster.Servers, topic), Given.Quick with { MaxAttempts = 1 }, logs);
        var failing = new TaskCompletionSource();
        var putting = Flow.PutAsync(bus, s_flow, lastAfter: failing.Task);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        // More than the client has patience for, so that the lane has to take its events back.
        cluster.FailNext(10_000, ErrorCode.NotEnoughReplicas);
        failing.SetResult();
        await Given.UntilAsync(() => bus.Lane().Retried > 0, "the lane has tried again");
        cluster.Mend();
        await putting;
        await Flow.AssertAllArrivedAsync(bus, cluster.Servers, topic);
    }

    [Theory]
    [InlineData(ErrorCode.OutOfOrderSequenceNumber)]
    [InlineData(ErrorCode.InvalidProducerEpoch)]
    [InlineData(ErrorCode.UnknownProducerId)]
    [InlineData(ErrorCode.ClusterAuthorizationFailed)]
    [InlineData(ErrorCode.Unknown)]
    public async Task An_answer_that_ends_the_producer_is_survived(ErrorCode answer)
    {
        using var cluster = new MockCluster(3);
        var topic = cluster.NewTopic(replicas: 3);
        await using var bus = await Given.BusAsync(Given.Profile(cluster.Servers, topic), Given.Quick with { MaxAttempts = 1 });
        var failing = new TaskCompletionSource();
        var putting = Flow.PutAsync(bus, s_flow, lastAfter: failing.Task);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        cluster.FailNext(5, answer);
        failing.SetResult();
        await putting;
        await Flow.AssertAllArrivedAsync(bus, cluster.Servers, topic);
    }

    [Fact]
    public async Task A_fenced_producer_is_made_anew()
    {
        using var cluster = new MockCluster(3);
        var topic = cluster.NewTopic(replicas: 3);
        using var logs = new Logs();
        KafkaPublisher? publisher = null;
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.LoggerFactory = logs;
            o.AddIngress(KafkaIngress.Descriptor with { NeedsProfile = false, Create = context => publisher = new KafkaPublisher(context, KafkaIngressOptions.Read(Given.Profile(cluster.Servers, topic))) }, lane: Given.Quick);
        });
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        MockCluster.Fence(publisher!.Producer!);
        await putting;
        await Flow.AssertAllArrivedAsync(bus, cluster.Servers, topic);
        Assert.Contains(logs.Of(1202), line => line.Contains("InvalidProducerEpoch", StringComparison.Ordinal) || line.Contains("fenced by the test", StringComparison.Ordinal));
    }
}
