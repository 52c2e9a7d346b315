using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;

namespace EvBus.Ingress.Http;

/// <summary>What a request carries.</summary>
public enum HttpFormat
{
    /// <summary>One event: its body, with its content type; the event's id is in <c>Idempotency-Key</c>.</summary>
    Body,

    /// <summary>A batch: a JSON array of the bodies. A body that is no JSON is rejected.</summary>
    Json,

    /// <summary>A batch: one body per line. Line breaks inside JSON are folded away; other bodies with line breaks are rejected.</summary>
    Ndjson,

    /// <summary>One event as a structured CloudEvent.</summary>
    CloudEvents,

    /// <summary>One event as a binary CloudEvent: attributes in <c>ce-</c> headers.</summary>
    CloudEventsBinary,

    /// <summary>A batch: a JSON array of structured CloudEvents.</summary>
    CloudEventsBatch,
}

/// <summary>The keys of an <c>http:</c> profile that are no secrets; the secrets stay in the profile.</summary>
public sealed record HttpIngressOptions
{
    /// <summary><c>url</c>: where requests go; http or https, without credentials in it. Required. Only its host is ever repeated: the rest may be a secret.</summary>
    [JsonConverter(typeof(HostOnly))]
    public required Uri Url { get; init; }

    /// <summary><c>format</c>: <c>body</c> (default), <c>json</c>, <c>ndjson</c>, <c>cloudevents</c>, <c>cloudevents_binary</c> or <c>cloudevents_batch</c>.</summary>
    public HttpFormat Format { get; init; }

    /// <summary><c>method</c>: <c>POST</c> (default) or <c>PUT</c>.</summary>
    public HttpMethod Method { get; init; } = HttpMethod.Post;

    /// <summary><c>timeout</c>: for one request, in seconds; 1 to 3600. Default: 10. Keep it below the lane's.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary><c>connections</c>: requests at a time, 1 to 256; with more than 1 the events of a batch overtake each other. Only for formats with one event per request. Default: 1.</summary>
    public int Connections { get; init; } = 1;

    /// <summary><c>probe</c>: a URL that is read at each connect; 401 and 403 are refused credentials. Default: none, so that credentials are noticed at the first event.</summary>
    [JsonConverter(typeof(HostOnly))]
    public Uri? Probe { get; init; }

    /// <summary><c>proxy</c>: <c>system</c> (default: what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, and never for this machine itself), <c>none</c>, or the URL of one, without credentials in it.</summary>
    public string Proxy { get; init; } = "system";

    /// <summary><c>signature_header</c>: where the signature goes when the profile has a <c>secret</c>. No header that HTTP, the event or the profile's <c>headers</c> give. Default: <c>X-EvBus-Signature</c>.</summary>
    public string SignatureHeader { get; init; } = "X-EvBus-Signature";

    /// <summary><c>ca_file</c>: the authorities to trust instead of the system's, PEM. Default: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary><c>cert_file</c>: the client certificate, PEM. Default: none.</summary>
    public string? CertFile { get; init; }

    /// <summary><c>key_file</c>: its key, PEM. Default: it stands in <c>cert_file</c>.</summary>
    public string? KeyFile { get; init; }

    internal HttpLine Line => new(Url, Proxy, Timeout, CaFile, CertFile, KeyFile) { Connections = Connections };

    internal bool IsBatch => Format is HttpFormat.Json or HttpFormat.Ndjson or HttpFormat.CloudEventsBatch;

    private static readonly string[] s_keys =
    [
        "url", "format", "method", "timeout", "connections", "probe", "secret", "signature_header", .. HttpKeys.Names, "lane", "max_age",
    ];

    private static readonly (string Word, HttpFormat Format)[] s_formats =
    [
        ("body", HttpFormat.Body), ("json", HttpFormat.Json), ("ndjson", HttpFormat.Ndjson), ("cloudevents", HttpFormat.CloudEvents),
        ("cloudevents_binary", HttpFormat.CloudEventsBinary), ("cloudevents_batch", HttpFormat.CloudEventsBatch),
    ];

