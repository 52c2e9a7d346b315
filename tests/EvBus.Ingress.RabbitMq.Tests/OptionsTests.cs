using System.Text.Json;

namespace EvBus.Ingress.RabbitMq.Tests;

public sealed class OptionsTests
{
    private static Profile Profile(params (string Key, object? Value)[] values) => new("pika", "default", values.ToDictionary(each => each.Key, each => each.Value));

    private static Dictionary<string, object?> Map(params (string Key, object? Value)[] values) => values.ToDictionary(each => each.Key, each => each.Value);

    private static string[] Errors(params (string Key, object? Value)[] values)
    {
        Assert.Null(RabbitMqOptionsReader.TryRead(Profile(values), out var errors));
        return [.. errors];
    }

    [Fact]
    public void The_old_shape_is_read_with_login_or_username()
    {
        foreach (var name in new[] { "login", "username" })
        {
            var options = RabbitMqOptions.Read(Profile(("host", "h"), ("port", "5673"), (name, "me"), ("password", "pw"), ("ingress_channels", new object?[] { "a", "b" })));
            Assert.Equal([("h", 5673)], options.Connection.Hosts);
            Assert.Equal(("me", "pw", "/"), (options.Connection.Login, options.Connection.Password, options.Connection.VirtualHost));
            Assert.Equal(["a", "b"], options.Channels);
            Assert.Equal(("", true, true), (options.Exchange, options.IsMandatory, options.IsPersistent));
            Assert.Null(options.Connection.Tls);
        }
    }

    [Fact]
    public void Each_channel_is_a_destination_and_one_routing_key_is_none()
    {
        var descriptor = RabbitMqIngress.Descriptor;
        Assert.Equal(["a", "b"], descriptor.Destinations!(Profile(("ingress_channels", new object?[] { "a", "b" }))));
        Assert.Empty(descriptor.Destinations!(Profile(("exchange", "default"), ("routing_key", "q"))));
        Assert.All(["pika", "amqp", "rabbitmq"], name => Assert.True(descriptor.GoesBy(name)));
    }

    [Fact]
    public void The_new_shape_is_read()
    {
        var options = RabbitMqOptions.Read(Profile(
            ("connection", Map(("host", "h"), ("login", "me"), ("password", "pw"), ("virtualhost", "v"), ("ssl", true), ("ssl_options", Map(("cafile", "ca.pem"))), ("client_properties", Map(("team", "x"))))),
            ("exchange", "events"),
            ("routing_key", "a.{type}"),
            ("timeout", 5L)));
        Assert.Equal([("h", 5671)], options.Connection.Hosts);
        Assert.Equal(("v", "ca.pem", "x"), (options.Connection.VirtualHost, options.Connection.Tls!.CaFile, options.Connection.ClientProperties["team"]));
        Assert.Equal(("events", "a.{type}", TimeSpan.FromSeconds(5)), (options.Exchange, options.RoutingKey, options.Connection.Timeout));
    }

    [Theory]
    [InlineData("amqp://me:p%40ss@h:1234/v%2Fw", "h", 1234, "me", "p@ss", "v/w", false)]
    [InlineData("amqps://h", "h", 5671, "guest", "guest", "/", true)]
    [InlineData("amqp://h/%2F", "h", 5672, "guest", "guest", "/", false)]
    [InlineData("amqps://h/v?cafile=%2Fca.pem&heartbeat=7", "h", 5671, "guest", "guest", "v", true)]
    public void A_url_is_read(string url, string host, int port, string login, string password, string virtualHost, bool isTls)
    {
        var connection = RabbitMqOptions.Read(Profile(("connection", Map(("url", url))), ("routing_key", "q"))).Connection;
        Assert.Equal([(host, port)], connection.Hosts);
        Assert.Equal((login, password, virtualHost, isTls), (connection.Login, connection.Password, connection.VirtualHost, connection.Tls is not null));
    }

    [Fact]
    public void Several_hosts_are_read()
    {
        var options = RabbitMqOptions.Read(Profile(("hosts", new object?[] { "a", "b:5673", "[::1]:5674", "::1" }), ("ingress_channels", "q")));
        Assert.Equal([("a", 5672), ("b", 5673), ("::1", 5674), ("::1", 5672)], options.Connection.Hosts);
    }

