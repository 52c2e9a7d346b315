using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EvBus.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Http.Tests;

public sealed class HttpPublisherTests : IAsyncLifetime
{
    private readonly FakeClock _clock = new();
    private readonly Words _words = new();
    private WebServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await WebServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(429, "7", 7)]
    [InlineData(503, "7", 7)]
    [InlineData(503, "Thu, 01 Jan 2026 00:01:30 GMT", 90)]
    [InlineData(429, "999999", 3600)]
    [InlineData(503, null, null)]
    [InlineData(429, "soon", null)]
    public async Task Too_many_and_unavailable_wait_as_long_as_they_ask(int status, string? after, int? seconds)
    {
        await using var publisher = await ConnectAsync();
        Answer(status, after);
        var result = await publisher.PublishAsync(Batch("1", "2"), default);
        Assert.Equal((Verdict.Retry, null), (result.Verdict, result.Each));
        Assert.Equal(seconds is null ? null : TimeSpan.FromSeconds(seconds.Value), result.RetryAfter);
        Assert.Single(_server.Requests);
    }

    [Theory]
    [InlineData(400, Verdict.Rejected)]
    [InlineData(402, Verdict.Disconnected)]
    [InlineData(404, Verdict.Disconnected)]
    [InlineData(405, Verdict.Disconnected)]
    [InlineData(407, Verdict.Disconnected)]
    [InlineData(409, Verdict.Rejected)]
    [InlineData(410, Verdict.Disconnected)]
    [InlineData(413, Verdict.Rejected)]
    [InlineData(415, Verdict.Disconnected)]
    [InlineData(421, Verdict.Disconnected)]
    [InlineData(422, Verdict.Rejected)]
    [InlineData(408, Verdict.Retry)]
    [InlineData(423, Verdict.Retry)]
    [InlineData(425, Verdict.Retry)]
    [InlineData(426, Verdict.Disconnected)]
    [InlineData(301, Verdict.Disconnected)]
    [InlineData(500, Verdict.Disconnected)]
    [InlineData(502, Verdict.Disconnected)]
    [InlineData(201, Verdict.Delivered)]
    public async Task An_answer_is_a_verdict(int status, Verdict verdict)
    {
        await using var publisher = await ConnectAsync(("format", "ndjson"));
        Answer(status);
        var result = await publisher.PublishAsync(Batch("1", "2"), default);
        Assert.Equal((verdict, null), (result.Verdict, result.Each));
        Assert.Equal(verdict != Verdict.Delivered, result.Reason?.Contains($"{status}", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public async Task A_batch_that_is_refused_is_refused_as_one_even_when_an_event_of_it_cannot_be_sent()
    {
        await using var publisher = await ConnectAsync(("format", "json"));
        Answer(422);
        var result = await publisher.PublishAsync(Batch("1", "no json", "3"), default);
        // Verdicts on each would make dead letters of events that a smaller batch may deliver.
        Assert.Equal((Verdict.Rejected, null), (result.Verdict, result.Each));
    }

    [Fact]
    public async Task What_was_delivered_before_an_outage_is_not_sent_again()
    {
        await using var publisher = await ConnectAsync();
        _server.Answer = (seen, response) =>
        {
            response.StatusCode = seen.Body is [(byte)'3'] ? 500 : 200;
            return response.StatusCode == 500;
        };
        var result = await publisher.PublishAsync(Batch("1", "2", "3", "4"), default);
        Assert.Equal([Verdict.Delivered, Verdict.Delivered, Verdict.Disconnected, Verdict.Disconnected], result.Each!.Select(each => each.Verdict));
        Assert.Equal(3, _server.Requests.Count);
    }

    [Fact]
    public async Task Refused_credentials_are_said_once_and_their_return_too()
    {
        await using var publisher = await ConnectAsync(("token", "a-s3cret"));
        Answer(401);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(Verdict.Disconnected, (await publisher.PublishAsync(Batch("1"), default)).Verdict);
            await publisher.ConnectAsync(default);
        }
        Assert.Contains("refuses the credentials (HTTP 401)", Assert.Single(_words.Said), StringComparison.Ordinal);
        Answer(200);
        await publisher.PublishAsync(Batch("1"), default);
        Assert.Equal(2, _words.Said.Count);
        Assert.All(_words.Said, said => Assert.DoesNotContain("a-s3cret", said, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_signature_is_what_the_receiver_computes_over_stamp_and_body()
    {
        await using var publisher = await ConnectAsync(("secret", "sh"), ("format", "json"));
        await publisher.PublishAsync(Batch("{\"a\":\n1}", "2"), default);
        var seen = _server.Requests.Single();
        Assert.Equal("[{\"a\":1},2]", Encoding.UTF8.GetString(seen.Body));
        var stamp = _clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var expected = Convert.ToHexStringLower(HMACSHA256.HashData("sh"u8, Encoding.UTF8.GetBytes($"{stamp}.[{{\"a\":1}},2]")));
        Assert.Equal($"t={stamp},v1={expected}", seen.Headers["X-EvBus-Signature"]);
    }

    [Fact]
    public async Task Without_a_secret_nothing_is_signed()
    {
        await using var publisher = await ConnectAsync(("secret", null), ("format", "json"));
        await publisher.PublishAsync(Batch("1"), default);
        Assert.DoesNotContain("X-EvBus-Signature", _server.Requests.Single().Headers.Keys);
    }

    [Fact]
    public async Task A_request_carries_credentials_headers_and_the_event_s_id()
    {
        await using var publisher = await ConnectAsync(
            ("username", "me"), ("password", "pw"), ("method", "PUT"), ("headers", new Dictionary<string, object?> { ["X-Team"] = "blue" }));
        await publisher.PublishAsync(EventBatch.Of(new BusEvent("x", new EventAttributes { Id = "ü 1" })), default);
        var seen = _server.Requests.Single();
        Assert.Equal(("PUT", "Basic bWU6cHc=", "blue"), (seen.Method, seen.Headers["Authorization"], seen.Headers["X-Team"]));
        Assert.Equal(("%C3%BC%201", "text/plain; charset=utf-8"), (seen.Headers["Idempotency-Key"], seen.Headers["Content-Type"]));
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_an_outage_after_the_timeout()
    {
        await using var publisher = await ConnectAsync(("timeout", 5L));
        _server.Hold();
        var call = publisher.PublishAsync(Batch("1"), default).AsTask();
        await Until(() => _server.Requests.Count == 1);
        _clock.Advance(TimeSpan.FromSeconds(5));
        var result = await call;
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains("did not answer within 5 s", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_path_and_query_of_the_url_are_never_said()
    {
        await using var publisher = await ConnectAsync(("url", $"http://127.0.0.1:{_server.Port}/hook/s3cret?key=s3cret"));
        Answer(500);
        Assert.DoesNotContain("s3cret", (await publisher.PublishAsync(Batch("1"), default)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_probe_that_refuses_the_credentials_fails_the_connect()
    {
        var e = await Assert.ThrowsAsync<EvBusException>(() => ConnectAsync(("token", "wrong"), ("probe", $"http://127.0.0.1:{_server.Port}/health")));
        Assert.Contains("refuses the credentials", e.Message, StringComparison.Ordinal);
        Assert.Equal("GET", _server.Requests.Single().Method);
    }

    [Fact]
    public void All_errors_of_a_profile_come_at_once_without_its_secrets()
    {
        var errors = HttpIngress.Descriptor.Validate!(Profile(
            ("url", "http://me:s3cret@host/"), ("format", "xml"), ("method", "GET"), ("timeout", 0L), ("connections", 1000L), ("token", "s3cret"), ("username", "me"),
            ("key_file", "k"), ("colour", "s3cret"), ("headers", new Dictionary<string, object?> { ["Content-Type"] = "s3cret" })));
        Assert.Equal(9, errors.Count);
        Assert.All(errors, error => Assert.DoesNotContain("s3cret", error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_content_type_that_is_refused_is_the_event_s_where_the_event_has_given_it()
    {
        await using var publisher = await ConnectAsync();
        Answer(415);
        Assert.Equal(Verdict.Rejected, (await publisher.PublishAsync(Batch("1"), default)).Each!.Single().Verdict);
    }

    [Theory]
    [InlineData("body")]
    [InlineData("cloudevents")]
    [InlineData("cloudevents_binary")]
    public async Task The_event_s_trace_goes_on_as_W3C_writes_it(string format)
    {
        const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        using var other = new System.Diagnostics.Activity("whoever started the bus").Start();
        await using var publisher = await ConnectAsync(("format", format));
        foreach (var trace in new[] { Trace, "none\r\nX-Injected: 1", null })
            await publisher.PublishAsync(EventBatch.Of(new BusEvent("{}", new EventAttributes { TraceParent = trace, TraceState = "a=b" })), default);
        Assert.Equal([Trace, null, null], _server.Requests.Select(seen => seen.Headers.GetValueOrDefault("traceparent")));
        Assert.Equal(["a=b", null, null], _server.Requests.Select(seen => seen.Headers.GetValueOrDefault("tracestate")));
        Assert.All(_server.Requests, seen => Assert.DoesNotContain("X-Injected", seen.Headers.Keys));
    }

    [Fact]
    public async Task Every_event_that_cannot_be_in_a_request_costs_only_itself()
    {
        await using var publisher = await ConnectAsync(("format", "json"));
        var result = await publisher.PublishAsync(Batch([.. Enumerable.Range(0, 3000).Select(i => i % 2 == 0 ? $"{i}" : "no json")]), default);
        Assert.Equal(1500, result.Each!.Count(each => each.Verdict == Verdict.Rejected));
        Assert.Equal($"[{string.Join(',', Enumerable.Range(0, 1500).Select(i => 2 * i))}]", Encoding.UTF8.GetString(_server.Requests.Single().Body));
    }

    [Fact]
    public async Task Attributes_cannot_be_smuggled_into_a_binary_event()
    {
        await using var publisher = await ConnectAsync(("format", "cloudevents_binary"));
        var result = await publisher.PublishAsync(
            EventBatch.Of(new BusEvent("x", new EventAttributes { Id = "i", Type = "good", Extensions = new Dictionary<string, string> { ["Type"] = "forged" } })), default);
        Assert.Equal(Verdict.Rejected, result.Each!.Single().Verdict);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public void The_example_of_the_descriptor_is_a_profile_that_works() => Assert.Empty(HttpIngress.Descriptor.Validate!(Profile(
        ("url", "https://example.org/events"), ("format", "body"), ("token", "change me"), ("secret", "change me"), ("timeout", 10L), ("connections", 1L))));

    private async Task<IPublisher> ConnectAsync(params (string, object?)[] more)
    {
        var profile = Profile([("url", $"http://127.0.0.1:{_server.Port}/"), .. more]);
        var publisher = new HttpPublisher(new IngressContext("http/test", profile, null, null, _words, _clock), HttpIngressOptions.Read(profile));
        await publisher.ConnectAsync(default);
        return publisher;
    }

    private void Answer(int status, string? after = null) => _server.Answer = (_, response) =>
    {
        response.StatusCode = status;
        if (after is not null)
            response.Headers.RetryAfter = after;
        return true;
    };

    private static Profile Profile(params (string Key, object? Value)[] values) =>
        new("http", "test", values.GroupBy(each => each.Key).ToDictionary(group => group.Key, group => group.Last().Value));

    private static EventBatch Batch(params string[] bodies) => EventBatch.Of([.. bodies.Select(body => new BusEvent(Encoding.UTF8.GetBytes(body)))]);

    private static async Task Until(Func<bool> reached)
    {
        while (!reached())
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    private sealed class Words : ILogger
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Said.Add(formatter(state, exception));
    }
}
