using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>The cluster of several brokers that librdkafka carries for tests: the real protocol, in memory, with faults on demand. For what one real broker cannot show.</summary>
internal sealed class MockCluster : IDisposable
{
    private const string Library = "rdkafka";
    private const short Produce = 0;

    private readonly IntPtr _client;
    private readonly IntPtr _cluster;

    static MockCluster() => NativeLibrary.SetDllImportResolver(typeof(MockCluster).Assembly, static (name, assembly, _) =>
        name != Library ? IntPtr.Zero
        : NativeLibrary.TryLoad("librdkafka.so.1", out var handle) ? handle
        : NativeLibrary.Load("librdkafka", assembly, null));

    public MockCluster(int brokers)
    {
        var error = new byte[512];
        var settings = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(settings, IntPtr.Zero);
        _client = rd_kafka_new(0, settings, error, error.Length);
        Assert.True(_client != IntPtr.Zero, Encoding.UTF8.GetString(error));
        _cluster = rd_kafka_mock_cluster_new(_client, brokers);
        Servers = Marshal.PtrToStringUTF8(rd_kafka_mock_cluster_bootstraps(_cluster))!;
    }

    public string Servers { get; }

    public string NewTopic(int replicas)
    {
        var name = Given.NewName();
        Assert.Equal(0, rd_kafka_mock_topic_create(_cluster, name, 1, replicas));
        return name;
    }

    public void SetLeader(string topic, int broker) => Assert.Equal(0, rd_kafka_mock_partition_set_leader(_cluster, topic, 0, broker));

    public void SetDown(int broker) => Assert.Equal(0, rd_kafka_mock_broker_set_down(_cluster, broker));

    public void SetUp(int broker) => Assert.Equal(0, rd_kafka_mock_broker_set_up(_cluster, broker));

    /// <summary>The next so many requests to store events are answered with this error.</summary>
    public void FailNext(int count, Confluent.Kafka.ErrorCode error) =>
        rd_kafka_mock_push_request_errors_array(_cluster, Produce, count, [.. Enumerable.Repeat((int)error, count)]);

    public void Mend() => rd_kafka_mock_clear_request_errors(_cluster, Produce);

    public void Dispose()
    {
        rd_kafka_mock_cluster_destroy(_cluster);
        rd_kafka_destroy(_client);
    }

    /// <summary>Makes a producer fail for good, as an answer of the brokers would.</summary>
    public static void Fence(object producer)
    {
        // The client keeps its native handle to itself.
        const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
        var handle = producer.GetType().GetProperty("KafkaHandle", Any)!.GetValue(producer)!;
        Assert.Equal(0, rd_kafka_test_fatal_error(((SafeHandle)handle).DangerousGetHandle(), (int)Confluent.Kafka.ErrorCode.InvalidProducerEpoch, "fenced by the test"));
    }

#pragma warning disable CA2101, SYSLIB1054 // The native functions by their own names; texts are UTF-8.
    [DllImport(Library)]
    private static extern IntPtr rd_kafka_conf_new();

    [DllImport(Library)]
    private static extern void rd_kafka_conf_set_log_cb(IntPtr conf, IntPtr callback);

    [DllImport(Library)]
    private static extern IntPtr rd_kafka_new(int type, IntPtr conf, byte[] error, nint errorLength);

    [DllImport(Library)]
    private static extern void rd_kafka_destroy(IntPtr client);

    [DllImport(Library)]
    private static extern int rd_kafka_test_fatal_error(IntPtr client, int error, [MarshalAs(UnmanagedType.LPUTF8Str)] string reason);

    [DllImport(Library)]
    private static extern IntPtr rd_kafka_mock_cluster_new(IntPtr client, int brokers);

    [DllImport(Library)]
    private static extern void rd_kafka_mock_cluster_destroy(IntPtr cluster);

    [DllImport(Library)]
    private static extern IntPtr rd_kafka_mock_cluster_bootstraps(IntPtr cluster);

    [DllImport(Library)]
    private static extern int rd_kafka_mock_topic_create(IntPtr cluster, [MarshalAs(UnmanagedType.LPUTF8Str)] string topic, int partitions, int replicas);

    [DllImport(Library)]
    private static extern int rd_kafka_mock_partition_set_leader(IntPtr cluster, [MarshalAs(UnmanagedType.LPUTF8Str)] string topic, int partition, int broker);

    [DllImport(Library)]
    private static extern int rd_kafka_mock_broker_set_down(IntPtr cluster, int broker);

    [DllImport(Library)]
    private static extern int rd_kafka_mock_broker_set_up(IntPtr cluster, int broker);

    [DllImport(Library)]
    private static extern void rd_kafka_mock_push_request_errors_array(IntPtr cluster, short api, nint count, int[] errors);

    [DllImport(Library)]
    private static extern void rd_kafka_mock_clear_request_errors(IntPtr cluster, short api);
#pragma warning restore CA2101, SYSLIB1054
}
