using System.Net;

namespace EvBus.Ingress.Http;

/// <summary>By which way requests go: straight, or through a proxy; to this machine itself never through the system's. Immutable.</summary>
internal sealed class HttpWay : IWebProxy
{
    private readonly IWebProxy _proxy;
    private readonly bool _isSystem;

    private HttpWay(IWebProxy proxy, bool isSystem) => (_proxy, _isSystem) = (proxy, isSystem);

    /// <summary>The way of a profile; null when no proxy is ever asked.</summary>
    public static HttpWay? Of(HttpLine line, Profile? profile) => line.Proxy switch
    {
        "none" => null,
        "system" => new HttpWay(HttpClient.DefaultProxy, isSystem: true),
        _ => new HttpWay(new WebProxy(new Uri(line.Proxy)) { Credentials = profile is null ? null : HttpKeys.ProxyCredentials(profile) }, isSystem: false),
    };

    public ICredentials? Credentials
    {
        get => _proxy.Credentials;
        set => throw new NotSupportedException();
    }

    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : _proxy.GetProxy(destination);

    public bool IsBypassed(Uri host) => _isSystem && (IsLoopback(host) || _proxy.IsBypassed(host));

    public static bool IsLoopback(Uri address) => address.IsLoopback || (IPAddress.TryParse(address.IdnHost.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip))
        || address.IdnHost.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);

    /// <summary>The proxy's scheme, host and port, for messages; null when there is none on the way.</summary>
    public string? NameFor(Uri destination) => GetProxy(destination) is { } proxy && proxy != destination ? $"{proxy.Scheme}://{proxy.Authority}" : null;
}
