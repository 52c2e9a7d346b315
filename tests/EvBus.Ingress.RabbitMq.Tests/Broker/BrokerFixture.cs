using EvBus.Brokers;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>The one broker that all tests of this project share, one after another.</summary>
public sealed class BrokerFixture : IAsyncLifetime
{
    private int _queues;

    public RabbitMqBroker? Broker { get; private set; }

    public Certificates Certificates { get; } = new();

    public async ValueTask InitializeAsync()
    {
        Broker = await RabbitMqBroker.FindAsync(
            (folder, tlsPort) =>
            [
                $"listeners.ssl.1 = 127.0.0.1:{tlsPort}",
                $"ssl_options.cacertfile = {Certificates.Authority.Save(folder, "ca")}",
                $"ssl_options.certfile = {Certificates.Broker.Save(folder, "broker")}",
                $"ssl_options.keyfile = {Certificates.Broker.SaveKey(folder, "broker")}",
                "ssl_options.verify = verify_peer",
                "ssl_options.fail_if_no_peer_cert = false",
                "auth_mechanisms.1 = PLAIN",
                "auth_mechanisms.2 = EXTERNAL",
                // Far below what a test has to send to be refused.
                "max_message_size = 100000",
            ],
            "rabbitmq_auth_mechanism_ssl");
    }

    public async ValueTask DisposeAsync()
    {
        if (Broker is not null)
        {
            Broker.KeepLogs = TestContext.Current.TestState?.Result == TestResult.Failed;
            await Broker.DisposeAsync();
        }
        Certificates.Dispose();
    }

    /// <summary>The broker, or the skip that says why there is none.</summary>
    public RabbitMqBroker Need()
    {
        if (Broker is null && Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail("There is no RabbitMQ, and with CI=true there must be one: install rabbitmq-server, or name one in EVBUS_TEST_AMQP.");
        Assert.SkipWhen(Broker is null, "There is no RabbitMQ: install rabbitmq-server, or name a running one in EVBUS_TEST_AMQP.");
        return Broker!;
    }

    /// <summary>A broker that may be stopped, cut and starved.</summary>
    public RabbitMqBroker NeedOwn()
    {
        var broker = Need();
        Assert.SkipUnless(broker.IsOurs, "This does things to a broker that only its owner may do, and the tests did not start this one.");
        return broker;
    }

    /// <summary>A client of the broker that knows nothing of EvBus.</summary>
    public async Task<IConnection> ConnectAsync() => await new ConnectionFactory { Uri = new Uri(Need().Url) }.CreateConnectionAsync();

    /// <summary>A durable queue of a name of its own.</summary>
    public async Task<string> QueueAsync(string? type = null, IDictionary<string, object?>? more = null)
    {
        var name = $"evbus-test-{Environment.ProcessId}-{Interlocked.Increment(ref _queues)}";
        var arguments = new Dictionary<string, object?>(more ?? new Dictionary<string, object?>());
        if (type is not null)
            arguments["x-queue-type"] = type;
        await using var connection = await ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, arguments);
        return name;
    }

    /// <summary>Everything that lies in a queue, in order; the queue is deleted.</summary>
    public async Task<List<BasicGetResult>> TakeAllAsync(string queue)
    {
        await using var connection = await ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        var found = new List<BasicGetResult>();
        var expected = await channel.MessageCountAsync(queue);
        var done = new TaskCompletionSource();
        var consumer = new RabbitMQ.Client.Events.AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            found.Add(new BasicGetResult(e.DeliveryTag, e.Redelivered, e.Exchange, e.RoutingKey, 0, new BasicProperties(e.BasicProperties), e.Body.ToArray()));
            if (found.Count >= expected)
                done.TrySetResult();
            return Task.CompletedTask;
        };
        if (expected > 0)
        {
            await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
            await done.Task.WaitAsync(Flow.Patience);
        }
        await channel.QueueDeleteAsync(queue);
        return found;
    }

    /// <summary>The numbers in the bodies of a queue, in order.</summary>
    public async Task<int[]> TakeNumbersAsync(string queue) =>
        [.. (await TakeAllAsync(queue)).Select(message => int.Parse(System.Text.Encoding.UTF8.GetString(message.Body.Span), System.Globalization.CultureInfo.InvariantCulture))];
}

[CollectionDefinition(Name)]
public sealed class BrokerTests : ICollectionFixture<BrokerFixture>
{
    public const string Name = "broker";
}
