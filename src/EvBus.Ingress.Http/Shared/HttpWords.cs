using System.IO.Compression;
using System.Net;
using System.Text;

namespace EvBus.Ingress.Http;

/// <summary>What an answer says in its body: it comes from outside and goes into reasons and logs, so it is bounded, on one line, and without what the profile keeps secret.</summary>
internal sealed class HttpWords
{
    private const int Most = 500;
    private const int MostBytes = 4096;

    // What is shorter occurs in ordinary words.
    private const int ShortestSecret = 4;

    private readonly List<string> _secrets = [];

    /// <param name="profile">Whose secrets an answer may repeat.</param>
    /// <param name="addresses">Their paths and queries may be secrets.</param>
    public HttpWords(Profile? profile, params Uri?[] addresses)
    {
        foreach (var address in addresses)
        {
            if (address is null)
                continue;
            string[] parts = [address.PathAndQuery, address.AbsolutePath, .. address.PathAndQuery.Split('/', '?', '&', '=').Where(part => part.Length >= 8)];
            _secrets.AddRange(parts.SelectMany(part => (string[])[part, Uri.UnescapeDataString(part)]));
        }
        if (profile is null)
            return;
        foreach (var key in (string[])["token", "password", "secret", "proxy_password"])
            _secrets.Add(HttpKeys.Get([], () => profile.GetString(key)) ?? "");
        _secrets.AddRange(HttpKeys.Headers(profile).SelectMany(header => (string[])[header.Value, .. header.Value.Split(' ', ';', ',', '=').Where(part => part.Length >= 8)]));
        _secrets.Add(HttpKeys.Authorization(profile)?.Split(' ')[^1] ?? "");
        _secrets.RemoveAll(secret => secret.Length < ShortestSecret);
        _secrets.Sort((a, b) => b.Length - a.Length);
    }

    /// <summary>The words of an answer; empty when there are none, or none for people, or they do not come.</summary>
    public async ValueTask<string> ReadAsync(HttpResponseMessage response, TimeSpan patience, TimeProvider time)
    {
        var type = response.Content.Headers.ContentType?.MediaType ?? "text/plain";
        // A page is for a browser, and says mostly what the status says.
        if (!type.Contains("json", StringComparison.OrdinalIgnoreCase) && (!type.StartsWith("text/", StringComparison.OrdinalIgnoreCase) || type.Equals("text/html", StringComparison.OrdinalIgnoreCase)))
            return "";
        using var end = new CancellationTokenSource(patience, time);
        return Say(Encoding.UTF8.GetString((await ReadAsync(response, MostBytes, end.Token).ConfigureAwait(false)).Bytes));
    }

    /// <summary>Somebody's words as they may be repeated.</summary>
    public string Say(string text)
    {
        foreach (var secret in _secrets)
            text = text.Replace(secret, "***", StringComparison.Ordinal);
        var words = new StringBuilder(Math.Min(text.Length, Most + 1));
        foreach (var rune in text.EnumerateRunes())
        {
            var isSpace = Rune.IsWhiteSpace(rune) || Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) == System.Globalization.UnicodeCategory.Format;
            if (isSpace && (words.Length == 0 || words[^1] == ' '))
                continue;
            if (words.Length >= Most)
                return words.Append('…').ToString();
            words.Append(isSpace ? " " : rune.ToString());
        }
        return words.ToString().TrimEnd();
    }

    /// <summary>The body of an answer, unpacked, up to a length.</summary>
    /// <returns>What was read, and whether that is all: not where it is longer, broke off, did not come in time, or is packed in a way that nobody knows here.</returns>
    public static async ValueTask<(byte[] Bytes, bool IsWhole)> ReadAsync(HttpResponseMessage response, int most, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentLength == 0)
            return ([], true);
        var bytes = new byte[Math.Min(most, 512)];
        var length = 0;
        try
        {
            var raw = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            using var stream = Unpack(raw, response.Content.Headers.ContentEncoding);
            if (stream is null)
                return ([], false);
            while (true)
            {
                if (length == bytes.Length)
                {
                    if (length == most)
                        return (bytes, await stream.ReadAsync(new byte[1], cancellationToken).ConfigureAwait(false) == 0);
                    Array.Resize(ref bytes, Math.Min(most, bytes.Length * 4));
                }
                var read = await stream.ReadAsync(bytes.AsMemory(length), cancellationToken).ConfigureAwait(false);
                if (read == 0)
                    return (bytes[..length], true);
                length += read;
            }
        }
        catch (Exception e) when (e is IOException or HttpRequestException or InvalidDataException or OperationCanceledException)
        {
            // The status is there, and says enough.
            return (bytes[..length], false);
        }
    }

    private static Stream? Unpack(Stream raw, ICollection<string> encodings) => encodings.Count == 0 ? raw
        : encodings.Count > 1 ? null
        : encodings.First().ToUpperInvariant() switch
        {
            "IDENTITY" => raw,
            "GZIP" or "X-GZIP" => new GZipStream(raw, CompressionMode.Decompress),
            "DEFLATE" => new ZLibStream(raw, CompressionMode.Decompress),
            "BR" => new BrotliStream(raw, CompressionMode.Decompress),
            _ => null,
        };
}
