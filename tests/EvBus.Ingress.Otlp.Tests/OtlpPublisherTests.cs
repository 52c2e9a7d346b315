using System.Text;
using EvBus.Ingress.Http.Tests;
using EvBus.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Otlp.Tests;

public sealed class OtlpPublisherTests : IAsyncLifetime
{
    private readonly FakeClock _clock = new();
    private readonly Words _words = new();
    private Collector _collector = null!;

    public async ValueTask InitializeAsync() => _collector = await Collector.StartAsync();

    public ValueTask DisposeAsync() => _collector.DisposeAsync();

    [Theory]
    [InlineData(429, "7", 7)]
    [InlineData(502, "7", 7)]
    [InlineData(503, "Thu, 01 Jan 2026 00:01:30 GMT", 90)]
    [InlineData(504, "999999", 3600)]
    [InlineData(503, null, null)]
    [InlineData(429, "soon", null)]
    public async Task What_the_protocol_calls_retryable_waits_as_long_as_it_asks(int status, string? after, int? seconds)
    {
        await using var publisher = await ConnectAsync();
        Answer(status, after: after);
        var result = await publisher.PublishAsync(Batch("1", "2"), default);
        Assert.Equal((Verdict.Retry, null), (result.Verdict, result.Each));
        Assert.Equal(seconds is null ? null : TimeSpan.FromSeconds(seconds.Value), result.RetryAfter);
    }

