using System.Globalization;
using EvBus.Brokers;
using RabbitMQ.Client;

namespace EvBus.Benchmarks;

/// <summary>
/// A lane from <c>PutAsync</c> to the confirmation of the last event against a loop over RabbitMQ.Client with confirmations and a window of 1,024:
/// persistent bodies of 256 bytes, mandatory, into a durable queue that is new for each run. The raw loop sends the same message as the lane; in the cases
/// that end in <c>-id</c> one with <c>message_id</c> alone, which is less work for the broker.
/// </summary>
internal static class RabbitMqCases
{
    private const int Body = 256;
    private const int Window = 1024;
    private const int WarmUp = 5_000;

    public static async Task<int> RunAsync(int pairs, bool json, int events = 30_000)
    {
        await using var broker = await RabbitMqBroker.FindAsync();
        if (broker is null)
        {
            Console.Error.WriteLine("There is no RabbitMQ: install rabbitmq-server, or name a running one in EVBUS_TEST_AMQP.");
            return 2;
        }
        foreach (var type in new[] { "classic", "quorum" })
        {
            foreach (var idOnly in new[] { false, true })
            {
                await BrokerPairs.RunAsync(
                    $"rabbitmq-{type}{(idOnly ? "-id" : "")}", pairs, json,
                    () => InQueueAsync(broker, type, queue => OursAsync(broker, queue, events)), () => InQueueAsync(broker, type, queue => RawAsync(broker, queue, events, idOnly)));
            }
        }
        return 0;
    }

    public static async Task<Run> InQueueAsync(RabbitMqBroker broker, string type, Func<string, Task<Run>> run)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(broker.Url) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var queue = $"bench-{Environment.ProcessId}";
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = type });
        try
        {
            return await run(queue);
        }
        finally
        {
            await channel.QueueDeleteAsync(queue);
        }
    }

    private static async Task<Run> OursAsync(RabbitMqBroker broker, string queue, int events)
    {
        var profile = new Profile("rabbitmq", "bench", new Dictionary<string, object?> { ["connection"] = new Dictionary<string, object?> { ["url"] = broker.Url }, ["ingress_channels"] = queue });
        await using var bus = await EventBus.StartAsync(o =>
        {
            // Bounded, or the journal's growth would be counted as garbage.
            o.Options = o.Options with { MaxEvents = 16_384 };
            o.AddProfiles(new FixedProfiles(profile)).AddRabbitMq();
        });
        var evt = new BusEvent(new byte[Body]);
        for (var i = 1; i < WarmUp; i++)
            await bus.PutAsync(evt);
        await bus.PutAsync(evt, Receipt.Delivered());
        var run = await Run.MeasureAsync(events, async () =>
        {
            for (var i = 1; i < events; i++)
                await bus.PutAsync(evt);
            await bus.PutAsync(evt, Receipt.Delivered());
        });
        var lane = (await bus.StopAsync()).Lanes.Single();
        return lane.Delivered == events + WarmUp ? run : throw new InvalidOperationException($"{lane.Delivered} of {events + WarmUp} were delivered: {lane.Trouble}");
    }

    private static async Task<Run> RawAsync(RabbitMqBroker broker, string queue, int events, bool idOnly)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(broker.Url), AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
        using var room = new SemaphoreSlim(Window);
        var confirmed = 0UL;
        var target = (ulong)WarmUp;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        channel.BasicAcksAsync += (_, e) =>
        {
            // Good enough for a loop that never fails: single confirmations come in order here.
            if (e.DeliveryTag > confirmed)
            {
                room.Release((int)(e.DeliveryTag - confirmed));
                confirmed = e.DeliveryTag;
                if (confirmed >= Volatile.Read(ref target))
                    Volatile.Read(ref done).TrySetResult();
            }
            return Task.CompletedTask;
        };
        var (exchange, key) = (new CachedString(""), new CachedString(queue));
        var body = new byte[Body];
        var headers = new Dictionary<string, object?>();
        var sent = 0;
        async Task PublishAsync()
        {
            await room.WaitAsync();
            sent++;
            var properties = new BasicProperties { Persistent = true, MessageId = sent.ToString("D36", CultureInfo.InvariantCulture), Headers = headers };
            if (!idOnly)
            {
                properties.Timestamp = new AmqpTimestamp(sent);
                headers["evbus-id"] = properties.MessageId;
            }
            await channel.BasicPublishAsync(exchange, key, mandatory: true, properties, body);
        }
        for (var i = 0; i < WarmUp; i++)
            await PublishAsync();
        await done.Task;
        done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return await Run.MeasureAsync(events, async () =>
        {
            Volatile.Write(ref target, (ulong)(events + WarmUp));
            for (var i = 0; i < events; i++)
                await PublishAsync();
            await done.Task;
        });
    }
}
