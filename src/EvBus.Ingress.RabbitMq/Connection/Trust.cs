using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Whom a connection trusts, and what it shows of itself; keeps what was wrong with the broker's certificate in words.</summary>
internal sealed class Trust : IDisposable
{
    private readonly RabbitMqTlsOptions _options;
    private readonly X509Certificate2Collection? _authorities;
    private readonly X509Certificate2? _own;

    private Trust(RabbitMqTlsOptions options)
    {
        _options = options;
        _authorities = Authorities(options);
        _own = options.CertFile is { } file ? Read("certfile", file, () => Own(options, file)) : null;
    }

    /// <summary>Why the broker's certificate was refused; null when it was not.</summary>
    public string? Problem { get; private set; }

    /// <exception cref="EvBusException">A file cannot be read.</exception>
    public static Trust Load(RabbitMqTlsOptions options) => new(options);

    public SslOption For(string host)
    {
        var name = _options.ServerName ?? host;
        return new SslOption(name, enabled: true)
        {
            Certs = _own is null ? null : [_own],
            CertificateValidationCallback = (_, certificate, chain, errors) => IsGood(name, certificate as X509Certificate2, chain, errors),
        };
    }

    public void Dispose()
    {
        // The client certificate stays: the connection may still need it, and its key is an ephemeral one.
        foreach (var authority in _authorities ?? [])
            authority.Dispose();
    }

    private bool IsGood(string name, X509Certificate2? certificate, X509Chain? given, SslPolicyErrors errors)
    {
        if (!_options.Verifies)
            return true;
        if (certificate is null)
            Problem = "it shows no certificate. Is this its TLS port?";
        else if (_options.ChecksHost && errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            Problem = $"its certificate is for {Names(certificate)}, not for '{name}'. Connect by a name it has, or set ssl_options: server_name.";
        else
            Problem = ChainProblem(certificate, given, errors);
        return Problem is null;
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

    private static X509Certificate2 Own(RabbitMqTlsOptions options, string file)
    {
        if (!File.ReadAllText(file).Contains("-----BEGIN", StringComparison.Ordinal))
            return X509CertificateLoader.LoadPkcs12FromFile(file, options.KeyPassword);
        return options.KeyPassword is { } password
            ? X509Certificate2.CreateFromEncryptedPemFile(file, password, options.KeyFile)
            : X509Certificate2.CreateFromPemFile(file, options.KeyFile);
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
