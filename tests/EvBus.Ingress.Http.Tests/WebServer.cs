using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using EvBus.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace EvBus.Ingress.Http.Tests;

/// <summary>One request as the server saw it.</summary>
internal sealed record Seen(string Method, IReadOnlyDictionary<string, string> Headers, byte[] Body, string? Client);

/// <summary>A real web server on a port of its own, which a test may hold, and let answer what it likes. Thread-safe.</summary>
internal sealed class WebServer : IAsyncDisposable
{
    public const string Token = "t0ken-of-the-test";

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Seen> _seen = new();
    private readonly Lock _lock = new();
    private readonly List<ReceivedEvent> _events = [];
    private volatile TaskCompletionSource _flows = new();
    private int _connections;

    private WebServer(X509Certificate2? certificate, bool wantsClient)
    {
        _flows.SetResult();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Use(next => async connection =>
            {
                Interlocked.Increment(ref _connections);
                try
                {
                    await next(connection);
                }
                finally
                {
                    Interlocked.Decrement(ref _connections);
                }
            });
            if (certificate is not null)
            {
                listen.UseHttps(https =>
                {
                    https.ServerCertificate = certificate;
                    https.ClientCertificateMode = wantsClient ? ClientCertificateMode.RequireCertificate : ClientCertificateMode.NoCertificate;
                    https.ClientCertificateValidation = (client, chain, _) => Trusted is not { } root || IsTrusted(client, chain, root);
                });
            }
        }));
        _app = builder.Build();
        _app.Run(ServeAsync);
    }

    /// <summary>What is answered; null: the event is taken.</summary>
    public Func<Seen, HttpResponse, bool>? Answer { get; set; }

    /// <summary>The root that client certificates must lead to with what the client itself has sent; null: any will do.</summary>
    public X509Certificate2? Trusted { get; set; }

    public IReadOnlyList<Seen> Requests => [.. _seen];

    public int Connections => Volatile.Read(ref _connections);

    public int Port => new Uri(_app.Urls.Single()).Port;

    public IReadOnlyList<ReceivedEvent> Events
    {
        get
        {
            lock (_lock)
                return [.. _events];
        }
    }

    public static async Task<WebServer> StartAsync(X509Certificate2? certificate = null, bool wantsClient = false)
    {
        var server = new WebServer(certificate, wantsClient);
        await server._app.StartAsync();
        return server;
    }

    public void Hold() => _flows = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => _flows.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Release();
        await _app.DisposeAsync();
    }

    private async Task ServeAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        var headers = http.Request.Headers.ToDictionary(pair => pair.Key, pair => pair.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var seen = new Seen(http.Request.Method, headers, body.ToArray(), http.Connection.ClientCertificate?.Subject);
        _seen.Enqueue(seen);
        await _flows.Task.WaitAsync(http.RequestAborted);
        if (Answer?.Invoke(seen, http.Response) == true)
            return;
        if (headers.GetValueOrDefault("Authorization") is { } authorization && authorization != $"Bearer {Token}")
        {
            http.Response.StatusCode = 401;
            return;
        }
        if (http.Request.Method is "GET" or "HEAD")
            return;
        if (Encoding.UTF8.GetString(seen.Body).Contains("unwanted", StringComparison.Ordinal))
        {
            http.Response.StatusCode = 422;
            return;
        }
        lock (_lock)
            _events.AddRange(Read(seen));
    }

    private static bool IsTrusted(X509Certificate2 client, X509Chain? sent, X509Certificate2 root)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        if (sent is not null)
            chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        return chain.Build(client);
    }

    private static IEnumerable<ReceivedEvent> Read(Seen seen)
    {
        var type = seen.Headers.GetValueOrDefault("Content-Type") ?? "";
        if (type.StartsWith("application/cloudevents-batch+json", StringComparison.Ordinal))
            return [.. JsonDocument.Parse(seen.Body).RootElement.EnumerateArray().Select(each => ReceivedEvent.FromCloudEvent(Encoding.UTF8.GetBytes(each.GetRawText())))];
        if (type.StartsWith("application/cloudevents+json", StringComparison.Ordinal))
            return [ReceivedEvent.FromCloudEvent(seen.Body)];
        if (type == "application/x-ndjson")
            return [.. Encoding.Latin1.GetString(seen.Body).Split('\n')[..^1].Select(line => new ReceivedEvent(Encoding.Latin1.GetBytes(line)))];
        var attributes = seen.Headers.Where(header => header.Key.StartsWith("ce-", StringComparison.OrdinalIgnoreCase))
            .ToDictionary(header => header.Key[3..], header => Uri.UnescapeDataString(header.Value));
        if (seen.Headers.TryGetValue("Idempotency-Key", out var id))
            attributes["id"] = Uri.UnescapeDataString(id);
        return attributes.Count == 0 && seen.Body is [(byte)'[', ..]
            ? [.. JsonDocument.Parse(seen.Body).RootElement.EnumerateArray().Select(each => new ReceivedEvent(Encoding.UTF8.GetBytes(each.GetRawText())))]
            : [new ReceivedEvent(seen.Body, attributes)];
    }
}
