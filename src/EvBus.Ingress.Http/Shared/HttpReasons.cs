using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace EvBus.Ingress.Http;

/// <summary>Why there was no answer, in words for an operator. What says it mostly stands in the innermost exception.</summary>
internal static class HttpReasons
{
    /// <summary>Why a request got no answer.</summary>
    /// <param name="e">What the client said.</param>
    /// <param name="name">Who was asked.</param>
    /// <param name="certificate">What was wrong with the server's certificate; null when nothing was, or nobody came so far.</param>
    public static string Of(Exception e, string name, string? certificate)
    {
        var text = Text(e);
        if (Inside<AuthenticationException>(e) is not null || (e as HttpRequestException)?.HttpRequestError == HttpRequestError.SecureConnectionError || text.Contains(":SSL routines:", StringComparison.Ordinal))
            return $"{name}: {certificate ?? Tls(text)}";
        if (Inside<SocketException>(e) is { } socket)
        {
            return socket.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => $"{name}: Connection refused: nobody listens there. Does it run, and are host and port right?",
                SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => $"{name}: the host's name cannot be resolved ({socket.Message}). Check the url.",
                SocketError.ConnectionReset or SocketError.Shutdown or SocketError.ConnectionAborted => $"{name} broke the connection ({socket.Message}).",
                _ => $"{name}: {socket.Message}.",
            };
        }
        return (e as HttpRequestException)?.HttpRequestError switch
        {
            HttpRequestError.ResponseEnded => $"{name} closed the connection before its answer was whole.",
            HttpRequestError.InvalidResponse => $"{name}: what answers there does not speak HTTP. Is it https?",
            HttpRequestError.ProxyTunnelError => $"{name}: the proxy made no way to it: {e.Message}",
            _ => $"{name}: {Innermost(e).Message}",
        };
    }

    /// <summary>What is wrong with a server's certificate.</summary>
    public static string OfCertificate(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors, string host)
    {
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return "the server shows no certificate.";
        var status = chain?.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, each) => all | each.Status) ?? X509ChainStatusFlags.NoError;
        var wrong = new List<string>();
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            wrong.Add($"is for another name than {host}: {Names(certificate)}");
        if (status.HasFlag(X509ChainStatusFlags.NotTimeValid))
            wrong.Add(string.Create(CultureInfo.InvariantCulture, $"has expired, or is not valid yet, or one above it is: it is valid from {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd} to {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}"));
        if ((status & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain)) != 0)
            wrong.Add("is of an authority that is not trusted. Name the authority's certificate as ca_file");
        var rest = status & ~(X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotTimeValid | X509ChainStatusFlags.RevocationStatusUnknown | X509ChainStatusFlags.OfflineRevocation);
        if (rest != 0 || wrong.Count == 0)
            wrong.Add($"cannot be used ({(rest != 0 ? rest : status)})");
        return $"the server's certificate {string.Join("; it ", wrong)}.";
    }

    private static string Tls(string text) => text switch
    {
        _ when Has(text, "alert unknown ca", "alert bad certificate", "alert certificate", "certificate required", "alert unsupported certificate", "alert access denied") =>
            "the server refuses the client's certificate, or wants one. Check cert_file (with the certificates between it and the authority) and key_file.",
        _ when Has(text, "handshake failure") => "no TLS could be agreed on: handshake failure. Perhaps the server wants a client certificate (cert_file).",
        _ when Has(text, "protocol version", "wrong version number", "unsupported protocol", "Cannot determine the frame size", "corrupted frame", "http request") =>
            "what answers there does not speak TLS, or no version of it that both know. Is it http?",
        _ when Has(text, "unexpected EOF", "0 bytes from the transport") => "the connection was closed in the middle of the TLS handshake. Does TLS answer at that port?",
        _ when Has(text, "reset by peer", "Broken pipe") => "the connection was reset in the middle of the TLS handshake.",
        _ => $"no TLS could be agreed on: {text}",
    };

    private static bool Has(string text, params ReadOnlySpan<string> words)
    {
        foreach (var word in words)
        {
            if (text.Contains(word, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return false;
    }

    private static string Names(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(each => each.EnumerateDnsNames().Concat(each.EnumerateIPAddresses().Select(ip => ip.ToString()))).Take(5).ToArray();
        return new string([.. (names.Length > 0 ? string.Join(", ", names) : certificate.Subject).Take(200).Where(c => !char.IsControl(c))]);
    }

    // All that the chain of exceptions says, the outermost left out where there is more.
    private static string Text(Exception e)
    {
        var said = new List<string>();
        for (var at = e.InnerException ?? e; at is not null; at = at.InnerException)
            said.Add(at.Message);
        return string.Join(' ', said.Distinct());
    }

    private static Exception Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e;

    private static T? Inside<T>(Exception e) where T : Exception
    {
        for (var at = e; at is not null; at = at.InnerException)
        {
            if (at is T found)
                return found;
        }
        return null;
    }
}