    [Theory]
    [InlineData(200, Verdict.Delivered)]
    [InlineData(202, Verdict.Delivered)]
    [InlineData(204, Verdict.Delivered)]
    [InlineData(301, Verdict.Disconnected)]
    [InlineData(400, Verdict.Rejected)]
    [InlineData(401, Verdict.Disconnected)]
    [InlineData(404, Verdict.Disconnected)]
    [InlineData(408, Verdict.Retry)]
    [InlineData(413, Verdict.Rejected)]
    [InlineData(415, Verdict.Disconnected)]
    [InlineData(425, Verdict.Retry)]
    [InlineData(500, Verdict.Disconnected)]
    public async Task An_answer_is_a_verdict(int status, Verdict verdict)
    {
        await using var publisher = await ConnectAsync();
        Answer(status);
        var result = await publisher.PublishAsync(Batch("1", "2"), default);
        Assert.Equal((verdict, null), (result.Verdict, result.Each));
        Assert.Equal(verdict != Verdict.Delivered, result.Reason?.Contains($"{status}", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public async Task A_part_that_was_refused_refuses_the_batch_so_that_it_is_found_and_an_event_alone_is_rejected()
    {
        await using var publisher = await ConnectAsync();
        Answer(200, "application/x-protobuf", Collector.PartialSuccess(1, "too\nold"));
        var some = await publisher.PublishAsync(Batch("1", "2", "3"), default);
        Assert.Equal((Verdict.Rejected, null), (some.Verdict, some.Each));
        Assert.EndsWith("rejected 1 of 3 log records: too old", some.Reason, StringComparison.Ordinal);
        Assert.Equal(Verdict.Rejected, (await publisher.PublishAsync(Batch("1"), default)).Verdict);
    }

    [Theory]
    [InlineData("""{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"no"}}""", Verdict.Rejected)]
    [InlineData("""{"partialSuccess":{"rejectedLogRecords":2}}""", Verdict.Rejected)]
    [InlineData("""{"partialSuccess":{}}""", Verdict.Delivered)]
    [InlineData("""{"partialSuccess":null}""", Verdict.Delivered)]
    [InlineData("{}", Verdict.Delivered)]
    [InlineData("""{"partialSuccess":7}""", Verdict.Disconnected)]
    [InlineData("""{"partialSuccess":{"rejectedLogRecords":"some"}}""", Verdict.Disconnected)]
    [InlineData("[]", Verdict.Disconnected)]
    [InlineData("no json", Verdict.Disconnected)]
    public async Task An_answer_in_JSON_is_understood_too(string json, Verdict verdict)
    {
        await using var publisher = await ConnectAsync();
        Answer(200, "application/json", Encoding.UTF8.GetBytes(json));
        Assert.Equal(verdict, (await publisher.PublishAsync(Batch("1", "2"), default)).Verdict);
    }

    [Theory]
    [InlineData("text/html", "<html>Welcome</html>")]
    [InlineData("application/x-protobuf", "\x0A\x7F")]
    [InlineData("application/x-protobuf", "\x0A\x02\x08")]
    [InlineData("application/x-protobuf", "\x0F")]
    public async Task Success_from_something_that_is_no_collector_is_none(string type, string body)
    {
        await using var publisher = await ConnectAsync();
        Answer(200, type, Encoding.Latin1.GetBytes(body));
        var result = await publisher.PublishAsync(Batch("1"), default);
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains("no OTLP answer", result.Reason, StringComparison.Ordinal);
        Assert.Contains("no OTLP answer", (await Assert.ThrowsAsync<EvBusException>(() => publisher.ConnectAsync(default).AsTask())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/x-protobuf", false)]
    [InlineData("Application/X-Protobuf", true)]
    [InlineData("Application/JSON", false)]
    [InlineData("application/json; charset=utf-8", true)]
    public async Task An_answer_may_be_packed_and_its_media_type_has_no_case(string type, bool isPacked)
    {
        await using var publisher = await ConnectAsync();
        var body = type.Contains("json", StringComparison.OrdinalIgnoreCase) ? """{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}"""u8.ToArray() : Collector.PartialSuccess(1, "too old");
        _collector.Server.Answer = (_, response) =>
        {
            if (isPacked)
                response.Headers.ContentEncoding = "gzip";
            Collector.Say(response, type, isPacked ? Packed(body) : body);
            return true;
        };
        Assert.EndsWith("rejected 1 of 2 log records: too old", (await publisher.PublishAsync(Batch("1", "2"), default)).Reason, StringComparison.Ordinal);
        await publisher.ConnectAsync(default);

        static byte[] Packed(byte[] plain)
        {
            using var target = new MemoryStream();
            using (var gzip = new System.IO.Compression.GZipStream(target, System.IO.Compression.CompressionLevel.Fastest))
                gzip.Write(plain);
            return target.ToArray();
        }
    }

    [Theory]
    [InlineData("application/x-protobuf", Verdict.Delivered)]
    [InlineData("application/json", Verdict.Delivered)]
    [InlineData("text/plain", Verdict.Disconnected)]
    public async Task An_answer_of_a_collector_that_is_too_long_or_breaks_off_has_taken_the_events_and_is_warned_of_once(string type, Verdict verdict)
    {
        await using var publisher = await ConnectAsync();
        foreach (var length in new[] { 2 << 20, 100 })
        {
            _collector.Server.Answer = (_, response) =>
            {
                Collector.Say(response, type, new byte[length]);
                if (length == 100)
                    response.HttpContext.Abort();
                return true;
            };
            for (var i = 0; i < 2; i++)
            {
                var before = _collector.Server.Requests.Count;
                var result = await publisher.PublishAsync(Batch("1"), default);
                // A line that breaks before a word of the answer came is no answer.
                if (length > 100)
                    Assert.Equal(verdict, result.Verdict);
                Assert.Equal(before + 1, _collector.Server.Requests.Count);
            }
        }
        Assert.Equal(verdict == Verdict.Delivered ? 1 : 0, _words.Said.Count(said => said.Contains("nobody knows whether it has refused", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("abc\n", "Bearer abc")]
    [InlineData("abc", "Bearer abc")]
    public async Task A_line_break_at_the_end_of_a_token_is_not_sent_and_the_records_arrive(string token, string sent)
    {
        _collector.Server.Answer = (_, _) => true;
        await using var publisher = await ConnectAsync(("token", token));
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch("1"), default));
        var seen = _collector.Server.Requests[^1];
        Assert.Equal(sent, seen.Headers["Authorization"]);
        Assert.Equal("1", Assert.Single(Decoder.Decode(Collector.Body(seen))).Body);
    }

    [Theory]
    [InlineData("token", "a\r\nX-Injected: 1", "token has a line break")]
    [InlineData("token", "zürich", "token has a letter that is not ASCII")]
    [InlineData("resource", 1.0, "resource: service.version must be a text. Put it in quotes")]
    [InlineData("proxy", "socks://x", "proxy must be system, none, or")]
    public void What_cannot_be_sent_as_it_is_written_is_refused_at_the_start(string key, object value, string said)
    {
        var given = key == "resource" ? new Dictionary<string, object?> { ["service.version"] = value } : value;
        Assert.StartsWith($"Profile otlp/test: {said}", Assert.Single(OtlpIngress.Descriptor.Validate!(Profile(("url", "http://localhost"), (key, given)))), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_the_url_only_scheme_host_and_port_are_printed()
    {
        var options = OtlpIngressOptions.Read(Profile(("url", "https://host:8443/s3cret?key=s3cret")));
        Assert.DoesNotContain("s3cret", options + System.Text.Json.JsonSerializer.Serialize(options), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_warning_is_said_once_until_there_is_another()
    {
        await using var publisher = await ConnectAsync();
        Answer(200, "application/x-protobuf", Collector.PartialSuccess(0, "nearly full"));
        for (var i = 0; i < 3; i++)
            Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(Batch("1"), default));
        Assert.Contains("nearly full", Assert.Single(_words.Said), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_words_of_a_refusal_are_the_dead_letter_s_reason()
    {
        await using var publisher = await ConnectAsync();
        // A Status: code 3, and the message.
        Answer(400, "application/x-protobuf", [8, 3, 18, 7, .. "invalid"u8]);
        Assert.EndsWith("answered HTTP 400: invalid", (await publisher.PublishAsync(Batch("1"), default)).Reason, StringComparison.Ordinal);
        Answer(400, "application/json", """{"code":3,"message":"invalid json"}"""u8.ToArray());
        Assert.EndsWith("answered HTTP 400: invalid json", (await publisher.PublishAsync(Batch("1"), default)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refused_credentials_are_said_once_and_their_return_too()
    {
        await using var publisher = await ConnectAsync(("token", WebServer.Token));
        Answer(403);
        for (var i = 0; i < 3; i++)
            Assert.Equal(Verdict.Disconnected, (await publisher.PublishAsync(Batch("1"), default)).Verdict);
        Assert.Contains("refuses the credentials (HTTP 403)", Assert.Single(_words.Said), StringComparison.Ordinal);
        Answer(200);
        await publisher.PublishAsync(Batch("1"), default);
        Assert.Equal(2, _words.Said.Count);
        Assert.All(_words.Said, said => Assert.DoesNotContain(WebServer.Token, said, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("subject")]
    [InlineData("event_subject")]
    public async Task An_event_that_cannot_be_a_record_is_rejected_alone_but_a_refused_batch_is_refused_as_one(string extension)
    {
        await using var publisher = await ConnectAsync();
        var odd = new BusEvent("2", new EventAttributes { Extensions = new Dictionary<string, string> { [extension] = "x" } });
        var batch = EventBatch.Of(new BusEvent("1"), odd, new BusEvent("3"));
        var result = await publisher.PublishAsync(batch, default);
        Assert.Equal([Verdict.Delivered, Verdict.Rejected, Verdict.Delivered], result.Each!.Select(each => each.Verdict));
        Assert.Equal(["1", "3"], _collector.Records.Select(record => record.Body));
        Answer(400);
        Assert.Equal((Verdict.Rejected, null), (await publisher.PublishAsync(batch, default) is var again ? (again.Verdict, again.Each) : default));
    }

    [Theory]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01", null)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", null)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", null)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", null)]
    [InlineData("here", null)]
    [InlineData("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more", "0af7651916cd43dd8448eb211c80319c")]
    public async Task A_traceparent_that_is_none_stays_an_attribute(string text, string? trace)
    {
        await using var publisher = await ConnectAsync();
        await publisher.PublishAsync(EventBatch.Of(new BusEvent("x", new EventAttributes { TraceParent = text })), default);
        var record = Assert.Single(_collector.Records);
        Assert.Equal(trace ?? "", record.TraceId);
        Assert.Equal(trace is null ? text : null, record.Attributes.GetValueOrDefault("cloudevents.traceparent"));
    }

    [Fact]
    public async Task A_collector_alone_is_enough_of_a_url_and_gzip_is_gzip()
    {
        await using var publisher = await ConnectAsync(("compression", "gzip"), ("headers", new Dictionary<string, object?> { ["X-Scope-OrgID"] = "blue" }));
        await publisher.PublishAsync(Batch(new string('x', 10_000)), default);
        var seen = _collector.Server.Requests[^1];
        Assert.Equal(("gzip", "blue"), (seen.Headers["Content-Encoding"], seen.Headers["X-Scope-OrgID"]));
        Assert.InRange(seen.Body.Length, 1, 2_000);
        Assert.Equal(new string('x', 10_000), Assert.Single(_collector.Records).Body);
        Assert.Equal("http://localhost:4318/v1/logs?key=1", OtlpIngressOptions.Read(Profile(("url", "http://localhost:4318?key=1"))).Url.ToString());
        Assert.Equal("http://localhost/otlp", OtlpIngressOptions.Read(Profile(("url", "http://localhost/otlp"))).Url.ToString());
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_an_outage_after_the_timeout()
    {
        await using var publisher = await ConnectAsync(("timeout", 5L));
        _collector.Server.Hold();
        var requests = _collector.Server.Requests.Count;
        var call = publisher.PublishAsync(Batch("1"), default).AsTask();
        await Until(() => _collector.Server.Requests.Count > requests);
        _clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Contains("did not answer within 5 s", (await call).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void All_errors_of_a_profile_come_at_once_without_its_secrets()
    {
        var errors = OtlpIngress.Descriptor.Validate!(Profile(
            ("url", "http://me:s3cret@host/"), ("severity", "loud"), ("compression", "zip"), ("timeout", 0L), ("token", "s3cret"), ("username", "me"), ("key_file", "k"), ("colour", "s3cret"),
            ("headers", new Dictionary<string, object?> { ["Content-Type"] = "s3cret" })));
        Assert.Equal(8, errors.Count);
        Assert.All(errors, error => Assert.DoesNotContain("s3cret", error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_read_is_named_with_its_key()
    {
        var e = await Assert.ThrowsAsync<EvBusException>(() => ConnectAsync(("ca_file", "/nowhere/ca.pem")));
        Assert.Contains("ca_file", e.Message, StringComparison.Ordinal);
    }

    private async Task<IPublisher> ConnectAsync(params (string, object?)[] more)
    {
        var profile = Profile([("url", $"http://127.0.0.1:{_collector.Server.Port}"), .. more]);
        var publisher = new OtlpPublisher(new IngressContext("otlp/test", profile, null, null, _words, _clock), OtlpIngressOptions.Read(profile));
        await publisher.ConnectAsync(default);
        return publisher;
    }

    private void Answer(int status, string? type = null, byte[]? body = null, string? after = null) => _collector.Server.Answer = (_, response) =>
    {
        response.StatusCode = status;
        if (after is not null)
            response.Headers.RetryAfter = after;
        if (type is not null)
            Collector.Say(response, type, body!);
        return true;
    };

    private static Profile Profile(params (string Key, object? Value)[] values) => new("otlp", "test", values.ToDictionary(each => each.Key, each => each.Value));

    private static EventBatch Batch(params string[] bodies) => EventBatch.Of([.. bodies.Select(body => new BusEvent(Encoding.UTF8.GetBytes(body)))]);

    private static async Task Until(Func<bool> reached)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!reached())
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, bound.Token);
    }

    private sealed class Words : ILogger
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Said.Add(formatter(state, exception));
    }
}
