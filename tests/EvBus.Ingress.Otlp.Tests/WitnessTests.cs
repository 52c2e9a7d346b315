using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Resources;

namespace EvBus.Ingress.Otlp.Tests;

/// <summary>The same record, written by us and by OpenTelemetry's own exporter, is the same to one reader: so it is not only ourselves that we agree with.</summary>
public sealed class WitnessTests
{
    private static readonly DateTimeOffset s_time = new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero).AddTicks(1234567);

    [Fact]
    public async Task A_record_of_ours_is_that_of_OpenTelemetry_s_exporter()
    {
        await using var collector = await Collector.StartAsync();
        var url = new Uri($"http://127.0.0.1:{collector.Server.Port}/v1/logs");
        var profile = new Profile("otlp", "test", new Dictionary<string, object?>
        {
            ["url"] = url.ToString(), ["severity"] = "warn", ["resource"] = new Dictionary<string, object?> { ["service.name"] = "orders", ["host.name"] = "hüst" },
        });
        await using (var publisher = OtlpIngress.Descriptor.Create(new IngressContext("otlp/test", profile, null, null, NullLogger.Instance, TimeProvider.System)))
        {
            await publisher.ConnectAsync(default);
            Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(new BusEvent("größer {\"a\":1}", new EventAttributes
            {
                Id = "an-id", Source = "a/source", Type = "a.type", Subject = "sübject", Time = s_time, ContentType = "text/plain", Profile = "p", Key = "k",
                TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState = "a=b", Extensions = new Dictionary<string, string> { ["region"] = "north" },
            })), default));
        }
        var ours = Assert.Single(collector.Records);

        Export(url, ours);
        var theirs = collector.Records[1];
        Assert.Equal(theirs.Resource, ours.Resource);
        Assert.Equal((theirs.Scope, theirs.Time, theirs.Severity, theirs.Body), (ours.Scope, ours.Time, ours.Severity, ours.Body));
        Assert.Equal((theirs.TraceId, theirs.SpanId, theirs.Flags, theirs.EventName), (ours.TraceId, ours.SpanId, ours.Flags, ours.EventName));
        Assert.Equal(theirs.Attributes, ours.Attributes);
        Assert.Equal(("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1u, "a.type", 13ul), (ours.TraceId, ours.SpanId, ours.Flags, ours.EventName, ours.Severity));
        Assert.Equal((ulong)(s_time - DateTimeOffset.UnixEpoch).Ticks * 100, ours.Time);
        Assert.Equal(new Dictionary<string, object>
        {
            ["evbus-id"] = "an-id", ["cloudevents.event_id"] = "an-id", ["cloudevents.event_source"] = "a/source", ["cloudevents.event_type"] = "a.type", ["cloudevents.event_subject"] = "sübject",
            ["cloudevents.event_spec_version"] = "1.0", ["cloudevents.datacontenttype"] = "text/plain", ["cloudevents.evbusprofile"] = "p", ["cloudevents.partitionkey"] = "k",
            ["cloudevents.tracestate"] = "a=b", ["cloudevents.region"] = "north",
        }, ours.Attributes);
    }

    [Fact]
    public async Task Bytes_are_bytes_as_OpenTelemetry_s_exporter_writes_them()
    {
        await using var collector = await Collector.StartAsync();
        var url = new Uri($"http://127.0.0.1:{collector.Server.Port}/v1/logs");
        var writer = new LogsWriter(new OtlpIngressOptions { Url = url });
        var target = new ProtoWriter();
        writer.Write(EventBatch.Of(new BusEvent(new byte[] { 0xFF, 0, 1 })), target, out _);
        var ours = Assert.Single(Decoder.Decode(target.Written.ToArray()));
        // Its body is a text and nothing else; what it can write as bytes is an attribute, of the same type.
        Export(url, ours, new byte[] { 0xFF, 0, 1 });
        Assert.Equal(Assert.IsType<byte[]>(Assert.Single(collector.Records).Attributes["bytes"]), Assert.IsType<byte[]>(ours.Body));
    }

    private static void Export(Uri url, Decoded record, byte[]? bytes = null)
    {
        using var exporter = new OtlpLogExporter(new OtlpExporterOptions { Endpoint = url, Protocol = OtlpExportProtocol.HttpProtobuf });
        using var factory = LoggerFactory.Create(logging => logging.AddOpenTelemetry(o => o
            .SetResourceBuilder(ResourceBuilder.CreateEmpty().AddAttributes(record.Resource))
            .AddProcessor(new Fill(record, bytes))
            .AddProcessor(new SimpleLogRecordExportProcessor(exporter))));
        factory.CreateLogger(record.Scope).Log(LogLevel.Warning, new EventId(0, record.EventName), record.Body as string, null, (text, _) => text ?? "");
    }

    private sealed class Fill(Decoded record, byte[]? bytes) : BaseProcessor<LogRecord>
    {
        public override void OnEnd(LogRecord data)
        {
            data.Timestamp = DateTime.UnixEpoch.AddTicks((long)(record.Time / 100));
            data.Body = record.Body as string;
            data.Attributes = bytes is null
                ? [.. record.Attributes.Select(pair => KeyValuePair.Create<string, object?>(pair.Key, pair.Value))]
                : [KeyValuePair.Create<string, object?>("bytes", bytes)];
            if (record.TraceId.Length == 0)
                return;
            data.TraceId = ActivityTraceId.CreateFromString(record.TraceId);
            data.SpanId = ActivitySpanId.CreateFromString(record.SpanId);
            data.TraceFlags = (ActivityTraceFlags)record.Flags;
        }
    }
}
