using System.IO.Compression;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Http.Tests;

/// <summary>Answers that come late, in pieces, packed, too long or not to their end; over a real line, byte by byte.</summary>
public sealed class AnswerTests
{
    private static readonly byte[] s_large = new byte[1 << 20];

    [Theory]
    [InlineData("200 OK", Verdict.Delivered)]
    [InlineData("400 Bad Request", Verdict.Rejected)]
    [InlineData("500 Oops", Verdict.Disconnected)]
    [InlineData("429 Slowly", Verdict.Retry)]
    public async Task An_answer_with_a_body_of_two_mebibytes_is_judged_by_its_status(string status, Verdict verdict)
    {
        await using var server = new RawServer(async (stream, head, end) =>
        {
            await RawServer.BodyAsync(stream, head, end);
            await RawServer.SayAsync(stream, $"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {2 << 20}\r\n\r\n{new string('x', 2 << 20)}", end);
        });
        await using var publisher = await ConnectAsync(server);
        for (var i = 1; i <= 3; i++)
        {
            var result = await PublishAsync(publisher);
            Assert.Equal(verdict, result.Verdict);
            Assert.InRange(result.Reason?.Length ?? 0, 0, 700);
            Assert.Equal(i, server.Heads.Count);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", Verdict.Delivered)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", Verdict.Delivered)]
    [InlineData("HTTP/1.1 202 Accepted\r\n\r\nabc", Verdict.Delivered)]
    [InlineData("HTTP/1.1 400 No\r\nContent-Length: 100\r\n\r\nno amount", Verdict.Rejected)]
    public async Task A_body_that_does_not_come_to_its_end_or_breaks_off_changes_nothing_of_the_verdict(string said, Verdict verdict)
    {
        foreach (var isClosed in new[] { false, true })
        {
            await using var server = new RawServer(async (stream, head, end) =>
            {
                await RawServer.BodyAsync(stream, head, end);
                await RawServer.SayAsync(stream, said, end);
                if (isClosed)
                    stream.Socket.Close();
                else
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, end);
            });
            await using var publisher = await ConnectAsync(server);
            for (var i = 1; i <= 2; i++)
            {
                Assert.Equal(verdict, (await PublishAsync(publisher)).Verdict);
                Assert.Equal(i, server.Heads.Count);
            }
        }
    }

    [Fact]
    public async Task A_short_answer_leaves_the_connection_for_the_next_request()
    {
        await using var server = new RawServer(async (stream, head, end) =>
        {
            await RawServer.BodyAsync(stream, head, end);
            await RawServer.SayAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", end);
            await RawServer.SayAsync(stream, new string('x', 70000), end);
        });
        await using var publisher = await ConnectAsync(server);
        for (var i = 0; i < 20; i++)
            Assert.Equal(PublishResult.Delivered, await PublishAsync(publisher));
        Assert.Equal((20, 1), (server.Heads.Count, server.Connections));
    }

    [Fact]
    public async Task A_refusal_while_the_body_is_on_its_way_is_heard_at_the_second_try()
    {
        await using var server = new RawServer(async (stream, _, end) =>
        {
            await RawServer.SayAsync(stream, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", end);
            // With what was not read the line is reset, as real servers do.
            stream.Socket.LingerState = new(true, 0);
            stream.Socket.Close();
        });
        await using var publisher = await ConnectAsync(server);
        var first = await PublishAsync(publisher, new byte[16 << 20]);
        Assert.True(first.Verdict is Verdict.Disconnected or Verdict.Rejected);
        await publisher.ConnectAsync(default);
        for (var i = 0; i < 5; i++)
        {
            var second = await PublishAsync(publisher, new byte[16 << 20]);
            Assert.Equal(Verdict.Rejected, second.Verdict);
            Assert.Contains("413", second.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_server_that_does_not_know_the_question_is_not_asked_it_again()
    {
        var requests = 0;
        await using var server = new RawServer(async (stream, head, end) =>
        {
            if (Interlocked.Increment(ref requests) == 1)
                stream.Socket.Close();
            else if (head.Contains("100-continue", StringComparison.OrdinalIgnoreCase))
                await RawServer.SayAsync(stream, "HTTP/1.1 417 What\r\nContent-Length: 0\r\n\r\n", end);
            else
            {
                await RawServer.BodyAsync(stream, head, end);
                await RawServer.SayAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end);
            }
        });
        await using var publisher = await ConnectAsync(server);
        var verdicts = new List<Verdict>();
        for (var i = 0; i < 3; i++)
        {
            verdicts.Add((await PublishAsync(publisher, s_large)).Verdict);
            await publisher.ConnectAsync(default);
        }
        Assert.Equal([Verdict.Disconnected, Verdict.Disconnected, Verdict.Delivered], verdicts);
    }

    [Fact]
    public async Task The_server_s_words_are_in_the_reason_on_one_line_bounded_and_without_secrets()
    {
        var body = $"{{\"error\":\r\n\u001b[31m \"field amount is missing\", \"auth\": \"Bearer t0p-s3cret\", \"key\": \"k3y-of-the-team\", \"at\": \"/hook/s3cretpath?sig=s1gnature\"}} {new string('y', 9000)}";
        await using var server = Saying("application/json", Encoding.UTF8.GetBytes(body));
        await using var publisher = await ConnectAsync(server, "/hook/s3cretpath?sig=s1gnature", ("token", "t0p-s3cret"), ("headers", new Dictionary<string, object?> { ["X-Key"] = "Key k3y-of-the-team" }));
        var reason = (await PublishAsync(publisher)).Reason!;
        Assert.StartsWith($"http://127.0.0.1:{server.Port} answered HTTP 400: {{\"error\": [31m \"field amount is missing\", \"auth\": \"Bearer ***\", \"key\": \"***\", \"at\": \"***\"}} yyy", reason, StringComparison.Ordinal);
        Assert.InRange(reason.Length, 500, 600);
        Assert.DoesNotContain(reason, char.IsControl);
    }

    [Fact]
    public async Task A_name_and_a_password_are_hidden_as_the_header_has_them()
    {
        await using var server = Saying("text/plain", Encoding.UTF8.GetBytes($"got Basic {Convert.ToBase64String("me:p4ssw0rd"u8)}"));
        await using var publisher = await ConnectAsync(server, "/", ("username", "me"), ("password", "p4ssw0rd"));
        Assert.EndsWith("answered HTTP 400: got Basic ***", (await PublishAsync(publisher)).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/html", "<html>bad</html>")]
    [InlineData("image/png", "bad")]
    public async Task Words_that_are_not_for_a_log_are_left_out(string type, string body)
    {
        await using var server = Saying(type, Encoding.UTF8.GetBytes(body));
        await using var publisher = await ConnectAsync(server);
        Assert.EndsWith("answered HTTP 400.", (await PublishAsync(publisher)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Words_that_are_packed_are_unpacked_and_nobody_is_flooded_by_them()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            gzip.Write([.. "too old "u8, .. new byte[100 << 20]]);
        await using var server = Saying("text/plain", packed.ToArray(), "Content-Encoding: gzip\r\n");
        await using var publisher = await ConnectAsync(server);
        Assert.EndsWith("answered HTTP 400: too old", (await PublishAsync(publisher)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_outage_whose_words_change_at_each_try_has_one_reason()
    {
        var tries = 0;
        await using var server = new RawServer(async (stream, head, end) =>
        {
            await RawServer.BodyAsync(stream, head, end);
            var words = $"trace {Interlocked.Increment(ref tries)}";
            await RawServer.SayAsync(stream, $"HTTP/1.1 {(tries == 3 ? 200 : 500)} X\r\nContent-Type: text/plain\r\nContent-Length: {words.Length}\r\n\r\n{words}", end);
        });
        await using var publisher = await ConnectAsync(server);
        Assert.EndsWith("500: trace 1", (await PublishAsync(publisher)).Reason, StringComparison.Ordinal);
        Assert.EndsWith("500: trace 1", (await PublishAsync(publisher)).Reason, StringComparison.Ordinal);
        Assert.Equal(PublishResult.Delivered, await PublishAsync(publisher));
        Assert.EndsWith("500: trace 4", (await PublishAsync(publisher)).Reason, StringComparison.Ordinal);
    }

    private static RawServer Saying(string type, byte[] body, string headers = "") => new(async (stream, head, end) =>
    {
        await RawServer.BodyAsync(stream, head, end);
        await RawServer.SayAsync(stream, $"HTTP/1.1 400 No\r\nContent-Type: {type}\r\n{headers}Content-Length: {body.Length}\r\n\r\n", end);
        await stream.WriteAsync(body, end);
    });

    private static async Task<IPublisher> ConnectAsync(RawServer server, string path = "/", params (string Key, object? Value)[] more)
    {
        var values = more.ToDictionary(each => each.Key, each => each.Value);
        values["url"] = $"http://127.0.0.1:{server.Port}{path}";
        var profile = new Profile("http", "test", values);
        var publisher = new HttpPublisher(new IngressContext("http/test", profile, null, null, NullLogger.Instance, TimeProvider.System), HttpIngressOptions.Read(profile));
        await publisher.ConnectAsync(default);
        return publisher;
    }

    /// <summary>The verdict of the one event.</summary>
    private static async Task<PublishResult> PublishAsync(IPublisher publisher, byte[]? body = null)
    {
        var result = await publisher.PublishAsync(EventBatch.Of(new BusEvent(body ?? [1])), default).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        return result.Each is [{ Verdict: Verdict.Rejected, Reason: { } reason }] ? PublishResult.Rejected(reason) : result;
    }
}