    [Fact]
    public void Everything_else_is_read()
    {
        var options = RabbitMqOptions.Read(Profile(
            ("exchange", "e"), ("declare", "active"), ("exchange_type", "fanout"), ("durable", false), ("queue_type", "quorum"), ("bindings", Map(("q", new object?[] { "a", "b" }), ("r", null))),
            ("mandatory", "no"), ("persistent", "off"), ("headers", Map(("site", "north"))), ("priority", 7L), ("expiration", "90s"), ("format", "cloudevents-binary"), ("ordering", "strict"),
            ("confirm_timeout", "20s")));
        Assert.Equal(("e", RabbitMqDeclare.Active, "fanout", false, "quorum"), (options.Exchange, options.Declare, options.ExchangeType, options.IsDurable, options.QueueType));
        Assert.Equal([new("q", "a"), new("q", "b"), new("r", "")], options.Bindings);
        Assert.Equal((false, false, "north", (byte?)7), (options.IsMandatory, options.IsPersistent, options.Headers["site"], options.Priority));
        Assert.Equal((TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(20)), (options.Expiration, options.ConfirmTimeout));
        Assert.Equal((RabbitMqFormat.CloudEventsBinary, true), (options.Format, options.IsStrict));
    }

    [Fact]
    public void What_cannot_work_is_said_all_at_once_with_place_and_remedy()
    {
        var errors = Errors(("hosst", "h"), ("port", 99999L), ("declare", "maybe"), ("priority", 256L), ("expiration", "soon"), ("login", "a"), ("username", "b"), ("ssl_options", Map(("cafile", "x"))));
        Assert.Equal(8, errors.Length);
        Assert.Contains(errors, error => error.StartsWith("Profile pika/default: hosst is no key of the RabbitMQ publisher.", StringComparison.Ordinal));
        Assert.Contains(errors, error => error == "Profile pika/default: declare must be one of: none, passive, active.");
        Assert.Contains(errors, error => error.Contains("ingress_channels is missing", StringComparison.Ordinal));
        Assert.Contains(errors, error => error.Contains("login and username mean the same", StringComparison.Ordinal));
        Assert.Contains(errors, error => error.Contains("TLS is off", StringComparison.Ordinal));
    }

    [Fact]
    public void A_routing_key_that_cannot_work_is_refused()
    {
        Assert.Contains("is no template", Assert.Single(Errors(("routing_key", "{nothing}"))), StringComparison.Ordinal);
        Assert.Contains("cannot stand beside ingress_channels", Assert.Single(Errors(("routing_key", "a"), ("ingress_channels", "q"))), StringComparison.Ordinal);
        Assert.Contains("255", Assert.Single(Errors(("routing_key", new string('a', 256)))), StringComparison.Ordinal);
    }

    [Fact]
    public void Times_beyond_their_range_are_refused_with_the_range() =>
        Assert.EndsWith("from 1s to 10m.", Assert.Single(Errors(("ingress_channels", "q"), ("confirm_timeout", "500ms"))), StringComparison.Ordinal);

    [Theory]
    [InlineData("http://user:topsecret@h")]
    [InlineData("topsecret")]
    [InlineData("amqp://user:topsecret@h?password=topsecret")]
    [InlineData("amqp://user:topsecret@h:port")]
    public void A_wrong_url_is_never_repeated(string url) =>
        Assert.All(Errors(("connection", Map(("url", url))), ("routing_key", "q")), error => Assert.DoesNotContain("topsecret", error, StringComparison.Ordinal));

    [Theory]
    [InlineData("amqp://h/v?heartbeat=0", "heartbeat that must be a number of seconds from 1 to 600")]
    [InlineData("amqp://h/v?heartbeat=60s", "heartbeat that must be")]
    [InlineData("amqp://h/v?timeout=1000", "timeout that must be")]
    [InlineData("amqp://h/v?connection_timeout=500", "milliseconds from 1000 to 600000")]
    [InlineData("amqp://h/v?auth=kerberos", "none of: plain, external")]
    [InlineData("amqp://h/v?cafile=x", "has cafile, but TLS is off")]
    [InlineData("amqps://h/v?no_verify_ssl=yes", "none of: 0, 1, true, false")]
    [InlineData("amqp://h/my#v", "Write it %23")]
    [InlineData("amqp://topsecret:1/2@h", "write %2F, %3F and %40")]
    public void What_a_url_says_in_vain_is_an_error(string url, string expected)
    {
        var errors = Errors(("connection", Map(("url", url))), ("routing_key", "q"));
        Assert.Contains(errors, error => error.Contains(expected, StringComparison.Ordinal));
        Assert.All(errors, error => Assert.DoesNotContain("topsecret", error, StringComparison.Ordinal));
    }

    [Fact]
    public void A_url_s_timeouts_name_and_dots_count()
    {
        var connection = RabbitMqOptions.Read(Profile(("connection", Map(("url", "amqp://h/%2E%2E?connection_timeout=30000&name=mine&heartbeat=9"))), ("routing_key", "q"))).Connection;
        Assert.Equal((TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(9)), (connection.Timeout, connection.Heartbeat));
        Assert.Equal(("..", "mine"), (connection.VirtualHost, connection.ClientProperties["connection_name"]));
    }

