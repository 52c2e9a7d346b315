using System.Globalization;
using EvBus.Brokers;

namespace EvBus.Benchmarks;

/// <summary>
/// What else costs a lane to a broker: a neighbour that is dead, and a journal on disk. Ours against ours, so both figures are of the bus: with it, and without it.
/// Bodies of 256 bytes, from the first put to the last confirmation by the brokers.
/// </summary>
internal static class BrokerCases
{
    public static readonly string[] Names = ["dead-neighbour", "rabbitmq-durable", "kafka-durable", "tester-rabbitmq", "tester-kafka"];

    private const int Body = 256;
    private const int UnderWay = 1024;

    public static async Task<int> MainAsync(string[] args)
    {
        var (json, quick) = (args.Contains("--json"), args.Contains("--quick"));
        var wanted = args.Where(arg => !arg.StartsWith('-')).ToArray();
        if (Array.Find(wanted, name => !Names.Contains(name)) is { } unknown)
        {
            Console.Error.WriteLine($"There is no case '{unknown}'. There are: {string.Join(", ", Names)}.");
            return 2;
        }
        bool Want(string name) => wanted.Length == 0 || wanted.Contains(name);
        await using var rabbit = await RabbitMqBroker.FindAsync();
        if (rabbit is null)
        {
            Console.Error.WriteLine("There is no RabbitMQ: install rabbitmq-server, or name a running one in EVBUS_TEST_AMQP.");
            return 2;
        }
        await using var kafka = await KafkaCase.StartAsync();
        var pairs = quick ? 3 : 11;
        if (Want("dead-neighbour"))
        {
            Task<Run> Lanes(bool withDead) => InBothAsync(rabbit, kafka, profiles => RunAsync(withDead ? [.. profiles, Dead] : profiles, quick ? 20_000 : 60_000, UnderWay, durable: false));
            await BrokerPairs.RunAsync("dead-neighbour", pairs, json, () => Lanes(true), () => Lanes(false), ("with", "without"));
        }
        if (Want("rabbitmq-durable"))
        {
            Task<Run> Lane(bool durable) => RabbitMqCases.InQueueAsync(rabbit, "classic", queue => RunAsync([Rabbit(rabbit, queue)], quick ? 20_000 : 60_000, UnderWay, durable));
            await BrokerPairs.RunAsync("rabbitmq-durable", pairs, json, () => Lane(true), () => Lane(false), ("disk", "memory"));
        }
        if (Want("kafka-durable"))
        {
            async Task<Run> Lane(bool durable) => await RunAsync([Kafka(kafka, await kafka.NewTopicAsync())], quick ? 100_000 : 300_000, UnderWay, durable);
            await BrokerPairs.RunAsync("kafka-durable", pairs, json, () => Lane(true), () => Lane(false), ("disk", "memory"));
        }
        if (Want("tester-rabbitmq"))
            await TesterCase.RabbitMqAsync(rabbit, pairs);
        if (Want("tester-kafka"))
            await TesterCase.KafkaAsync(kafka, pairs);
        return 0;
    }

    /// <summary>Nobody listens at port 1.</summary>
    private static Profile Dead => new("rabbitmq", "dead", new Dictionary<string, object?> { ["connection"] = new Dictionary<string, object?> { ["url"] = "amqp://127.0.0.1:1" }, ["ingress_channels"] = "dead" });

    private static Profile Rabbit(RabbitMqBroker broker, string queue) =>
        new("rabbitmq", "bench", new Dictionary<string, object?> { ["connection"] = new Dictionary<string, object?> { ["url"] = broker.Url }, ["ingress_channels"] = queue });

    private static Profile Kafka(KafkaCase kafka, string topic) => new("kafka", "bench", new Dictionary<string, object?> { ["bootstrap_servers"] = kafka.Address, ["topics"] = topic });

    private static Task<Run> InBothAsync(RabbitMqBroker rabbit, KafkaCase kafka, Func<Profile[], Task<Run>> run) =>
        RabbitMqCases.InQueueAsync(rabbit, "classic", async queue => await run([Rabbit(rabbit, queue), Kafka(kafka, await kafka.NewTopicAsync())]));

    private static async Task<Run> RunAsync(Profile[] profiles, int events, int underWay, bool durable)
    {
        var folder = durable ? Directory.CreateTempSubdirectory("evbus-bench-").FullName : null;
        try
        {
            await using var bus = await EventBus.StartAsync(o =>
            {
                o.Options = o.Options with { Seed = 1, StopTimeout = TimeSpan.Zero };
                if (folder is not null)
                    o.Options = o.Options with { Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = folder } };
                o.AddProfiles(new FixedProfiles(profiles)).AddRabbitMq().AddKafka();
            });
            var receipt = durable ? Receipt.Durable : Receipt.Accepted;
            await PutAsync(bus, events / 10, underWay, receipt);
            var run = await Run.MeasureAsync(events, () => PutAsync(bus, events, underWay, receipt));
            foreach (var lane in Living(bus))
            {
                if (lane.Delivered != events + (events / 10) || lane.Retried > 0)
                    throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"Not a clean run of {lane.Id}: {lane.Delivered} delivered, {lane.Retried} retried. {lane.Trouble}"));
            }
            return run;
        }
        finally
        {
            if (folder is not null)
                Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<LaneStatus> Living(EventBus bus) => bus.GetStatus().Lanes.Where(lane => !lane.Id.Contains("dead", StringComparison.Ordinal));

    private static async Task PutAsync(EventBus bus, int events, int underWay, Receipt receipt)
    {
        var left = events;
        await Task.WhenAll(Enumerable.Range(0, underWay).Select(_ => Task.Run(async () =>
        {
            var evt = new BusEvent(new byte[Body]);
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var put = await bus.PutAsync(evt, receipt);
                if (!put.IsAccepted)
                    throw new InvalidOperationException($"The bus refused an event: {put}");
            }
        })));
        while (Living(bus).Any(lane => lane.Queued > 0))
            await Task.Delay(1);
    }
}
