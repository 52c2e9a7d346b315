namespace EvBus.Brokers;

/// <summary>
/// Where a Kafka to start is looked for: EVBUS_KAFKA_HOME, KAFKA_HOME, the folder shared/kafka beside the project, then a container image apache/kafka on this machine.
/// A home is what Apache ships (its jars in libs) or a folder with the jars in lib.
/// </summary>
internal static class KafkaHome
{
    public const string None = "No Kafka to start was found. Set EVBUS_KAFKA_HOME (or KAFKA_HOME) to the folder of an Apache Kafka 4, with Java 17 on the PATH, have the image apache/kafka on this machine, or EVBUS_TEST_KAFKA to the address of one that runs.";

    /// <summary>The folder with the jars; null when there is none.</summary>
    public static string? Jars { get; } = Find();

    /// <summary>A broker that runs already, host:port; null when none was named.</summary>
    public static string? Running { get; } = Environment.GetEnvironmentVariable("EVBUS_TEST_KAFKA") is { Length: > 0 } address ? address : null;

    private static string? Find()
    {
        var homes = new List<string?> { Environment.GetEnvironmentVariable("EVBUS_KAFKA_HOME"), Environment.GetEnvironmentVariable("KAFKA_HOME") };
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "EvBus.sln")) && folder.Parent is { } beside)
                homes.Add(Path.Combine(beside.FullName, "shared", "kafka"));
        }
        return homes.Where(home => !string.IsNullOrEmpty(home))
            .SelectMany(home => new[] { Path.Combine(home!, "libs"), Path.Combine(home!, "lib") })
            .FirstOrDefault(folder => Directory.Exists(folder) && Directory.EnumerateFiles(folder, "kafka*.jar").Any())
            ?? KafkaImage.Jars("docker", Path.Combine(Path.GetTempPath(), "evbus-kafka-images"));
    }
}
