using System.Net;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Http.Tests;

/// <summary>Which way requests go.</summary>
public sealed class ProxyTests
{
    [Fact]
    public async Task A_proxy_of_the_profile_gets_the_requests_with_its_own_login()
    {
        await using var proxy = Proxy("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 Done\r\n\r\n");
        await using var publisher = await ConnectAsync(("url", "http://events.example.test/in"), ("proxy", $"http://127.0.0.1:{proxy.Port}"), ("proxy_username", "me"), ("proxy_password", "pw"));
        Assert.Equal(PublishResult.Delivered, await PublishAsync(publisher));
        Assert.StartsWith("POST http://events.example.test/in HTTP/1.1", proxy.Heads[^1], StringComparison.Ordinal);
        Assert.Contains($"Proxy-Authorization: Basic {Convert.ToBase64String("me:pw"u8)}", proxy.Heads[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_is_not_there_is_named_in_the_reason()
    {
        await using var publisher = await ConnectAsync(("url", "http://events.example.test/s3cret"), ("proxy", "http://127.0.0.1:1"));
        var reason = (await PublishAsync(publisher)).Reason;
        Assert.StartsWith("http://events.example.test (through the proxy http://127.0.0.1:1): Connection refused", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http")]
    [InlineData("https")]
    public async Task A_proxy_that_wants_credentials_is_said_with_the_remedy(string scheme)
    {
        await using var proxy = Proxy("HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n");
        await using var publisher = await ConnectAsync(("url", $"{scheme}://events.example.test/"), ("proxy", $"http://127.0.0.1:{proxy.Port}"));
        var result = await PublishAsync(publisher);
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains($"through the proxy http://127.0.0.1:{proxy.Port}", result.Reason, StringComparison.Ordinal);
        Assert.Contains("407", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_system_s_proxy_is_used_for_other_machines_and_never_for_this_one()
    {
        await using var proxy = Proxy("HTTP/1.1 204 Done\r\n\r\n");
        await using var server = await WebServer.StartAsync();
        var before = HttpClient.DefaultProxy;
        HttpClient.DefaultProxy = new WebProxy($"http://127.0.0.1:{proxy.Port}");
        try
        {
            foreach (var host in new[] { "127.0.0.1", "localhost" })
            {
                await using var straight = await ConnectAsync(("url", $"http://{host}:{server.Port}/"));
                Assert.Equal(PublishResult.Delivered, await PublishAsync(straight));
            }
            Assert.Equal((0, 2), (proxy.Heads.Count, server.Requests.Count));
            await using var through = await ConnectAsync(("url", "http://events.example.test/"));
            Assert.Equal(PublishResult.Delivered, await PublishAsync(through));
            Assert.Single(proxy.Heads);
            await using var none = await ConnectAsync(("url", "http://events.example.test/"), ("proxy", "none"));
            Assert.DoesNotContain("proxy", (await PublishAsync(none)).Reason, StringComparison.Ordinal);
            Assert.Single(proxy.Heads);
        }
        finally
        {
            HttpClient.DefaultProxy = before;
        }
    }

    private static RawServer Proxy(params string[] answers)
    {
        var count = 0;
        return new RawServer(async (stream, head, end) =>
        {
            await RawServer.BodyAsync(stream, head, end);
            await RawServer.SayAsync(stream, answers[Math.Min(count++, answers.Length - 1)], end);
        });
    }

    private static async Task<IPublisher> ConnectAsync(params (string Key, object? Value)[] values)
    {
        var profile = new Profile("http", "test", values.ToDictionary(each => each.Key, each => each.Value));
        var publisher = new HttpPublisher(new IngressContext("http/test", profile, null, null, NullLogger.Instance, TimeProvider.System), HttpIngressOptions.Read(profile));
        await publisher.ConnectAsync(default);
        return publisher;
    }

    private static Task<PublishResult> PublishAsync(IPublisher publisher) => publisher.PublishAsync(EventBatch.Of(new BusEvent("x")), default).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
}
