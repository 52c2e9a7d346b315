using System.Net.Sockets;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Makes connections, with a deadline of its own.</summary>
internal static class Dialler
{
    /// <exception cref="EvBusException">It did not work; the message says what to do.</exception>
    public static async Task<Dialled> DialAsync(RabbitMqOptions options, string laneId, TimeProvider time, CancellationToken cancellationToken)
    {
        var connection = options.Connection;
        using var trust = connection.Tls is { } tls ? Trust.Load(tls) : null;
        var dialled = new Dialled(string.Join(", ", connection.Hosts.Select(each => $"{each.Host}:{each.Port}")));
        var factory = new ConnectionFactory
        {
            UserName = connection.Login,
            Password = connection.Password,
            VirtualHost = connection.VirtualHost,
            AuthMechanisms = connection.IsExternal ? [new ExternalMechanismFactory()] : [new PlainMechanismFactory()],
            // The lane replaces dead connections itself; the client's recovery would publish what nobody tracks any more.
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedHeartbeat = connection.Heartbeat,
            RequestedConnectionTimeout = connection.Timeout,
            HandshakeContinuationTimeout = connection.Timeout,
            ContinuationTimeout = connection.Timeout,
            SocketFactory = dialled.NewSocket,
        };
        foreach (var (name, value) in connection.ClientProperties)
            factory.ClientProperties[name] = value;
        var endpoints = connection.Hosts.Select(each => new AmqpTcpEndpoint(each.Host, each.Port, trust?.For(each.Host) ?? new SslOption()));
        using var patience = new CancellationTokenSource(connection.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        var connecting = factory.CreateConnectionAsync(endpoints, $"evbus {laneId}", either.Token);
        try
        {
            dialled.Connection = await connecting.WaitAsync(either.Token).ConfigureAwait(false);
            return dialled;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            throw trust?.Problem is { } problem
                ? new EvBusException($"RabbitMQ at {dialled.Where}: {problem}", e)
                : Reasons.Translate(e, options, dialled.Where);
        }
        finally
        {
            if (dialled.Connection is null)
            {
                dialled.Cut();
                _ = DiscardAsync(connecting);
            }
        }
    }

    // It may still come about in the moment it is given up; nobody wants it then.
    private static async Task DiscardAsync(Task<IConnection> connecting)
    {
        await ((Task)connecting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (connecting.IsCompletedSuccessfully)
            await Dialled.ReleaseAsync(await connecting.ConfigureAwait(false)).ConfigureAwait(false);
    }
}

/// <summary>A connection and the sockets under it, so that it can be cut without asking anybody.</summary>
internal sealed class Dialled(string where)
{
    private readonly Lock _lock = new();
    private readonly List<Socket> _sockets = [];
    private bool _cut;

    /// <summary>The addresses, for messages.</summary>
    public string Where => where;

    public IConnection Connection { get; set; } = null!;

    public ITcpClient NewSocket(AddressFamily family)
    {
        var socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        lock (_lock)
        {
            _sockets.Add(socket);
            if (_cut)
                socket.Dispose();
        }
        return new TcpClientAdapter(socket);
    }

    /// <summary>Says goodbye, if the broker answers in time.</summary>
    public async Task CloseAsync(TimeSpan patience)
    {
        // With abort, whatever goes wrong on the way out is nobody's concern: what counted was confirmed before.
        await Connection.AbortAsync(patience).ConfigureAwait(false);
    }

    /// <summary>Cuts the line at once. What hangs in the client comes loose, and what was not sent yet never will be.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            _cut = true;
            foreach (var socket in _sockets)
                socket.Dispose();
        }
        if (Connection is { } connection)
            _ = Task.Run(() => ReleaseAsync(connection));
    }

    internal static async Task ReleaseAsync(IConnection connection)
    {
        try
        {
            await connection.AbortAsync(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or TimeoutException or RabbitMQ.Client.Exceptions.RabbitMQClientException)
        {
            // The line is cut already; this only gives memory back.
        }
    }
}
