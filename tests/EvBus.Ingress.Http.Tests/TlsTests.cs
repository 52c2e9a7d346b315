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
    private readonly X509Certificate2 _server;

    public TlsTests()
    {
        using var authority = Authority("evbus test");
        using var stranger = Authority("somebody else");
        File.WriteAllText(Path("ca.pem"), authority.ExportCertificatePem());
        File.WriteAllText(Path("other.pem"), stranger.ExportCertificatePem());
        _server = Sign(authority, "localhost", 1);
        using var client = Sign(authority, "client", 2);
        File.WriteAllText(Path("client.pem"), client.ExportCertificatePem());
        File.WriteAllText(Path("client.key"), client.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose()
    {
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

    [Theory]
    [InlineData("other.pem")]
    [InlineData(null)]
    public async Task A_server_whose_authority_nobody_named_gets_no_event(string? authority)
    {
        await using var server = await WebServer.StartAsync(_server);
        var result = authority is null ? await PublishAsync(server) : await PublishAsync(server, ("ca_file", Path(authority)));
        Assert.Equal(Verdict.Disconnected, result.Verdict);
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

    private static async Task<PublishResult> PublishAsync(WebServer server, params (string Key, string Value)[] more)
    {
        var values = new Dictionary<string, object?> { ["url"] = $"https://localhost:{server.Port}/" };
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

    private X509Certificate2 Sign(X509Certificate2 authority, string name, byte serial)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(authority, _now.AddDays(-1), _now.AddDays(1), [1, 2, 3, serial]);
        using var own = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), null);
    }
}
