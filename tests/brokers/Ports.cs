using System.Net;
using System.Net.Sockets;

namespace EvBus.Brokers;

/// <summary>
/// Ports for brokers that come and go. Below those the system gives to outgoing connections: while a broker is down, one of those could take its port, or even be
/// connected with itself. Each is leased by a locked file until this process ends, so that test projects that run at the same time never choose the same.
/// </summary>
internal static class Ports
{
    private const int From = 11_000;
    private const int To = 32_000;

    private static readonly Lock s_lock = new();
    private static readonly List<FileStream> s_leases = [];
    private static int s_next = From + (int)((uint)HashCode.Combine(Environment.ProcessId, Environment.TickCount64) % (To - From));

    /// <summary>A port of 127.0.0.1 that nobody listens at.</summary>
    public static int Take()
    {
        lock (s_lock)
        {
            for (var tries = 0; tries < To - From; tries++)
            {
                var port = s_next;
                s_next = port + 1 < To ? port + 1 : From;
                if (TryLease(port))
                    return port;
            }
        }
        throw new InvalidOperationException($"No port from {From} to {To} of 127.0.0.1 is free.");
    }

    private static bool TryLease(int port)
    {
        FileStream lease;
        try
        {
            lease = new FileStream(Path.Combine(Path.GetTempPath(), $"evbus-port-{port}"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody else's.
            return false;
        }
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
        }
        catch (SocketException)
        {
            lease.Dispose();
            return false;
        }
        s_leases.Add(lease);
        return true;
    }
}
