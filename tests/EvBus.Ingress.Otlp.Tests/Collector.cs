using System.Buffers;
using System.IO.Compression;
using System.Text;
using EvBus.Ingress.Http.Tests;
using EvBus.Testing;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace EvBus.Ingress.Otlp.Tests;

/// <summary>A collector's OTLP/HTTP receiver on a real web server: takes records, refuses some, and answers as the protocol says. Thread-safe.</summary>
internal sealed class Collector(WebServer server) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Decoded> _records = [];

    public WebServer Server => server;

    /// <summary>Whether a record with <c>unwanted</c> in it costs itself alone (partial success), or the request (400).</summary>
    public bool RefusesAlone { get; init; }

    /// <summary>Answers in JSON where it has something to say.</summary>
    public bool SpeaksJson { get; init; }

    public IReadOnlyList<Decoded> Records
    {
        get
        {
            lock (_lock)
                return [.. _records];
        }
    }

    public static async Task<Collector> StartAsync(bool refusesAlone = false, bool speaksJson = false)
    {
        var collector = new Collector(await WebServer.StartAsync()) { RefusesAlone = refusesAlone, SpeaksJson = speaksJson };
        collector.Server.Answer = collector.Serve;
        return collector;
    }

    public IReadOnlyList<ReceivedEvent> Events => [.. Records.Select(record => new ReceivedEvent(
        record.Body as byte[] ?? Encoding.UTF8.GetBytes((string)record.Body!),
        record.Attributes.ToDictionary(pair => pair.Key.Replace("cloudevents.event_", "", StringComparison.Ordinal).Replace("cloudevents.", "", StringComparison.Ordinal), pair => (string)pair.Value)))];

    /// <summary>An answer that some records were refused, or a warning.</summary>
    public static byte[] PartialSuccess(long rejected, string message)
    {
        using var partial = new MemoryStream();
        using (var stream = new CodedOutputStream(partial, leaveOpen: true))
        {
            stream.WriteTag(1, WireFormat.WireType.Varint);
            stream.WriteInt64(rejected);
            stream.WriteTag(2, WireFormat.WireType.LengthDelimited);
            stream.WriteString(message);
        }
        using var response = new MemoryStream();
        using (var stream = new CodedOutputStream(response, leaveOpen: true))
        {
            stream.WriteTag(1, WireFormat.WireType.LengthDelimited);
            stream.WriteBytes(ByteString.CopyFrom(partial.ToArray()));
        }
        return response.ToArray();
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private bool Serve(Seen seen, HttpResponse response)
    {
        if (seen.Headers.GetValueOrDefault("Authorization") is { } authorization && authorization != $"Bearer {WebServer.Token}")
            response.StatusCode = 401;
        else if (seen.Method != "POST" || seen.Headers["Content-Type"] != "application/x-protobuf")
            response.StatusCode = 415;
        else
            Take(Decoder.Decode(Body(seen)), response);
        return true;
    }

    private void Take(IReadOnlyList<Decoded> records, HttpResponse response)
    {
        var refused = records.Count(record => record.Body is "unwanted");
        if (refused > 0 && !RefusesAlone)
        {
            response.StatusCode = 400;
            return;
        }
        lock (_lock)
            _records.AddRange(records.Where(record => record.Body is not "unwanted"));
        if (refused > 0)
            Say(response, SpeaksJson ? "application/json" : "application/x-protobuf",
                SpeaksJson ? Encoding.UTF8.GetBytes($$$"""{"partialSuccess":{"rejectedLogRecords":"{{{refused}}}","errorMessage":"not wanted"}}""") : PartialSuccess(refused, "not wanted"));
    }

    public static void Say(HttpResponse response, string type, byte[] body)
    {
        response.ContentType = type;
        response.ContentLength = body.Length;
        response.BodyWriter.Write(body);
    }

    public static byte[] Body(Seen seen)
    {
        if (seen.Headers.GetValueOrDefault("Content-Encoding") != "gzip")
            return seen.Body;
        using var plain = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(seen.Body), CompressionMode.Decompress))
            gzip.CopyTo(plain);
        return plain.ToArray();
    }
}
