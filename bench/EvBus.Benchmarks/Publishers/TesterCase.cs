using System.Diagnostics;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using EvBus.Brokers;
using RabbitMQ.Client;

namespace EvBus.Benchmarks;

/// <summary>
/// 100,000 lines through a pipe into <c>evbus-test</c> and from there to a broker, with the start and the end of the process, against what the Python original does
/// from within: 218 events/s to RabbitMQ and 245 to Kafka, measured once with the same brokers. Each run is counted at the broker.
/// </summary>
internal static class TesterCase
{
    public const double OriginalRabbitMq = 218;
    public const double OriginalKafka = 245;

    private const int Lines = 100_000;

    public static Task RabbitMqAsync(RabbitMqBroker broker, int runs) => MeasureAsync("tester-rabbitmq", OriginalRabbitMq, runs, async () =>
    {
        var seconds = 0.0;
        await RabbitMqCases.InQueueAsync(broker, "classic", async queue =>
        {
            seconds = await RunAsync($"rabbitmq:\n  bench:\n    connection: {{url: '{broker.Url}'}}\n    ingress_channels: [{queue}]\n");
            await using var connection = await new ConnectionFactory { Uri = new Uri(broker.Url) }.CreateConnectionAsync();
            await using var channel = await connection.CreateChannelAsync();
            MustBe(await channel.MessageCountAsync(queue));
            return default;
        });
        return seconds;
    });

    public static Task KafkaAsync(KafkaCase kafka, int runs) => MeasureAsync("tester-kafka", OriginalKafka, runs, async () =>
    {
        var topic = await kafka.NewTopicAsync();
        var seconds = await RunAsync($"kafka:\n  bench:\n    bootstrap_servers: {kafka.Address}\n    topics: [{topic}]\n");
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = kafka.Address, GroupId = topic }).Build();
        var offsets = consumer.QueryWatermarkOffsets(new TopicPartition(topic, 0), TimeSpan.FromSeconds(30));
        MustBe((ulong)(offsets.High - offsets.Low));
        return seconds;
    });

    private static async Task MeasureAsync(string name, double original, int runs, Func<Task<double>> run)
    {
        var rates = new double[runs];
        for (var i = 0; i < runs; i++)
            rates[i] = Lines / await run();
        Array.Sort(rates);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name,-22} {rates[runs / 2],9:N0}/s ({rates[0]:N0}..{rates[^1]:N0}, {runs} runs)  {rates[runs / 2] / original:N0} times the original ({original:N0}/s), at least {rates[0] / original:N0}"));
    }

    private static void MustBe(ulong count)
    {
        if (count != Lines)
            throw new InvalidOperationException($"The broker has {count} of {Lines} events.");
    }

    private static async Task<double> RunAsync(string acct)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-bench-").FullName;
        try
        {
            var file = Path.Combine(folder, "acct.yml");
            await File.WriteAllTextAsync(file, acct);
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            var lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, Lines).Select(number => string.Create(CultureInfo.InvariantCulture, $"{number}\n"))));
            var began = Stopwatch.GetTimestamp();
            var start = new ProcessStartInfo("dotnet", [Tester(), "--input", "-", "--quiet", "--acct-file", file]) { RedirectStandardInput = true, RedirectStandardError = true };
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            await process.StandardInput.BaseStream.WriteAsync(lines);
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? Stopwatch.GetElapsedTime(began).TotalSeconds : throw new InvalidOperationException($"evbus-test ended with {process.ExitCode}: {await errors}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Tester()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "EvBus.sln")))
                return Path.Combine(folder.FullName, "tools", "evbus-test", "bin", "Release", "net10.0", "evbus-test.dll");
        }
        throw new InvalidOperationException("Run it from within the project's folder: evbus-test is looked for there.");
    }
}
