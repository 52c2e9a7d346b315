using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>An authority made for this run, what it has signed, and an authority that has signed nothing of it, as PEM files.</summary>
internal sealed class Certificates : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-kafka-tls-").FullName;
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    public Certificates()
    {
        using var authority = Authority("evbus test");
        using var stranger = Authority("somebody else");
        Ca = Write("ca.pem", authority.ExportCertificatePem());
        OtherCa = Write("other.pem", stranger.ExportCertificatePem());
        using var server = Sign(authority, "localhost", out var serverKey);
        Server = Write("server.pem", $"{serverKey}\n{server.ExportCertificatePem()}\n{authority.ExportCertificatePem()}\n");
        using var client = Sign(authority, "client", out var clientKey);
        Client = Write("client.pem", client.ExportCertificatePem());
        ClientKey = Write("client.key", clientKey);
    }

    public string Ca { get; }

    public string OtherCa { get; }

    public string Server { get; }

    public string Client { get; }

    public string ClientKey { get; }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private X509Certificate2 Authority(string name)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        return request.CreateSelfSigned(_now.AddDays(-1), _now.AddDays(2));
    }

    private X509Certificate2 Sign(X509Certificate2 authority, string name, out string privateKey)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        privateKey = key.ExportPkcs8PrivateKeyPem();
        return request.Create(authority, _now.AddDays(-1), _now.AddDays(1), [1, 2, 3, (byte)name.Length]);
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
