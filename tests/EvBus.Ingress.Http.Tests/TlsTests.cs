using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EvBus.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.Http.Tests;

public sealed class TlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-http-tls-").FullName;
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private readonly X509Certificate2 _authority;
    private readonly X509Certificate2 _server;

    public TlsTests()
    {
        var authority = _authority = Authority("evbus test");
        using var stranger = Authority("somebody else");
        File.WriteAllText(Path("ca.pem"), authority.ExportCertificatePem());
        File.WriteAllText(Path("other.pem"), stranger.ExportCertificatePem());
        _server = Sign(authority, "localhost", 1);
        using var client = Sign(authority, "client", 2);
        File.WriteAllText(Path("client.pem"), client.ExportCertificatePem());
        File.WriteAllText(Path("client.key"), client.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        using var between = Sign(authority, "between", 3, isAuthority: true);
        using var deep = Sign(between, "deep client", 4);
        File.WriteAllText(Path("chain.pem"), $"{deep.ExportCertificatePem()}\n{between.ExportCertificatePem()}\n");
        File.WriteAllText(Path("chain.key"), deep.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose()
    {
        _authority.Dispose();
        _server.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_server_is_trusted_by_the_authority_of_the_profile_and_sees_the_client_s_certificate()
    {
        await using var server = await WebServer.StartAsync(_server, wantsClient: true);
        var result = await PublishAsync(server, ("ca_file", Path("ca.pem")), ("cert_file", Path("client.pem")), ("key_file", Path("client.key")));
        Assert.Equal(PublishResult.Delivered, result);
        Assert.Equal("CN=client", server.Requests.Single().Client);
    }

    [Fact]
    public async Task What_stands_between_the_client_s_certificate_and_the_authority_is_sent_with_it()
    {
        await using var server = await WebServer.StartAsync(_server, wantsClient: true);
        // The server knows the root alone.
        server.Trusted = _authority;
        var result = await PublishAsync(server, ("ca_file", Path("ca.pem")), ("cert_file", Path("chain.pem")), ("key_file", Path("chain.key")));
        Assert.Equal(PublishResult.Delivered, result);
        Assert.Equal("CN=deep client", server.Requests.Single().Client);
    }

    [Theory]
    [InlineData("chain.pem", "chain.key", "the server refuses the client's certificate, or wants one")]
    [InlineData(null, null, "the server refuses the client's certificate, or wants one")]
    public async Task A_client_certificate_that_is_refused_or_missing_is_said(string? certificate, string? key, string said)
    {
        using var authority = new Openssl(_folder, _server, Path("other.pem"));
        var result = certificate is null
            ? await PublishAsync(authority.Port, ("ca_file", Path("ca.pem")))
            : await PublishAsync(authority.Port, ("ca_file", Path("ca.pem")), ("cert_file", Path(certificate)), ("key_file", Path(key!)));
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains(said, result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_for_another_name_is_said_with_the_names_it_is_for()
    {
        await using var server = await WebServer.StartAsync(Sign(_authority, "elsewhere.example", 7, isForLoopback: false));
        var result = await PublishAsync(server, ("ca_file", Path("ca.pem")));
        Assert.Contains("the server's certificate is for another name than localhost: elsewhere.example", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_has_expired_is_said_with_its_days()
    {
        await using var server = await WebServer.StartAsync(Sign(_authority, "localhost", 8, until: _now.AddHours(-12)));
        var result = await PublishAsync(server, ("ca_file", Path("ca.pem")));
        Assert.Contains("has expired, or is not valid yet", result.Reason, StringComparison.Ordinal);
        Assert.Contains(_now.AddHours(-12).UtcDateTime.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture), result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_does_not_speak_TLS_or_does_at_an_http_url_is_said()
    {
        await using var chatty = new RawServer((_, _, _) => Task.CompletedTask) { Greeting = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" };
        Assert.Contains("does not speak TLS", (await PublishAsync(chatty.Port)).Reason, StringComparison.Ordinal);
        await using var alert = new RawServer((_, _, _) => Task.CompletedTask) { Greeting = "\u0015\u0003\u0001\u0000\u0002\u0002\u0016\r\n\r\n" };
        Assert.Contains("does not speak HTTP", (await PublishAsync(alert.Port, ("url", $"http://localhost:{alert.Port}/"))).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_line_that_is_reset_in_the_handshake_or_in_the_answer_is_said()
    {
        await using var closing = new RawServer((_, _, _) => Task.CompletedTask) { Resets = true };
        Assert.Matches("in the middle of the TLS handshake", (await PublishAsync(closing.Port)).Reason!);
        Assert.Matches("broke the connection|closed the connection", (await PublishAsync(closing.Port, ("url", $"http://localhost:{closing.Port}/"))).Reason!);
    }

    [Theory]
    [InlineData("other.pem")]
    [InlineData(null)]
    public async Task A_server_whose_authority_nobody_named_gets_no_event(string? authority)
    {
        await using var server = await WebServer.StartAsync(_server);
        var result = authority is null ? await PublishAsync(server) : await PublishAsync(server, ("ca_file", Path(authority)));
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains("the server's certificate is of an authority that is not trusted. Name the authority's certificate as ca_file", result.Reason, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_read_is_named_with_its_key()
    {
        await using var server = await WebServer.StartAsync(_server);
        var e = await Assert.ThrowsAsync<EvBusException>(() => PublishAsync(server, ("ca_file", Path("missing.pem"))));
        Assert.Contains("ca_file", e.Message, StringComparison.Ordinal);
    }

    private string Path(string name) => System.IO.Path.Combine(_folder, name);

    private static Task<PublishResult> PublishAsync(WebServer server, params (string Key, string Value)[] more) => PublishAsync(server.Port, more);

    private static async Task<PublishResult> PublishAsync(int port, params (string Key, string Value)[] more)
    {
        var values = new Dictionary<string, object?> { ["url"] = $"https://localhost:{port}/" };
        foreach (var (key, value) in more)
            values[key] = value;
        var profile = new Profile("http", "tls", values);
        await using var publisher = HttpIngress.Descriptor.Create(new IngressContext("http/tls", profile, null, null, NullLogger.Instance, TimeProvider.System));
        await publisher.ConnectAsync(default);
        return await publisher.PublishAsync(EventBatch.Of(new BusEvent("x")), default);
    }

    private X509Certificate2 Authority(string name)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        return request.CreateSelfSigned(_now.AddDays(-1), _now.AddDays(2));
    }

    private X509Certificate2 Sign(X509Certificate2 authority, string name, byte serial, bool isAuthority = false, bool isForLoopback = true, DateTimeOffset? until = null)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        if (isAuthority)
        {
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        }
        else
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(name.Replace(' ', '-'));
            if (isForLoopback)
                names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
        }
        using var signed = request.Create(authority, _now.AddDays(-1), until ?? _now.AddDays(1), [1, 2, 3, serial]);
        using var own = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }

    /// <summary>openssl's own server, which asks for a client certificate of an authority and ends the line without one.</summary>
    private sealed class Openssl : IDisposable
    {
        private readonly System.Diagnostics.Process _process;

        public Openssl(string folder, X509Certificate2 certificate, string authority)
        {
            File.WriteAllText($"{folder}/s.pem", certificate.ExportCertificatePem());
            File.WriteAllText($"{folder}/s.key", certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
            var start = new System.Diagnostics.ProcessStartInfo("openssl", ["s_server", "-accept", "127.0.0.1:0", "-cert", $"{folder}/s.pem", "-key", $"{folder}/s.key", "-CAfile", authority, "-Verify", "3", "-verify_return_error", "-www"])
            {
                RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
            };
            _process = System.Diagnostics.Process.Start(start)!;
            while (_process.StandardOutput.ReadLine() is { } line)
            {
                if (line.StartsWith("ACCEPT 127.0.0.1:", StringComparison.Ordinal))
                {
                    Port = int.Parse(line["ACCEPT 127.0.0.1:".Length..], System.Globalization.CultureInfo.InvariantCulture);
                    return;
                }
            }
            throw new InvalidOperationException("openssl s_server did not start: " + _process.StandardError.ReadToEnd());
        }

        public int Port { get; }

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
