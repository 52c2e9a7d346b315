using System.Text.Json;

namespace EvBus.Ingress.Kafka.Tests;

public class OptionsTests
{
    private static readonly Dictionary<string, object?> s_connection = new()
    {
        ["bootstrap_servers"] = new List<object?> { "a:1", " b:2 " }, ["client_id"] = "me", ["acks"] = "all", ["compression_type"] = "lz4", ["linger_ms"] = 7L,
        ["max_batch_size"] = 20_000L, ["max_request_size"] = 30_000L, ["request_timeout_ms"] = 40_000L, ["security_protocol"] = "SASL_SSL", ["sasl_mechanism"] = "SCRAM-SHA-256",
        ["sasl_plain_username"] = "user", ["sasl_plain_password"] = "Pa55", ["ssl_check_hostname"] = false,
    };

    private static Profile Profile(params (string Key, object? Value)[] values) => new("kafka", "p", values.ToDictionary(pair => pair.Key, pair => pair.Value));

    private static Dictionary<string, string> Settings(Profile profile) => KafkaIngressOptions.Read(profile).Client.ToDictionary();

    private static IReadOnlyList<string> Errors(params (string Key, object? Value)[] values) => KafkaIngress.Descriptor.Validate!(Profile(values));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_keys_of_the_original_are_settings_of_the_client_under_connection_and_beside_the_topics(bool isNested)
    {
        var profile = isNested
            ? Profile(("connection", s_connection), ("topics", "t"))
            : Profile([.. s_connection.Select(pair => (pair.Key, pair.Value)), ("topics", "t")]);
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["bootstrap.servers"] = "a:1,b:2", ["client.id"] = "me", ["acks"] = "all", ["enable.idempotence"] = "true", ["compression.type"] = "lz4", ["linger.ms"] = "7",
                ["batch.size"] = "20000", ["message.max.bytes"] = "30000", ["socket.timeout.ms"] = "40000", ["security.protocol"] = "SASL_SSL", ["sasl.mechanism"] = "SCRAM-SHA-256",
                ["sasl.username"] = "user", ["sasl.password"] = "Pa55", ["ssl.endpoint.identification.algorithm"] = "none", ["partitioner"] = "murmur2_random", ["log.connection.close"] = "false",
                ["queue.buffering.max.kbytes"] = "131072",
            },
            Settings(profile));
        Assert.Empty(KafkaIngress.Descriptor.Validate!(profile));
    }

    [Fact]
    public void Everything_has_a_default_but_servers_and_topics()
    {
        var options = KafkaIngressOptions.Read(Profile(("bootstrap_servers", "a:1"), ("topics", "t")));
        Assert.Equal(("all", "true", "PLAINTEXT"), (options.Client.Get("acks"), options.Client.Get("enable.idempotence"), options.Client.Get("security.protocol")));
        Assert.Equal(("{key}", KafkaFormat.Body, false, 16_384, null), (options.Key.Text, options.Format, options.IsStrict, options.Window, options.Partition));
        Assert.Equal(2, Errors().Count);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("0")]
    public void Fewer_acks_go_without_idempotence(string acks) =>
        Assert.Equal("false", Settings(Profile(("bootstrap_servers", "a:1"), ("topics", "t"), ("acks", acks)))["enable.idempotence"]);

    [Fact]
    public void What_is_needed_decides_the_protocol_unless_it_is_said()
    {
        string Of(params (string, object?)[] more) => Settings(Profile([("bootstrap_servers", "a:1"), ("topics", "t"), .. more]))["security.protocol"];
        Assert.Equal("SSL", Of(("ssl", true)));
        Assert.Equal("SSL", Of(("properties", new Dictionary<string, object?> { ["ssl.keystore.location"] = "/me.p12" })));
        Assert.Equal("SASL_PLAINTEXT", Of(("login", "u"), ("password", "p")));
        Assert.Equal("SASL_SSL", Of(("username", "u"), ("password", "p"), ("ssl_cafile", "/ca")));
    }

    [Theory]
    [InlineData("nonsense", "x", "kafka/p: nonsense is no key of the Kafka publisher. It has: connection, topics")]
    [InlineData("acks", "2", "kafka/p: acks is '2', but must be one of: all, 1, 0")]
    [InlineData("format", "xml", "kafka/p: format is 'xml', but must be one of: body, cloudevents-binary, cloudevents-structured")]
    [InlineData("window", 0L, "kafka/p: window is 0, but must be from 1 to 100000")]
    [InlineData("partition", "first", "kafka/p: partition must be a whole number")]
    [InlineData("key", "{body}", "kafka/p: key: The template '{body}' has, at position 1, '{body}' is no attribute of an event")]
    [InlineData("topics", "not a topic", "kafka/p: topics: 'not a topic' is no name of a topic")]
    [InlineData("security_protocol", "TLS", "kafka/p: security_protocol must be one of: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL")]
    [InlineData("bootstrap_servers", "SASL_SSL://h:9092", "'SASL_SSL://h:9092' names a protocol. Write host:port alone")]
    [InlineData("bootstrap_servers", "a:1,h:99999", "'h:99999' has a port that is no number from 1 to 65535")]
    [InlineData("bootstrap_servers", "h:", "'h:' has a port that is no number from 1 to 65535")]
    [InlineData("bootstrap_servers", "a:1;b:1", "'a:1;b:1' is no host:port. Write each broker by itself")]
    [InlineData("bootstrap_servers", "::1:9092", "'::1:9092' is no host:port. An address of IPv6 stands in brackets")]
    [InlineData("sasl_mechanism", "OAUTHBEARER", "sasl_mechanism must be one of: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; or OAUTHBEARER with sasl.oauthbearer.method: oidc")]
    [InlineData("sasl_mechanism", "GSSAPI", "sasl_mechanism must be one of")]
    [InlineData("record_time", "now", "record_time is 'now', but must be one of: event, sending")]
    [InlineData("username", "u", "kafka/p: sasl_plain_username and sasl_plain_password are both needed by PLAIN")]
    [InlineData("compression_type", "rar", "librdkafka refuses the settings: Invalid value \"rar\" for configuration property \"compression.codec\"")]
    [InlineData("ssl_cafile", "/nowhere/ca.pem", "librdkafka refuses the settings: ssl.ca.location failed")]
    public void What_cannot_work_is_said_with_its_place_and_the_remedy(string key, object value, string expected)
    {
        var values = new Dictionary<string, object?> { ["bootstrap_servers"] = "a:1", ["topics"] = "t", [key] = value };
        Assert.Contains(expected, Assert.Single(KafkaIngress.Descriptor.Validate!(new Profile("kafka", "p", values))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no.such.setting", "1", "No such configuration property: \"no.such.setting\"")]
    [InlineData("message.timeout.ms", "1", "kafka/p/properties: message.timeout.ms cannot be set here. Use: message_timeout_ms")]
    [InlineData("plugin.library.paths", "/x.so", "kafka/p/properties: plugin.library.paths cannot be set here. Use: nothing: a profile loads no code into the program")]
    [InlineData("ssl.engine.location", "/x.so", "loads no code")]
    [InlineData("ssl.providers", "legacy", "loads no code")]
    [InlineData("dotnet.producer.enable.delivery.reports", "false", "is the publisher's own affair")]
    public void Properties_are_librdkafka_s_but_not_all_may_be_set(string name, string value, string expected) => Assert.Contains(
        expected, Assert.Single(Errors(("bootstrap_servers", "a:1"), ("topics", "t"), ("properties", new Dictionary<string, object?> { [name] = value }))), StringComparison.Ordinal);

    [Fact]
    public void Names_are_checked_with_TLS_whatever_the_client_s_version_would_do_by_itself()
    {
        Assert.Equal("https", Settings(Profile(("bootstrap_servers", "a:1"), ("topics", "t"), ("ssl", true)))["ssl.endpoint.identification.algorithm"]);
        Assert.Equal("none", Settings(Profile(("bootstrap_servers", "a:1"), ("topics", "t"), ("ssl", true), ("ssl_check_hostname", false)))["ssl.endpoint.identification.algorithm"]);
    }

    [Fact]
    public void An_encrypted_key_without_its_password_is_said_in_words()
    {
        var path = Path.GetTempFileName();
        try
        {
            using var key = System.Security.Cryptography.ECDsa.Create();
            var parameters = new System.Security.Cryptography.PbeParameters(System.Security.Cryptography.PbeEncryptionAlgorithm.Aes128Cbc, System.Security.Cryptography.HashAlgorithmName.SHA256, 1000);
            File.WriteAllText(path, key.ExportEncryptedPkcs8PrivateKeyPem("k3y-password", parameters));
            Assert.Equal(
                "Profile kafka/p: ssl_keyfile: the private key is encrypted. Set ssl_password to its password.",
                Assert.Single(Errors(("bootstrap_servers", "a:1"), ("topics", "t"), ("ssl", true), ("ssl_keyfile", path))));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_password_in_clear_text_to_another_machine_is_seen()
    {
        bool Shown(string servers, params (string, object?)[] more) =>
            KafkaIngressOptions.Read(Profile([("bootstrap_servers", servers), ("topics", "t"), ("username", "u"), ("password", "p"), .. more])).Client.ShowsLogin;
        Assert.True(Shown("kafka.example.org:9092"));
        Assert.True(Shown("127.0.0.1:1,10.0.0.7:9092"));
        Assert.False(Shown("127.0.0.1:1,[::1]:9092,localhost"));
        Assert.False(Shown("kafka.example.org:9092", ("ssl", true)));
        Assert.False(Shown("kafka.example.org:9092", ("sasl_mechanism", "SCRAM-SHA-512")));
    }

    [Fact]
    public void Properties_come_before_defaults() => Assert.Equal(
        "consistent", Settings(Profile(("bootstrap_servers", "a:1"), ("topics", "t"), ("properties", new Dictionary<string, object?> { ["partitioner"] = "consistent" })))["partitioner"]);

    [Fact]
    public void All_errors_come_at_once_and_none_with_a_secret()
    {
        var errors = Errors(("bootstrap_servers", "a:1"), ("topics", "t"), ("sasl_plain_password", "Pa55-word"), ("security_protocol", "TLS"), ("format", "xml"), ("window", 0L), ("connection", new Dictionary<string, object?> { ["password"] = "Pa55-word", ["x"] = 1L }));
        Assert.True(errors.Count >= 5, string.Join('\n', errors));
        Assert.DoesNotContain(errors, error => error.Contains("Pa55-word", StringComparison.Ordinal));
    }

    [Fact]
    public void Options_print_no_secret()
    {
        var options = KafkaIngressOptions.Read(Profile(("connection", s_connection), ("topics", "t")));
        Assert.DoesNotContain("Pa55", options.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Pa55", JsonSerializer.Serialize(options), StringComparison.Ordinal);
        Assert.Equal("***", options.Client.ToString());
        Assert.Equal("a *** b", options.Client.Redact("a Pa55 b (after 12ms in state AUTH_REQ, 3 identical error(s) suppressed)"));
    }

    [Fact]
    public void The_example_is_a_profile_that_works()
    {
        Assert.Equal(["events"], KafkaIngress.Descriptor.Destinations!(Profile(("topics", "events"))));
        Assert.Contains("bootstrap_servers", KafkaIngress.Descriptor.Example, StringComparison.Ordinal);
    }

    [Fact]
    public void The_profile_s_time_out_counts_and_is_half_of_the_lane_s_by_default()
    {
        TimeSpan Of(int call, TimeSpan? asked) => new KafkaTuning(new KafkaIngressOptions { MessageTimeout = asked }, "t", TimeSpan.FromSeconds(call), TimeProvider.System).MessageTimeout;
        Assert.Equal(TimeSpan.FromSeconds(15), Of(30, null));
        Assert.Equal(TimeSpan.FromSeconds(7), Of(30, TimeSpan.FromSeconds(7)));
        Assert.Equal(TimeSpan.FromSeconds(60), Of(30, TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public void The_window_grows_as_events_are_confirmed_and_shrinks_when_that_takes_long()
    {
        var tuning = new KafkaTuning(new KafkaIngressOptions { Window = 4000 }, "t", TimeSpan.FromSeconds(30), TimeProvider.System);
        Assert.Equal(1024, tuning.Window);
        tuning.Delivered(500, TimeSpan.FromMilliseconds(10));
        Assert.Equal(1524, tuning.Window);
        for (var i = 0; i < 10; i++)
            tuning.Delivered(500, TimeSpan.FromMilliseconds(10));
        Assert.Equal(4000, tuning.Window);
        tuning.Delivered(500, TimeSpan.FromSeconds(10));
        Assert.Equal(3000, tuning.Window);
        tuning.BrokenBy(Breach.TimedOut);
        Assert.Equal(750, tuning.Window);
    }

    [Fact]
    public void A_request_that_cannot_cross_a_slow_line_in_time_is_made_smaller()
    {
        var tuning = new KafkaTuning(new KafkaIngressOptions(), "t", TimeSpan.FromSeconds(30), TimeProvider.System);
        var settings = new Dictionary<string, string>();
        tuning.Apply(settings);
        Assert.False(settings.ContainsKey("batch.size"));
        tuning.BrokenBy(Breach.TimedOut);
        tuning.Apply(settings);
        Assert.Equal("16384", settings["batch.size"]);
        for (var i = 0; i < 5; i++)
            tuning.BrokenBy(Breach.TimedOut);
        tuning.Apply(settings);
        Assert.Equal("1024", settings["batch.size"]);

        // One event does not get smaller than it is: it gets more time, up to ten minutes.
        Assert.InRange(tuning.MessageTimeout, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10));
        for (var i = 0; i < 20; i++)
            tuning.BrokenBy(Breach.TimedOut);
        Assert.Equal(TimeSpan.FromMinutes(10), tuning.MessageTimeout);

        // Confirmed as fast as ever, until the window is as wide as ever.
        for (var i = 0; i < 40; i++)
            tuning.Delivered(500, TimeSpan.FromMilliseconds(5));
        Assert.True(tuning.IsStale);
        settings.Clear();
        tuning.Apply(settings);
        Assert.False(settings.ContainsKey("batch.size"));
        Assert.False(tuning.IsStale);
    }
}
