using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EvBus.Ingress.Http.Tests;

/// <summary>A server that says exactly the bytes it is told, at the moment it is told, as no web server would. Thread-safe.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<string> _heads = new();
    private readonly CancellationTokenSource _end = new();
    private readonly Func<NetworkStream, string, CancellationToken, Task> _answer;
    private readonly Task _accepting;
    private int _connections;

    /// <param name="answer">Is given the line and the head of a request, whose body nobody has read, and answers; once for each request of a connection until it throws or closes.</param>
    public RawServer(Func<NetworkStream, string, CancellationToken, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The heads of the requests.</summary>
    public IReadOnlyList<string> Heads => [.. _heads];

    /// <summary>Said to whoever connects, before a word of theirs.</summary>
    public string? Greeting { get; init; }

    /// <summary>Resets each connection at its first byte.</summary>
    public bool Resets { get; init; }

    public int Connections => Volatile.Read(ref _connections);

    public static Task SayAsync(Stream stream, string text, CancellationToken cancellationToken) => stream.WriteAsync(Encoding.Latin1.GetBytes(text), cancellationToken).AsTask();

    /// <summary>Reads as many bytes of a body as the head says.</summary>
    public static async Task<byte[]> BodyAsync(Stream stream, string head, CancellationToken cancellationToken)
    {
        var at = head.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
        var body = new byte[at < 0 ? 0 : int.Parse(head[(at + 16)..head.IndexOf('\r', at)], System.Globalization.CultureInfo.InvariantCulture)];
        await stream.ReadExactlyAsync(body, cancellationToken);
        return body;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var socket = await _listener.AcceptSocketAsync(_end.Token);
            Interlocked.Increment(ref _connections);
            _ = ServeAsync(socket);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            if (Greeting is not null)
                await SayAsync(stream, Greeting, _end.Token);
            if (Resets)
            {
                await stream.ReadExactlyAsync(new byte[1], _end.Token);
                socket.LingerState = new(true, 0);
                return;
            }
            while (await HeadAsync(stream) is { } head)
            {
                _heads.Enqueue(head);
                await _answer(stream, head, _end.Token);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The client has gone, or the test is over.
        }
    }

    private async Task<string?> HeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (await stream.ReadAsync(one, _end.Token) == 1)
        {
            head.Append((char)one[0]);
            if (head.Length > 3 && head.ToString(head.Length - 4, 4) == "\r\n\r\n")
                return head.ToString();
        }
        return null;
    }
}
