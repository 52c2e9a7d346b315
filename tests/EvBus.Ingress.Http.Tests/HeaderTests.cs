using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Http.Tests;

/// <summary>What of a profile becomes a header, and what is refused before anything is sent.</summary>
public sealed class HeaderTests
{
    [Theory]
    [InlineData("token", "abc\n")]
    [InlineData("token", "abc\r\n")]
    [InlineData("token", " abc \n\n")]
    public async Task A_line_break_at_the_end_of_a_token_is_not_sent_and_the_body_arrives(string key, string value)
    {
        await using var server = await WebServer.StartAsync();
        server.Answer = (_, _) => true;
        await PublishAsync(server, (key, value), ("headers", new Dictionary<string, object?> { ["X-Team"] = "blue\n" }));
        var seen = server.Requests.Single();
        Assert.Equal(("Bearer abc", "blue", "{\"order\":1}"), (seen.Headers["Authorization"], seen.Headers["X-Team"], Encoding.UTF8.GetString(seen.Body)));
    }

    [Fact]
    public async Task A_line_break_at_the_end_of_a_name_or_a_password_is_not_sent()
    {
        await using var server = await WebServer.StartAsync();
        server.Answer = (_, _) => true;
        await PublishAsync(server, ("username", "me\n"), ("password", "pw\r\n"));
        Assert.Equal($"Basic {Convert.ToBase64String("me:pw"u8)}", server.Requests.Single().Headers["Authorization"]);
    }

