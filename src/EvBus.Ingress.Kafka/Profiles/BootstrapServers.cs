using System.Globalization;
using System.Net;

namespace EvBus.Ingress.Kafka;

/// <summary>What <c>bootstrap_servers</c> may hold: <c>host</c>, <c>host:port</c>, <c>[IPv6]</c> or <c>[IPv6]:port</c>.</summary>
internal static class BootstrapServers
{
    /// <summary>Why a text is none, with the remedy; null when it is one.</summary>
    public static string? Wrong(string server)
    {
        if (server.Contains("://", StringComparison.Ordinal))
            return "names a protocol. Write host:port alone; security_protocol says how to connect";
        if (server.IndexOfAny([' ', ';', '/', '@']) >= 0)
            return "is no host:port. Write each broker by itself, as host:port";
        var (host, port) = Split(server);
        if (host.Length == 0 || (host.Contains(':', StringComparison.Ordinal) && !(server[0] == '[' && IPAddress.TryParse(host, out _))))
            return "is no host:port. An address of IPv6 stands in brackets, as [::1]:9092";
        return port is null || (int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 65_535)
            ? null
            : "has a port that is no number from 1 to 65535";
    }

    public static bool IsLoopback(string server)
    {
        var host = Split(server).Host;
        return host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
    }

    private static (string Host, string? Port) Split(string server)
    {
        if (server.StartsWith('[') && server.IndexOf(']', StringComparison.Ordinal) is var end and > 0)
            return (server[1..end], end + 1 < server.Length ? server[(end + 2)..] : null);
        var colon = server.LastIndexOf(':');
        return colon < 0 ? (server, null) : (server[..colon], server[(colon + 1)..]);
    }
}
