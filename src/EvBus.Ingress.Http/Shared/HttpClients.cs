using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EvBus.Ingress.Http;

/// <summary>Makes the client: by which way it goes, whom it trusts, and what it shows of itself.</summary>
internal static class HttpClients
{
    /// <summary>Makes one.</summary>
    /// <param name="line">What the profile says of the line.</param>
    /// <param name="proxy">By which way it goes.</param>
    /// <param name="profile">The profile with what it shows of itself.</param>
    /// <param name="refused">Is told what is wrong with a server's certificate that is not trusted.</param>
    /// <exception cref="EvBusException">A file cannot be read.</exception>
    public static HttpClient Create(HttpLine line, IWebProxy? proxy, Profile? profile, Action<string> refused)
    {
        var tls = new SslClientAuthenticationOptions
        {
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            {
                if (errors != SslPolicyErrors.None)
                    refused(HttpReasons.OfCertificate(certificate as X509Certificate2, chain, errors, line.Url.IdnHost));
                return errors == SslPolicyErrors.None;
            },
        };
        if (line.CaFile is { } ca)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(Read("ca_file", ca, () => Certificates(ca)));
        }
        if (line.CertFile is { } cert)
        {
            // With what stands between it and the authority: the server need not know that.
            tls.ClientCertificateContext = Read("cert_file", cert, () =>
            {
                using var own = X509Certificate2.CreateFromPemFile(cert, line.KeyFile);
                // A key that is only in memory is no good to the system's TLS everywhere.
                return SslStreamCertificateContext.Create(X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), null), Certificates(cert), offline: true);
            });
        }
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxConnectionsPerServer = line.Connections,
            // So that a moved name is noticed.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            // An answer's rest that does not come soon costs its connection, and never the next request's time.
            ResponseDrainTimeout = TimeSpan.FromSeconds(Math.Min(1, line.Timeout.TotalSeconds / 2)),
            MaxResponseDrainSize = 256 << 10,
            // The trace is the event's, not that of whoever started the bus.
            ActivityHeadersPropagator = null,
            UseProxy = proxy is not null,
            Proxy = proxy,
            SslOptions = tls,
        };
        var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        if (profile is null)
            return client;
        if (HttpKeys.Authorization(profile) is { } authorization)
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        foreach (var (name, value) in HttpKeys.Headers(profile))
            client.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
        return client;
    }

    private static X509Certificate2Collection Certificates(string path)
    {
        var found = new X509Certificate2Collection();
        found.ImportFromPemFile(path);
        return found.Count > 0 ? found : throw new CryptographicException("it has no certificate");
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
