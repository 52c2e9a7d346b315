using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Makes connections, with a deadline of its own.</summary>
internal static class Dialler
{
    /// <summary>A host that has not answered for so long is not waited for alone: the next is asked beside it.</summary>
    private static readonly TimeSpan s_headStart = TimeSpan.FromSeconds(1);

    /// <summary>An address as it is written: an IPv6 one in brackets.</summary>
    public static string Address(string host, int port) =>
        string.Create(CultureInfo.InvariantCulture, $"{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}");

    /// <summary>Asks the hosts in random order until one answers. One that refuses is followed by the next at once, one that is silent after a moment.</summary>
    /// <exception cref="EvBusException">It did not work; the message says what to do.</exception>
    public static async Task<Dialled> DialAsync(RabbitMqOptions options, string laneId, TimeProvider time, CancellationToken cancellationToken)
    {
        var hosts = options.Connection.Hosts.ToArray();
        RandomNumberGenerator.Shuffle<(string, int)>(hosts);
        using var trust = options.Connection.Tls is { } tls ? Trust.Load(tls) : null;
        using var patience = new CancellationTokenSource(options.Connection.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        var asked = new List<Task<Dialled>>();
        var failures = new List<Exception>();
        Task<Dialled>? answered = null;
        try
        {
            for (var next = 0; answered is null && (next < hosts.Length || asked.Count > 0);)
            {
                if (next < hosts.Length)
                    asked.Add(DialAsync(hosts[next++], options, laneId, trust, cancellationToken, either.Token));
                var moment = next < hosts.Length ? Task.Delay(s_headStart, time, either.Token) : null;
                var first = await Task.WhenAny(moment is null ? asked : [.. asked, moment]).ConfigureAwait(false);
                if (first is not Task<Dialled> done)
                    continue;
                asked.Remove(done);
                if (done.IsCompletedSuccessfully)
                    answered = done;
                else
                    failures.Add(done.Exception?.InnerException ?? new OperationCanceledException(cancellationToken));
            }
        }
        finally
        {
            await either.CancelAsync().ConfigureAwait(false);
            foreach (var late in asked)
                _ = late.ContinueWith(static each => (each.IsCompletedSuccessfully ? each.Result : null)?.Cut(), TaskScheduler.Default);
        }
        if (answered is not null)
            return await answered.ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        if (failures.Count == 1)
            ExceptionDispatchInfo.Throw(failures[0]);
        throw new EvBusException(string.Join(" ", failures.Select(each => Reasons.Describe(each, options, "")).Distinct(StringComparer.Ordinal)), failures[0]) { IsTransient = true };
    }

    private static async Task<Dialled> DialAsync(
        (string Host, int Port) host, RabbitMqOptions options, string laneId, Trust? trust, CancellationToken outer, CancellationToken cancellationToken)
    {
        var connection = options.Connection;
        var dialled = new Dialled(Address(host.Host, host.Port));
        var door = trust?.For(host.Host);
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
        var ownName = connection.ClientProperties.GetValueOrDefault("connection_name") ?? $"evbus {laneId}";
        // With an idle thread of its own: the client does some of it before it awaits.
        var connecting = Task.Run(
            () => factory.CreateConnectionAsync([new AmqpTcpEndpoint(host.Host, host.Port, door?.Option ?? new SslOption())], ownName, cancellationToken), CancellationToken.None);
        try
        {
            dialled.Connection = await connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
            return dialled;
        }
        catch (Exception e) when (!outer.IsCancellationRequested)
        {
            throw door?.Problem is { } problem
                ? new EvBusException($"RabbitMQ at {dialled.Where}: {problem}", e) { IsTransient = true }
                : Reasons.TranslateConnecting(e, options, dialled.Where);
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

    /// <summary>How many bytes the other side's system has taken, where this one tells (Linux); 0 elsewhere.</summary>
    public long BytesTaken()
    {
        if (!OperatingSystem.IsLinux())
            return 0;
        const int Tcp = 6, TcpInfo = 11, BytesAcked = 120;
        Span<byte> info = stackalloc byte[256];
        lock (_lock)
        {
            if (_cut || _sockets.Count == 0)
                return 0;
            try
            {
                return _sockets[^1].GetRawSocketOption(Tcp, TcpInfo, info) >= BytesAcked + sizeof(long) ? BinaryPrimitives.ReadInt64LittleEndian(info[BytesAcked..]) : 0;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return 0;
            }
        }
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