    /// <summary>The keys with their values; of the URLs only scheme, host and port.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"http {Method} {HostOnly.Of(Url)}, format {Format}, timeout {Timeout.TotalSeconds} s, connections {Connections}{(Probe is null ? "" : $", probe {HostOnly.Of(Probe)}")}");

    /// <summary>Reads a profile.</summary>
    /// <exception cref="EvBusConfigurationException">It cannot work; all errors at once.</exception>
    public static HttpIngressOptions Read(Profile profile) => TryRead(profile, out var errors) ?? throw new EvBusConfigurationException(errors);

    internal static HttpIngressOptions? TryRead(Profile profile, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        foreach (var key in profile.GetKeys().Except(s_keys))
            found.Add($"Profile {profile.PathOf(key)} is no key of the HTTP publisher. It has: {string.Join(", ", s_keys)}.");
        var format = HttpKeys.Get(found, () => profile.GetString("format")) ?? "body";
        var method = HttpKeys.Get(found, () => profile.GetString("method")) ?? "POST";
        var options = new HttpIngressOptions
        {
            Url = HttpKeys.Get(found, () => HttpKeys.Address(profile, "url", profile.GetRequiredString("url"))) ?? new Uri("http://missing"),
            Format = s_formats.FirstOrDefault(each => each.Word == format).Format,
            Method = method == "PUT" ? HttpMethod.Put : HttpMethod.Post,
            Timeout = TimeSpan.FromSeconds(HttpKeys.Get(found, () => HttpKeys.Range(profile, "timeout", 3600)) ?? 10),
            Connections = (int)(HttpKeys.Get(found, () => HttpKeys.Range(profile, "connections", 256)) ?? 1),
            Probe = HttpKeys.Get(found, () => profile.GetString("probe") is { } text ? HttpKeys.Address(profile, "probe", text) : null),
            Proxy = HttpKeys.Get(found, () => profile.GetString("proxy")) ?? "system",
            SignatureHeader = HttpKeys.Get(found, () => profile.GetString("signature_header")) ?? "X-EvBus-Signature",
            CaFile = HttpKeys.Get(found, () => profile.GetString("ca_file")),
            CertFile = HttpKeys.Get(found, () => profile.GetString("cert_file")),
            KeyFile = HttpKeys.Get(found, () => profile.GetString("key_file")),
        };
        if (!Array.Exists(s_formats, each => each.Word == format))
            found.Add($"Profile {profile.PathOf("format")} must be one of: {string.Join(", ", s_formats.Select(each => each.Word))}.");
        if (method is not ("POST" or "PUT"))
            found.Add($"Profile {profile.PathOf("method")} must be one of: POST, PUT.");
        if (options.IsBatch && options.Connections > 1)
            found.Add($"Profile {profile.PathOf("connections")} is for formats with one event per request; {format} sends a batch in one. Remove it.");
        HttpKeys.Check(profile, options.Line, found);
        CheckSignature(profile, options.SignatureHeader, found);
        return found.Count == 0 ? options : null;
    }

    // What cannot be the header of the signature would be left out, and the requests go unsigned without a word.
    private static void CheckSignature(Profile profile, string header, List<string> errors)
    {
        if (profile.Contains("secret") && HttpKeys.Get(errors, () => profile.GetBytes("secret") is { Length: 0 } ? "" : null) is not null)
            errors.Add($"Profile {profile.PathOf("secret")} is empty, so anybody could sign. Fill it in, or remove it.");
        var path = profile.PathOf("signature_header");
        if (header.Equals("Authorization", StringComparison.OrdinalIgnoreCase) || header.Equals("Host", StringComparison.OrdinalIgnoreCase))
            errors.Add($"Profile {path} has a meaning of its own in HTTP. Take another name, such as X-EvBus-Signature.");
        else if (HttpKeys.WhyNoHeader(header) is not null)
            errors.Add($"Profile {path} is no name of a header that the publisher may give. Take another name, such as X-EvBus-Signature.");
        else if (profile.Contains("secret") && (HttpKeys.Get([], () => profile.GetSection("headers"))?.GetKeys().Contains(header, StringComparer.OrdinalIgnoreCase) ?? false))
            errors.Add($"Profile {path} stands in headers already. Take another name.");
    }
}
