using System.Globalization;
using System.Text.Unicode;

namespace EvBus.Ingress.Otlp;

/// <summary>Makes an <c>ExportLogsServiceRequest</c> of events; the numbers are those of OpenTelemetry's protocol, 1.x. Not thread-safe.</summary>
internal sealed class LogsWriter(OtlpIngressOptions options)
{
    /// <summary>The attribute with the event's id, as other publishers call it: the one to drop duplicates by.</summary>
    public const string IdAttribute = "evbus-id";

    private readonly string _severity = options.Severity.ToString().ToUpperInvariant();

    /// <summary>Writes all events of a batch that can be records.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="target">Where the request goes; what was in it is overwritten.</param>
    /// <param name="rejected">Is given the verdict of each that cannot, in its place; null when there is none.</param>
    /// <returns>How many records there are.</returns>
    /// <exception cref="RejectEventException">It would be too large.</exception>
    public int Write(EventBatch batch, ProtoWriter target, out EventVerdict[]? rejected)
    {
        rejected = null;
        var count = 0;
        target.CutBack(0);
        var resourceLogs = target.Begin(1);
        var resource = target.Begin(1);
        foreach (var (name, value) in options.Resource)
            Attribute(target, 1, name, value);
        target.End(resource);
        var scopeLogs = target.Begin(2);
        var scope = target.Begin(1);
        target.Text(1, "evbus");
        target.End(scope);
        for (var i = 0; i < batch.Count; i++)
        {
            var before = target.Length;
            try
            {
                Record(batch[i], target);
                count++;
            }
            catch (RejectEventException e)
            {
                target.CutBack(before);
                (rejected ??= new EventVerdict[batch.Count])[i] = new EventVerdict(Verdict.Rejected, e.Message);
            }
        }
        target.End(scopeLogs);
        target.End(resourceLogs);
        return count;
    }

    private void Record(EventView evt, ProtoWriter target)
    {
        // Says which of its extensions cannot be told from an attribute.
        var attributes = CloudEventWriter.GetHeaders(evt, "");
        var record = target.Begin(2);
        target.Fixed(1, Nanoseconds(evt.Time));
        target.Number(2, (ulong)options.Severity);
        target.Text(3, _severity);
        Body(evt.Body.Span, target);
        Attribute(target, 6, IdAttribute, evt.Id);
        var isTraced = TraceParent.TryParse(evt.TraceParent, out var trace);
        foreach (var (name, value) in attributes)
        {
            if (name == "time" || (name == "traceparent" && isTraced && value == evt.TraceParent))
                continue;
            Attribute(target, 6, name switch
            {
                // As OpenTelemetry's conventions call them.
                "specversion" => "cloudevents.event_spec_version",
                "id" => "cloudevents.event_id",
                "source" => "cloudevents.event_source",
                "type" => "cloudevents.event_type",
                "subject" => "cloudevents.event_subject",
                // Of two attributes with one name a collector keeps one, or neither.
                "event_spec_version" or "event_id" or "event_source" or "event_type" or "event_subject" =>
                    throw new RejectEventException($"its extension '{name}' has the name that OpenTelemetry gives to an attribute of CloudEvents. Give the extension another name."),
                _ => $"cloudevents.{name}",
            }, value);
        }
        if (evt.ContentType is { } type)
            Attribute(target, 6, "cloudevents.datacontenttype", type);
        if (isTraced)
        {
            target.Fixed(8, (uint)trace.Flags);
            target.Data(9, trace.TraceId);
            target.Data(10, trace.SpanId);
        }
        target.Fixed(11, Nanoseconds(evt.Accepted));
        target.Text(12, evt.Type);
        target.End(record);
    }

    private static void Body(ReadOnlySpan<byte> body, ProtoWriter target)
    {
        if (body.Length > ProtoWriter.MaxLength)
            throw new RejectEventException($"its body of {body.Length} bytes is too large for one request");
        var value = target.Begin(5);
        target.Data(Utf8.IsValid(body) ? 1 : 7, body);
        target.End(value);
    }

    private static void Attribute(ProtoWriter target, int field, string name, string value)
    {
        var attribute = target.Begin(field);
        target.Text(1, name);
        var any = target.Begin(2);
        target.Text(1, value);
        target.End(any);
        target.End(attribute);
    }

    // Zero says that the time is not known, and there are none before it.
    private static ulong Nanoseconds(DateTimeOffset time) => (ulong)Math.Max(0, time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;

    /// <summary>W3C <c>traceparent</c>, taken apart.</summary>
    private readonly record struct TraceParent(byte[] TraceId, byte[] SpanId, byte Flags)
    {
        public static bool TryParse(string? text, out TraceParent parsed)
        {
            parsed = default;
            // Later versions may have more behind another dash.
            if (text is null || text.Length < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' || (text.Length > 55 && (text[55] != '-' || text.StartsWith("00", StringComparison.Ordinal))))
                return false;
            var (trace, span) = (new byte[16], new byte[8]);
            if (Convert.FromHexString(text.AsSpan(3, 32), trace, out _, out _) != System.Buffers.OperationStatus.Done
                || Convert.FromHexString(text.AsSpan(36, 16), span, out _, out _) != System.Buffers.OperationStatus.Done
                || !byte.TryParse(text.AsSpan(53, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var flags)
                || trace.AsSpan().IndexOfAnyExcept((byte)0) < 0 || span.AsSpan().IndexOfAnyExcept((byte)0) < 0)
            {
                return false;
            }
            parsed = new TraceParent(trace, span, flags);
            return true;
        }
    }
}