    [Theory]
    [InlineData("token", "abc\r\nX-Injected: 1", "token has a line break")]
    [InlineData("token", "a\0bc", "token has a line break or another control character")]
    [InlineData("token", "zürich", "token has a letter that is not ASCII")]
    [InlineData("token", "", "token is empty")]
    [InlineData("token", "\n", "token is empty")]
    [InlineData("token", 83L, "token must be a text. Put it in quotes")]
    [InlineData("username", "a:b", "username has a colon")]
    [InlineData("username", "a\nb", "username has a line break")]
    [InlineData("password", "alone", "password has no username")]
    [InlineData("X-A", "a\nb", "headers: X-A has a line break")]
    [InlineData("X-A", "ü", "headers: X-A has a letter that is not ASCII")]
    [InlineData("X-Api-Version", 1.0, "headers: X-Api-Version must be a text. Put it in quotes")]
    [InlineData("X-Account", 83L, "headers: X-Account must be a text. Put it in quotes")]
    [InlineData("X-Debug", true, "headers: X-Debug must be a text. Put it in quotes")]
    [InlineData("X Bad", "a", "headers: X Bad is no header of a request")]
    [InlineData("Content-Type", "a", "headers: Content-Type is no header of a request")]
    [InlineData("Transfer-Encoding", "chunked", "headers: Transfer-Encoding is a header that the connection or the event gives")]
    [InlineData("Idempotency-Key", "a", "headers: Idempotency-Key is a header that the connection or the event gives")]
    [InlineData("CE-Id", "a", "headers: CE-Id is a header that the connection or the event gives")]
    [InlineData("secret", "", "secret is empty")]
    [InlineData("signature_header", "X Bad", "signature_header is no name of a header")]
    [InlineData("signature_header", "Content-Type", "signature_header is no name of a header")]
    [InlineData("signature_header", "Content-Length", "signature_header is no name of a header")]
    [InlineData("signature_header", "ce-id", "signature_header is no name of a header")]
    [InlineData("signature_header", "authorization", "signature_header has a meaning of its own")]
    [InlineData("signature_header", "Host", "signature_header has a meaning of its own")]
    [InlineData("signature_header", "", "signature_header is no name of a header")]
    [InlineData("proxy", "socks5://host", "proxy must be system, none, or an absolute http or https URL")]
    [InlineData("proxy", "http://me:pw@host", "proxy has credentials in it. Give them as proxy_username and proxy_password")]
    [InlineData("proxy_username", "me", "proxy_username is for a proxy that the profile names")]
    public void What_can_be_no_header_is_refused_at_the_start_with_its_name_and_without_its_value(string key, object value, string said)
    {
        var isHeader = key.Contains('-', StringComparison.Ordinal) || key == "X Bad";
        var error = Assert.Single(Validate((isHeader ? "headers" : key, isHeader ? new Dictionary<string, object?> { [key] = value } : value)));
        Assert.StartsWith($"Profile http/test: {said}", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_ways_to_say_who_is_asking_are_refused()
    {
        var headers = new Dictionary<string, object?> { ["authorization"] = "ApiKey abc" };
        Assert.Contains("two ways to say who is asking", Assert.Single(Validate(("token", "t"), ("headers", headers))), StringComparison.Ordinal);
        Assert.Contains("two ways to say who is asking", Assert.Single(Validate(("username", "t"), ("headers", headers))), StringComparison.Ordinal);
        Assert.Empty(Validate(("headers", headers)));
    }

    [Fact]
    public void A_header_that_is_there_twice_is_refused()
    {
        Assert.Contains("is there twice", Assert.Single(Validate(("headers", new Dictionary<string, object?> { ["X-A"] = "1", ["x-a"] = "2" }))), StringComparison.Ordinal);
        Assert.Contains("stands in headers already", Assert.Single(Validate(("secret", "s"), ("headers", new Dictionary<string, object?> { ["x-evbus-signature"] = "1" }))), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_url_only_scheme_host_and_port_are_printed()
    {
        var options = HttpIngressOptions.Read(Profile(("url", "https://host:8443/hook/s3cret?sig=s3cret"), ("probe", "https://host/s3cret")));
        Assert.DoesNotContain("s3cret", options.ToString(), StringComparison.Ordinal);
        var json = JsonSerializer.Serialize(options);
        Assert.DoesNotContain("s3cret", json, StringComparison.Ordinal);
        Assert.Contains("https://host:8443", json, StringComparison.Ordinal);
        Assert.Contains("https://host:8443", options.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://203.0.113.7/", "token", 1)]
    [InlineData("http://203.0.113.7/", "username", 1)]
    [InlineData("http://203.0.113.7/", "colour", 0)]
    [InlineData("https://203.0.113.7/", "token", 0)]
    [InlineData("http://localhost:1/", "token", 0)]
    [InlineData("http://127.9.9.9:1/", "token", 0)]
    [InlineData("http://[::1]:1/", "token", 0)]
    public async Task Credentials_on_a_line_that_others_can_read_are_warned_of_once(string url, string key, int warnings)
    {
        var words = new Words();
        var profile = key == "colour" ? Profile(("url", url)) : Profile(("url", url), (key, "t0ken"));
        await using var publisher = new HttpPublisher(new IngressContext("http/test", profile, null, null, words, TimeProvider.System), HttpIngressOptions.Read(profile));
        for (var i = 0; i < 3; i++)
            await publisher.ConnectAsync(default);
        Assert.Equal(warnings, words.Said.Count(said => said.Contains("not encrypted", StringComparison.Ordinal)));
        Assert.DoesNotContain(words.Said, said => said.Contains("t0ken", StringComparison.Ordinal));
    }

    private static async Task PublishAsync(WebServer server, params (string Key, object? Value)[] more)
    {
        var profile = Profile([("url", $"http://127.0.0.1:{server.Port}/"), .. more]);
        await using IPublisher publisher = new HttpPublisher(new IngressContext("http/test", profile, null, null, NullLogger.Instance, TimeProvider.System), HttpIngressOptions.Read(profile));
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(new BusEvent("{\"order\":1}")), default));
    }

    private static IReadOnlyList<string> Validate(params (string, object?)[] more) => HttpIngress.Descriptor.Validate!(Profile([("url", "http://localhost/"), .. more]));

    private static Profile Profile(params (string Key, object? Value)[] values) => new("http", "test", values.ToDictionary(each => each.Key, each => each.Value));

    private sealed class Words : ILogger
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Said.Add(formatter(state, exception));
    }
}
