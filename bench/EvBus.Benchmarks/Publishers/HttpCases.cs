using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace EvBus.Benchmarks;

/// <summary>
/// A lane from put to the last answer against a loop over HttpClient that puts the same bodies together in as many requests over as many connections: bodies of 256 bytes of JSON to Kestrel in
/// this process. <c>http-ndjson</c>: 500 to a request, one connection; <c>http-body-8</c>: one to a request, eight connections.
/// </summary>
internal static class HttpCases
{
    private const int BatchEvents = 500;

    private static readonly byte[] s_body = Encoding.ASCII.GetBytes($"{{\"n\":\"{new string('x', 256 - 8)}\"}}");

    public static async Task<int> RunAsync(int pairs, bool json, string[] arguments)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        app.Run(async http => await http.Request.Body.CopyToAsync(Stream.Null));
        await app.StartAsync();
        var url = new Uri(app.Urls.Single());
        if (IsWanted("http-ndjson"))
            await BrokerPairs.RunAsync("http-ndjson", pairs, json, () => OursAsync(url, "ndjson", 1, 1_000_000), () => RawAsync(url, BatchEvents, 1, 1_000_000));
        if (IsWanted("http-body-8"))
            await BrokerPairs.RunAsync("http-body-8", pairs, json, () => OursAsync(url, "body", 8, 80_000), () => RawAsync(url, 1, 8, 80_000));
        return 0;

        bool IsWanted(string name) => arguments.Contains(name) || Array.TrueForAll(arguments, static argument => argument.StartsWith('-'));
    }

    private static async Task<Run> OursAsync(Uri url, string format, int connections, int events)
    {
        var profile = new Profile("http", "bench", new Dictionary<string, object?> { ["url"] = url.ToString(), ["format"] = format, ["connections"] = connections });
        await using var bus = await EventBus.StartAsync(o =>
        {
            // Bounded, or the journal's growth would be counted as garbage.
            o.Options = o.Options with { MaxEvents = 16_384, Seed = 1 };
            o.AddHttp(new LaneOptions { BatchEvents = BatchEvents });
            o.ProfileSources.Add(new FixedProfiles(profile));
        });
        // The connection is not what is measured.
        await bus.PutAsync(new BusEvent(s_body), Receipt.Delivered());
        // The raw loop says what a body is once for each request, and so does the publisher where a request has many.
        var attributes = format == "body" ? new EventAttributes { ContentType = "application/json" } : default;
        return await Run.MeasureAsync(events, () => Feed.PutAllAsync(bus, s_body, attributes, events));
    }

    private static async Task<Run> RawAsync(Uri url, int batch, int connections, int events)
    {
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = connections });
        var ids = new EventIds(1);
        await PostAsync();
        var left = events / batch;
        return await Run.MeasureAsync(events, () => Task.WhenAll(Enumerable.Range(0, connections).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
                await PostAsync();
        })));

        async Task PostAsync()
        {
            var lines = new ArrayBufferWriter<byte>(batch * (s_body.Length + 1));
            for (var i = 0; i < batch; i++)
            {
                lines.Write(s_body);
                if (batch > 1)
                    lines.Write("\n"u8);
            }
            using var content = new ReadOnlyMemoryContent(lines.WrittenMemory);
            if (batch == 1)
                content.Headers.TryAddWithoutValidation("X-Id", ids.Next(TimeProvider.System.GetUtcNow()).ToString());
            content.Headers.ContentType = new MediaTypeHeaderValue(batch == 1 ? "application/json" : "application/x-ndjson");
            using var response = await client.PostAsync(url, content);
            response.EnsureSuccessStatusCode();
        }
    }
}
