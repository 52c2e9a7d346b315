using System.Diagnostics;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using EvBus.Brokers;
using EvBus.Ingress.Kafka;

namespace EvBus.Benchmarks;

/// <summary>
/// Events of 256 bytes to a real broker on this machine: a lane from put to delivery report, against a producer of the same client with the same settings that is fed by a loop.
/// </summary>
internal sealed class KafkaCase : IAsyncDisposable
{
    private const int BodyBytes = 256;

    private static readonly Dictionary<string, string> s_settings = new()
    {
        ["client.id"] = "evbus", ["acks"] = "all", ["enable.idempotence"] = "true", ["partitioner"] = "murmur2_random", ["log.connection.close"] = "false",
        ["message.timeout.ms"] = "15000", ["request.timeout.ms"] = "15000", ["dotnet.producer.delivery.report.fields"] = "none",
    };

    private readonly KafkaBroker? _own;
    private readonly string _address;
    private int _topics;

    private KafkaCase(KafkaBroker? own, string address) => (_own, _address) = (own, address);

    public string Address => _address;

    public static async Task<KafkaCase> StartAsync()
    {
        _ = NativeClient.Version;
        if (KafkaHome.Running is { } running)
            return new KafkaCase(null, running);
        var own = await KafkaBroker.StartAsync();
        return new KafkaCase(own, own.Address);
    }

    public async ValueTask DisposeAsync()
    {
        if (_own is not null)
            await _own.DisposeAsync();
    }

    public async Task<Measured> OursAsync(int events, IReadOnlyDictionary<string, object?>? more = null)
    {
        var topic = await NewTopicAsync();
        var values = new Dictionary<string, object?> { ["bootstrap_servers"] = _address, ["topics"] = topic };
        foreach (var (key, value) in more ?? new Dictionary<string, object?>())
            values[key] = value;
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Seed = 1 };
            o.AddKafka();
            o.ProfileSources.Add(new FixedProfiles(new Profile("kafka", "default", values)));
        });
        var body = new byte[BodyBytes];
        // Connection and metadata are not what is measured; they come once.
        await bus.PutAsync(new BusEvent(body), Receipt.Delivered());
        var lane = bus.Lanes.Ids.Single();
        var begun = Measured.Begin();
        var attributes = default(EventAttributes);
        for (var i = 0; i < events; i++)
        {
            if (!bus.TryPut(body, in attributes).IsAccepted)
                await bus.PutAsync(new BusEvent(body));
        }
        while (bus.GetStatus().Lanes[0] is { Queued: > 0 })
            await Task.Delay(1);
        var measured = begun.End(events);
        var status = bus.GetStatus().Lanes.Single(each => each.Id == lane);
        if (status.Delivered != events + 1 || status.Retried > 0)
            throw new InvalidOperationException($"Not a clean run: {status.Delivered} of {events + 1} delivered, {status.Retried} retried.");
        return measured;
    }

    public async Task<Measured> RawAsync(int events, Header header)
    {
        var topic = await NewTopicAsync();
        using var producer = new ProducerBuilder<byte[], byte[]>(new Dictionary<string, string>(s_settings) { ["bootstrap.servers"] = _address }).Build();
        var body = new byte[BodyBytes];
        await producer.ProduceAsync(topic, new Message<byte[], byte[]> { Value = body });
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = events;
        void OnReport(DeliveryReport<byte[], byte[]> report)
        {
            if (report.Error.IsError)
                done.TrySetException(new InvalidOperationException(report.Error.Reason));
            else if (Interlocked.Decrement(ref left) == 0)
                done.TrySetResult();
        }
        var ids = new EventIds(1);
        var same = new Headers { { KafkaIngressOptions.IdHeader, new byte[36] } };
        var begun = Measured.Begin();
        for (var i = 0; i < events; i++)
        {
            var message = new Message<byte[], byte[]> { Value = body };
            if (header == Header.Same)
                message.Headers = same;
            else if (header == Header.Id)
            {
                var id = new byte[36];
                ids.Next(TimeProvider.System.GetUtcNow()).TryFormat(id, out _);
                message.Headers = new Headers { { KafkaIngressOptions.IdHeader, id } };
            }
            while (true)
            {
                try
                {
                    producer.Produce(topic, message, OnReport);
                    break;
                }
                catch (ProduceException<byte[], byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
                {
                    await Task.Delay(1);
                }
            }
        }
        await done.Task;
        return begun.End(events);
    }

    /// <summary>A new topic for each run: what came before must not weigh on it.</summary>
    public async Task<string> NewTopicAsync()
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _address }).Build();
        var name = $"bench-{Environment.ProcessId}-{_topics++}";
        if (_topics > 1)
            await admin.DeleteTopicsAsync([$"bench-{Environment.ProcessId}-{_topics - 2}"]);
        await admin.CreateTopicsAsync([new TopicSpecification { Name = name, NumPartitions = 1, ReplicationFactor = 1 }]);
        return name;
    }
}

/// <summary>What the raw producer sends beside the body.</summary>
internal enum Header
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The same object each time: what the client, the line and the broker take for a header, without making one.</summary>
    Same,

    /// <summary>An id made for it, as the lane sends.</summary>
    Id,
}

/// <summary>What a run took: time, CPU of this process, garbage.</summary>
internal readonly record struct Measured(double Seconds, double CpuMicroseconds, double BytesPerEvent)
{
    public static Run Begin() => new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes(precise: true));

    internal readonly record struct Run(long Start, TimeSpan Cpu, long Bytes)
    {
        public Measured End(int events) => new(
            Stopwatch.GetElapsedTime(Start).TotalSeconds,
            (Environment.CpuUsage.TotalTime - Cpu).TotalMicroseconds / events,
            (GC.GetTotalAllocatedBytes(precise: true) - Bytes) / (double)events);
    }
}