    [Fact]
    public void What_stands_twice_is_an_error()
    {
        var errors = Errors(
            ("connection", Map(("url", "amqps://h:1/v?heartbeat=5&auth=plain&cafile=x"), ("heartbeat", 5L), ("port", 1L), ("sasl", "plain"), ("ssl_options", Map(("cafile", "y"))))), ("routing_key", "q"));
        Assert.Equal(4, errors.Length);
        Assert.All(errors, error => Assert.Contains("Keep one of them.", error, StringComparison.Ordinal));
    }

    [Fact]
    public void Headers_keep_their_types_and_what_cannot_be_one_is_refused()
    {
        var options = RabbitMqOptions.Read(Profile(
            ("routing_key", "q"), ("headers", Map(("n", 5L), ("b", true), ("d", 0.5), ("t", "5"), ("x-delay", "{ext:delay|0}"))), ("header_types", Map(("x-delay", "int")))));
        Assert.Equal((5L, true, 0.5), (options.HeaderValues["n"], options.HeaderValues["b"], options.HeaderValues["d"]));
        Assert.Equal(("5", RabbitMqHeaderType.Integer), (options.Headers["t"], options.HeaderTypes["x-delay"]));
        Assert.Contains("no text among headers", Assert.Single(Errors(("routing_key", "q"), ("header_types", Map(("x", "int"))))), StringComparison.Ordinal);
        Assert.Contains("is not what header_types says", Assert.Single(Errors(("routing_key", "q"), ("headers", Map(("x", "five"))), ("header_types", Map(("x", "int"))))), StringComparison.Ordinal);
        Assert.Contains("255", Assert.Single(Errors(("routing_key", "q"), ("headers", Map((new string('h', 300), "v"))))), StringComparison.Ordinal);
        Assert.Contains("one value", Assert.Single(Errors(("routing_key", "q"), ("headers", Map(("x", new object?[] { 1L }))))), StringComparison.Ordinal);
    }

    [Fact]
    public void Arguments_are_read_with_their_types_and_refused_where_nothing_is_declared()
    {
        var options = RabbitMqOptions.Read(Profile(
            ("exchange", "e"), ("declare", "active"), ("queue_arguments", Map(("x-max-length", 10L))), ("exchange_arguments", Map(("alternate-exchange", "a"))),
            ("bindings", Map(("q", Map(("routing_key", "k"), ("arguments", Map(("x-match", "any"), ("level", 5L)))))))));
        Assert.Equal((10L, "a"), (options.QueueArguments["x-max-length"], options.ExchangeArguments["alternate-exchange"]));
        var binding = Assert.Single(options.Bindings);
        Assert.Equal(("q", "k", 5L), (binding.Queue, binding.RoutingKey, binding.Arguments["level"]));
        Assert.Contains("declare is not active", Assert.Single(Errors(("ingress_channels", "q"), ("queue_arguments", Map(("x-max-length", 10L))))), StringComparison.Ordinal);
        Assert.Contains("must be false", Assert.Single(Errors(("exchange", "e"), ("exchange_type", "x-delayed-message"))), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_print_no_secret_anywhere()
    {
        var options = RabbitMqOptions.Read(Profile(("login", "loginsecret"), ("password", "topsecret"), ("ingress_channels", "q"), ("client_properties", Map(("team", "topsecret"))), ("ssl", true), ("ssl_options", Map(("keyfile_password", "topsecret"), ("certfile", "c")))));
        Assert.All([.. typeof(RabbitMqConnectionOptions).GetProperties(), .. typeof(RabbitMqTlsOptions).GetProperties()], property => Assert.False(property.Name is "Login" or "Password" or "KeyPassword" && property.GetMethod!.IsPublic));
        foreach (var text in new[] { options.ToString(), options.Connection.ToString(), options.Connection.Tls!.ToString(), JsonSerializer.Serialize(options), JsonSerializer.Serialize(options.Connection), $"{options}" })
        {
            Assert.DoesNotContain("topsecret", text, StringComparison.Ordinal);
            Assert.DoesNotContain("loginsecret", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_key_of_the_example_is_one() =>
        Assert.All(
            RabbitMqIngress.Descriptor.Example.Split('\n').Skip(2).Select(line => line.Split('#')[0].Trim()).Where(line => line.Contains(": ", StringComparison.Ordinal)).Select(line => line.Split(':')[0]),
            key => Assert.DoesNotContain(
                Errors((key, null), ("no such key", 1L)), error => error.StartsWith($"Profile pika/default: {key} is no key", StringComparison.Ordinal) && key is not ("cafile" or "certfile" or "orders")));
}
