using System.Net;
using System.Net.Sockets;

namespace EvBus.Testing;

/// <summary>
/// A line between a client and a server that a test can spoil: cut, freeze, slow down, close to newcomers. Listens on a port of its own on
/// 127.0.0.1 and hands bytes on in both directions. Every member may be called from any thread, at any time.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly string _host;
    private readonly int _port;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _end = new();
    private readonly HashSet<Socket> _sockets = [];

    /// <summary>Never listens. It keeps the port from being given to somebody else while newcomers are refused.</summary>
    private readonly Socket _keeper;
    private TaskCompletionSource _flows = Completed();
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;
    private long _bytesPerSecond;
    private TimeSpan _delay;
    private int _connections;

    /// <summary>Makes a proxy; it listens at once.</summary>
    /// <param name="host">Where the server is.</param>
    /// <param name="port">Its port.</param>
    /// <param name="time">The clock that delays are measured with. Default: the system's.</param>
    public FaultProxy(string host, int port, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        (_host, _port, _time) = (host, port, time ?? TimeProvider.System);
        _keeper = Bind(0);
        Port = ((IPEndPoint)_keeper.LocalEndPoint!).Port;
        Open();
    }

    /// <summary>The port of 127.0.0.1 that clients connect to; it stays the same through all faults.</summary>
    public int Port { get; }

    /// <summary>How many connections were accepted so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Ends all connections, without a goodbye: both ends see a reset. New ones are accepted as before.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            foreach (var socket in _sockets)
            {
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
                socket.Dispose();
            }
            _sockets.Clear();
        }
    }

    /// <summary>Refuses newcomers, as when nobody listens. Connections there are go on; <see cref="Cut"/> ends them.</summary>
    public void Refuse()
    {
        lock (_lock)
            _listener?.Dispose();
    }

    /// <summary>Accepts newcomers again.</summary>
    public void Accept()
    {
        lock (_lock)
        {
            if (_listener is not { SafeHandle.IsClosed: false })
                Open();
        }
    }

    /// <summary>Nothing gets through in either direction, and nobody is told: a half-open line. New connections are accepted and stay as silent.</summary>
    public void Freeze()
    {
        lock (_lock)
        {
            if (_flows.Task.IsCompleted)
                _flows = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>What was held back gets through, in order, and the line works again.</summary>
    public void Thaw()
    {
        lock (_lock)
            _flows.TrySetResult();
    }

    /// <summary>Lets so many bytes a second through towards the server, for each connection. 0: as many as come.</summary>
    /// <param name="bytesPerSecond">Not negative.</param>
    public void Throttle(long bytesPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytesPerSecond);
        Volatile.Write(ref _bytesPerSecond, bytesPerSecond);
    }

    /// <summary>Holds each piece back for so long before it is handed on, in both directions.</summary>
    /// <param name="by">Not negative.</param>
    public void Delay(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        lock (_lock)
            _delay = by;
    }

    /// <summary>Ends all connections and the listening.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        Refuse();
        Thaw();
        Cut();
        await _accepting.ConfigureAwait(false);
        _keeper.Dispose();
        _end.Dispose();
    }

    private static TaskCompletionSource Completed()
    {
        var completed = new TaskCompletionSource();
        completed.SetResult();
        return completed;
    }

    private static Socket Bind(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }

    private void Open()
    {
        var listener = Bind(Port);
        listener.Listen();
        _listener = listener;
        var before = _accepting;
        _accepting = Task.Run(async () =>
        {
            await AcceptAsync(listener).ConfigureAwait(false);
            await before.ConfigureAwait(false);
        });
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            try
            {
                var client = await listener.AcceptAsync(_end.Token).ConfigureAwait(false);
                Interlocked.Increment(ref _connections);
                _ = ServeAsync(client);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        lock (_lock)
        {
            _sockets.Add(client);
            _sockets.Add(server);
        }
        try
        {
            await server.ConnectAsync(_host, _port, _end.Token).ConfigureAwait(false);
            await Task.WhenAny(HandOnAsync(client, server, isThrottled: true), HandOnAsync(server, client, isThrottled: false)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The server is away: the client sees its connection end.
        }
        finally
        {
            // Under the lock, so that nobody cuts what is gone.
            lock (_lock)
            {
                _sockets.Remove(client);
                _sockets.Remove(server);
                client.Dispose();
                server.Dispose();
            }
        }
    }

    private async Task HandOnAsync(Socket from, Socket to, bool isThrottled)
    {
        var buffer = new byte[16 << 10];
        try
        {
            while (true)
            {
                var rate = isThrottled ? Volatile.Read(ref _bytesPerSecond) : 0;
                var length = await from.ReceiveAsync(buffer.AsMemory(0, rate > 0 ? (int)Math.Clamp(rate / 10, 1, buffer.Length) : buffer.Length), _end.Token).ConfigureAwait(false);
                if (length == 0)
                    return;
                Task flows;
                TimeSpan delay;
                lock (_lock)
                    (flows, delay) = (_flows.Task, _delay);
                await flows.ConfigureAwait(false);
                if (rate > 0)
                    delay += TimeSpan.FromSeconds((double)length / rate);
                if (delay > TimeSpan.Zero)
                    await Task.Delay(delay, _time, _end.Token).ConfigureAwait(false);
                for (var sent = 0; sent < length;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, length - sent), _end.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Cut, here or by one of the ends.
        }
    }
}
