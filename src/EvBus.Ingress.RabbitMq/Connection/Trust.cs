using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Whom a connection trusts, and what it shows of itself; keeps what was wrong with the broker's certificate in words.</summary>
internal sealed class Trust : IDisposable
{
    private const string ServerUsage = "1.3.6.1.5.5.7.3.1";

    private readonly RabbitMqTlsOptions _options;
    private readonly X509Certificate2Collection? _authorities;
    private readonly SslStreamCertificateContext? _own;

    private Trust(RabbitMqTlsOptions options)
    {
        _options = options;
        _authorities = Authorities(options);
        _own = options.CertFile is { } file ? Read("certfile", file, () => Own(options, file)) : null;
    }

    /// <exception cref="EvBusException">A file cannot be read.</exception>
    public static Trust Load(RabbitMqTlsOptions options) => new(options);

    /// <summary>What a connection to that host needs, with a place of its own for what is wrong.</summary>
    public Door For(string host)
    {
        var name = _options.ServerName ?? host;
        var door = new Door();
        door.Option = new SslOption(name, enabled: true)
        {
            ClientCertificateContext = _own,
            CertificateValidationCallback = (_, certificate, chain, errors) => (door.Problem = Problem(name, certificate as X509Certificate2, chain, errors)) is null,
        };
        return door;
    }

    public void Dispose()
    {
        // The client certificate stays: the connection may still need it, and its key is an ephemeral one.
        foreach (var authority in _authorities ?? [])
            authority.Dispose();
    }

    private string? Problem(string name, X509Certificate2? certificate, X509Chain? given, SslPolicyErrors errors)
    {
        if (!_options.Verifies)
            return null;
        if (certificate is null)
            return "it shows no certificate. Is this its TLS port?";
        return _options.ChecksHost && errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            ? $"its certificate is for {Names(certificate)}, not for '{name}'. Connect by a name it has, or set ssl_options: server_name."
            : ChainProblem(certificate, given, errors);
    }

    private string? ChainProblem(X509Certificate2 certificate, X509Chain? given, SslPolicyErrors errors)
    {
        X509ChainStatus[] found;
        if (_authorities is null)
        {
            found = errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) ? given?.ChainStatus ?? [] : [];
        }
        else
        {
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            // Where one authority signs both kinds, every client could pass for the broker otherwise.
            chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerUsage));
            // The authorities in between came with the handshake.
            if (given is not null)
                chain.ChainPolicy.ExtraStore.AddRange(given.ChainPolicy.ExtraStore);
            found = chain.Build(certificate) ? [] : chain.ChainStatus;
        }
        if (found.Length == 0)
            return null;
        var all = found.Aggregate(X509ChainStatusFlags.NoError, (flags, each) => flags | each.Status);
        if (all.HasFlag(X509ChainStatusFlags.PartialChain) || all.HasFlag(X509ChainStatusFlags.UntrustedRoot))
            return $"its certificate is from an unknown authority ({certificate.Issuer}). Name that authority's certificate in ssl_options: cafile.";
        if (all.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            return $"its certificate, or one it stands on, has expired or is not valid yet: it runs from {Day(certificate.NotBefore)} to {Day(certificate.NotAfter)}. "
                + "Renew it at the broker, and look at the clocks.";
        }
        if (all.HasFlag(X509ChainStatusFlags.NotValidForUsage))
            return $"its certificate is not for servers: its extended key usage lacks serverAuth ({ServerUsage}). Give the broker one that has it, or none.";
        return $"its certificate is refused: {string.Join(", ", found.Select(each => each.Status))}.";
    }

    private static string Day(DateTime time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);

    private static string Names(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(each => each.EnumerateDnsNames().Concat(each.EnumerateIPAddresses().Select(address => address.ToString()))).Take(5).ToList();
        return names.Count > 0 ? string.Join(", ", names) : certificate.Subject;
    }

    private static X509Certificate2Collection? Authorities(RabbitMqTlsOptions options)
    {
        if (options.CaFile is null && options.CaData is null)
            return null;
        var found = new X509Certificate2Collection();
        if (options.CaFile is { } file)
            Read("cafile", file, () => { found.ImportFromPemFile(file); return true; });
        if (options.CaData is { } text)
            Read("cadata", "the text there", () => { found.ImportFromPem(text); return true; });
        return found.Count > 0 ? found : throw new EvBusException("ssl_options: cafile and cadata hold no certificate. They must be PEM: '-----BEGIN CERTIFICATE-----'.");
    }

    /// <summary>The client certificate, with the authorities in between that its file holds: a broker knows the root alone.</summary>
    private static SslStreamCertificateContext Own(RabbitMqTlsOptions options, string file)
    {
        var found = new X509Certificate2Collection();
        X509Certificate2 own;
        if (File.ReadAllText(file).Contains("-----BEGIN", StringComparison.Ordinal))
        {
            own = options.KeyPassword is { } password
                ? X509Certificate2.CreateFromEncryptedPemFile(file, password, options.KeyFile)
                : X509Certificate2.CreateFromPemFile(file, options.KeyFile);
            found.ImportFromPemFile(file);
        }
        else
        {
            found = X509CertificateLoader.LoadPkcs12CollectionFromFile(file, options.KeyPassword);
            own = found.FirstOrDefault(each => each.HasPrivateKey) ?? throw new CryptographicException("it holds no certificate with a private key.");
        }
        return SslStreamCertificateContext.Create(own, found, offline: true);
    }

    private static T Read<T>(string key, string what, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new EvBusException($"ssl_options: {key}: {what} cannot be used: {e.Message}", e);
        }
    }
}

/// <summary>TLS with one host, and why its certificate was refused; null when it was not.</summary>
internal sealed class Door
{
    public SslOption Option { get; set; } = new();

    public string? Problem { get; set; }
}
