using System.Text.Json.Serialization;
using EvBus.Ingress.Http;

namespace EvBus.Ingress.Otlp;

/// <summary>The severity that log records get: the first number of each of OpenTelemetry's ranges.</summary>
public enum OtlpSeverity
{
    /// <summary>1, <c>TRACE</c>.</summary>
    Trace = 1,

    /// <summary>5, <c>DEBUG</c>.</summary>
    Debug = 5,

    /// <summary>9, <c>INFO</c>.</summary>
    Info = 9,

    /// <summary>13, <c>WARN</c>.</summary>
    Warn = 13,

    /// <summary>17, <c>ERROR</c>.</summary>
    Error = 17,

    /// <summary>21, <c>FATAL</c>.</summary>
    Fatal = 21,
}

/// <summary>The keys of an <c>otlp:</c> profile that are no secrets; the secrets stay in the profile.</summary>
public sealed record OtlpIngressOptions
{
    /// <summary><c>url</c>: the collector; http or https, without credentials in it. Required. <c>/v1/logs</c> is added where there is no path. Only its host is ever repeated.</summary>
    [JsonConverter(typeof(HostOnly))]
    public required Uri Url { get; init; }

    /// <summary><c>severity</c>: of every record; <c>trace</c>, <c>debug</c>, <c>info</c> (default), <c>warn</c>, <c>error</c> or <c>fatal</c>.</summary>
    public OtlpSeverity Severity { get; init; } = OtlpSeverity.Info;

    /// <summary><c>resource</c>: the attributes of the resource that the records come from, as texts. Default: <c>service.name</c> <c>evbus</c>, which others leave in place unless they name it.</summary>
    public IReadOnlyDictionary<string, string> Resource { get; init; } = new Dictionary<string, string> { ["service.name"] = "evbus" };

    /// <summary><c>compression</c>: <c>gzip</c> makes requests smaller and costs time. Default: <c>none</c>.</summary>
    public bool IsCompressed { get; init; }

    /// <summary><c>timeout</c>: for one request, in seconds; 1 to 3600. Default: 10. Keep it below the lane's.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary><c>proxy</c>: <c>system</c> (default: what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, and never for this machine itself), <c>none</c>, or the URL of one, without credentials in it.</summary>
    public string Proxy { get; init; } = "system";

    /// <summary><c>ca_file</c>: the authorities to trust instead of the system's, PEM. Default: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary><c>cert_file</c>: the client certificate, PEM. Default: none.</summary>
    public string? CertFile { get; init; }

    /// <summary><c>key_file</c>: its key, PEM. Default: it stands in <c>cert_file</c>.</summary>
    public string? KeyFile { get; init; }

    internal HttpLine Line => new(Url, Proxy, Timeout, CaFile, CertFile, KeyFile);

    private static readonly string[] s_keys = ["url", "severity", "resource", "compression", "timeout", .. HttpKeys.Names, "lane", "max_age"];

    private static readonly (string Word, OtlpSeverity Severity)[] s_severities =
    [
        ("trace", OtlpSeverity.Trace), ("debug", OtlpSeverity.Debug), ("info", OtlpSeverity.Info),
        ("warn", OtlpSeverity.Warn), ("error", OtlpSeverity.Error), ("fatal", OtlpSeverity.Fatal),
    ];

    /// <summary>The keys with their values; of the URL only scheme, host and port.</summary>
    public override string ToString() => $"otlp {HostOnly.Of(Url)}, severity {Severity}, timeout {Timeout.TotalSeconds.ToString(System.Globalization.CultureInfo.InvariantCulture)} s{(IsCompressed ? ", gzip" : "")}";

    /// <summary>Reads a profile.</summary>
    /// <exception cref="EvBusConfigurationException">It cannot work; all errors at once.</exception>
    public static OtlpIngressOptions Read(Profile profile) => TryRead(profile, out var errors) ?? throw new EvBusConfigurationException(errors);

    internal static OtlpIngressOptions? TryRead(Profile profile, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        foreach (var key in profile.GetKeys().Except(s_keys))
            found.Add($"Profile {profile.PathOf(key)} is no key of the OTLP publisher. It has: {string.Join(", ", s_keys)}.");
        var severity = HttpKeys.Get(found, () => profile.GetString("severity")) ?? "info";
        var compression = HttpKeys.Get(found, () => profile.GetString("compression")) ?? "none";
        var options = new OtlpIngressOptions
        {
            Url = HttpKeys.Get(found, () => Endpoint(HttpKeys.Address(profile, "url", profile.GetRequiredString("url")))) ?? new Uri("http://missing"),
            Severity = s_severities.FirstOrDefault(each => each.Word == severity).Severity,
            Resource = HttpKeys.Get(found, () => ResourceOf(profile)) ?? [],
            IsCompressed = compression == "gzip",
            Timeout = TimeSpan.FromSeconds(HttpKeys.Get(found, () => HttpKeys.Range(profile, "timeout", 3600)) ?? 10),
            Proxy = HttpKeys.Get(found, () => profile.GetString("proxy")) ?? "system",
            CaFile = HttpKeys.Get(found, () => profile.GetString("ca_file")),
            CertFile = HttpKeys.Get(found, () => profile.GetString("cert_file")),
            KeyFile = HttpKeys.Get(found, () => profile.GetString("key_file")),
        };
        if (options.Severity == default)
            found.Add($"Profile {profile.PathOf("severity")} must be one of: {string.Join(", ", s_severities.Select(each => each.Word))}.");
        if (compression is not ("none" or "gzip"))
            found.Add($"Profile {profile.PathOf("compression")} must be one of: none, gzip.");
        HttpKeys.Check(profile, options.Line, found);
        return found.Count == 0 ? options : null;
    }

    private static Uri Endpoint(Uri url) => url.AbsolutePath == "/" ? new Uri(url, "/v1/logs" + url.Query) : url;

    private static Dictionary<string, string> ResourceOf(Profile profile)
    {
        var resource = new Dictionary<string, string> { ["service.name"] = "evbus" };
        if (profile.GetSection("resource") is { } section)
        {
            foreach (var name in section.GetKeys())
            {
                if (HttpKeys.Text(section, name, profile.PathOf($"resource: {name}")) is { Length: > 0 } value)
                    resource[name] = value;
                else
                    throw new EvBusConfigurationException($"Profile {profile.PathOf($"resource: {name}")} is empty. Fill it in, or remove it.");
            }
        }
        return resource;
    }
}
