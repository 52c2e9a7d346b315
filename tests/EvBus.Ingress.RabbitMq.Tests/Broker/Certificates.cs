using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>An authority and what it signed, made anew for each run.</summary>
public sealed class Certificates : IDisposable
{
    private static readonly DateTimeOffset s_now = TimeProvider.System.GetUtcNow();

    public Certificates()
    {
        Authority = Sign("CN=EvBus test authority", null, s_now.AddDays(-10), s_now.AddDays(10));
        Stranger = Sign("CN=Somebody else", null, s_now.AddDays(-10), s_now.AddDays(10));
        Broker = Sign("CN=localhost", Authority, s_now.AddDays(-1), s_now.AddDays(9), "localhost");
        Expired = Sign("CN=localhost", Authority, s_now.AddDays(-5), s_now.AddDays(-2), "localhost");
        Client = Sign("CN=evbus-client", Authority, s_now.AddDays(-1), s_now.AddDays(9));
        Between = Sign("CN=EvBus authority in between", Authority, s_now.AddDays(-5), s_now.AddDays(9), isAuthority: true);
        ClientOfBetween = Sign("CN=evbus-client", Between, s_now.AddDays(-1), s_now.AddDays(8));
        ForClientsOnly = Sign("CN=localhost", Authority, s_now.AddDays(-1), s_now.AddDays(9), "localhost", usage: "1.3.6.1.5.5.7.3.2");
    }

    public Certificate Authority { get; }

    public Certificate Stranger { get; }

    public Certificate Broker { get; }

    public Certificate Expired { get; }

    public Certificate Client { get; }

    public Certificate Between { get; }

    public Certificate ClientOfBetween { get; }

    public Certificate ForClientsOnly { get; }

    public void Dispose()
    {
        foreach (var certificate in new[] { Authority, Stranger, Broker, Expired, Client, Between, ClientOfBetween, ForClientsOnly })
            certificate.Dispose();
    }

    private static Certificate Sign(string subject, Certificate? by, DateTimeOffset from, DateTimeOffset to, string? host = null, bool isAuthority = false, string? usage = null)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(by is null || isAuthority, false, 0, critical: true));
        if (host is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(host);
            names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
        }
        if (usage is not null)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        if (by is null)
            return new Certificate(request.CreateSelfSigned(from, to));
        using var signed = request.Create(by.Value, from, to, RandomNumberGenerator.GetBytes(8));
        return new Certificate(signed.CopyWithPrivateKey(key));
    }
}

public sealed record Certificate(X509Certificate2 Value) : IDisposable
{
    public string Save(string folder, string name)
    {
        var path = Path.Combine(folder, $"{name}.pem");
        File.WriteAllText(path, Value.ExportCertificatePem());
        return path;
    }

    public string SaveKey(string folder, string name)
    {
        var path = Path.Combine(folder, $"{name}.key");
        File.WriteAllText(path, Value.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        return path;
    }

    public void Dispose() => Value.Dispose();
}
