using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EvBus.Ingress.Http;

/// <summary>Makes the client: whom it trusts, and what it shows of itself.</summary>
internal static class HttpClients
{
    /// <exception cref="EvBusException">A file cannot be read.</exception>
    public static HttpClient Create(HttpFiles files, int connections, Profile? profile)
    {
        var tls = new SslClientAuthenticationOptions();
        if (files.CaFile is { } ca)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(Read("ca_file", ca, () =>
            {
                var found = new X509Certificate2Collection();
                found.ImportFromPemFile(ca);
                return found.Count > 0 ? found : throw new CryptographicException("it has no certificate");
            }));
        }
        if (files.CertFile is { } cert)
            tls.ClientCertificates = [Read("cert_file", cert, () => X509Certificate2.CreateFromPemFile(cert, files.KeyFile))];
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxConnectionsPerServer = connections,
            // So that a moved name is noticed.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            SslOptions = tls,
        };
        var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = 1 << 20 };
        if (profile is null)
            return client;
        if (HttpKeys.Authorization(profile) is { } authorization)
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        foreach (var (name, value) in HttpKeys.Headers(profile))
            client.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
        return client;
    }

    private static T Read<T>(string key, string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new EvBusException($"{key} {path} cannot be used: {e.Message}", e);
        }
    }
}
