using Google.Protobuf;

namespace EvBus.Ingress.Otlp.Tests;

/// <summary>A log record as a collector has it, with what it came in.</summary>
internal sealed record Decoded
{
    public required IReadOnlyDictionary<string, object> Resource { get; init; }

    public required string Scope { get; init; }

    public ulong Time { get; set; }

    public ulong Observed { get; set; }

    public ulong Severity { get; set; }

    public string SeverityText { get; set; } = "";

    /// <summary>A text, or bytes; null when there is none.</summary>
    public object? Body { get; set; }

    public Dictionary<string, object> Attributes { get; } = new(StringComparer.Ordinal);

    public uint Flags { get; set; }

    public string TraceId { get; set; } = "";

    public string SpanId { get; set; } = "";

    public string EventName { get; set; } = "";
}

/// <summary>
/// Reads an <c>ExportLogsServiceRequest</c> with Google's reader of the wire format, by the numbers of OpenTelemetry's protocol. Whatever is not there by that protocol is an error.
/// </summary>
internal static class Decoder
{
    public static IReadOnlyList<Decoded> Decode(byte[] request)
    {
        var records = new List<Decoded>();
        Read(request, (field, stream) =>
        {
            Assert.Equal(1, field);
            ResourceLogs(stream.ReadBytes(), records);
        });
        return records;
    }

    private static void ResourceLogs(ByteString message, List<Decoded> records)
    {
        var resource = new Dictionary<string, object>();
        Read(message, (field, stream) =>
        {
            switch (field)
            {
                case 1:
                    Read(stream.ReadBytes(), (inner, attributes) =>
                    {
                        Assert.Equal(1, inner);
                        Attribute(attributes.ReadBytes(), resource);
                    });
                    break;
                case 2:
                    ScopeLogs(stream.ReadBytes(), resource, records);
                    break;
                default:
                    throw new InvalidDataException($"ResourceLogs has no field {field}");
            }
        });
    }

    private static void ScopeLogs(ByteString message, Dictionary<string, object> resource, List<Decoded> records)
    {
        var scope = "";
        Read(message, (field, stream) =>
        {
            switch (field)
            {
                case 1:
                    Read(stream.ReadBytes(), (inner, name) => scope = inner == 1 ? name.ReadString() : throw new InvalidDataException($"InstrumentationScope {inner}"));
                    break;
                case 2:
                    records.Add(Record(stream.ReadBytes(), new Decoded { Resource = resource, Scope = scope }));
                    break;
                default:
                    throw new InvalidDataException($"ScopeLogs has no field {field}");
            }
        });
    }

    private static Decoded Record(ByteString message, Decoded record)
    {
        Read(message, (field, stream) =>
        {
            switch (field)
            {
                case 1: record.Time = stream.ReadFixed64(); break;
                case 2: record.Severity = stream.ReadUInt64(); break;
                case 3: record.SeverityText = stream.ReadString(); break;
                case 5: record.Body = Any(stream.ReadBytes()); break;
                case 6: Attribute(stream.ReadBytes(), record.Attributes); break;
                case 8: record.Flags = stream.ReadFixed32(); break;
                case 9: record.TraceId = Convert.ToHexStringLower(stream.ReadBytes().Span); break;
                case 10: record.SpanId = Convert.ToHexStringLower(stream.ReadBytes().Span); break;
                case 11: record.Observed = stream.ReadFixed64(); break;
                case 12: record.EventName = stream.ReadString(); break;
                default: throw new InvalidDataException($"LogRecord has no field {field}");
            }
        });
        return record;
    }

    private static void Attribute(ByteString message, Dictionary<string, object> attributes)
    {
        var (key, value) = ("", (object?)null);
        Read(message, (field, stream) =>
        {
            if (field == 1)
                key = stream.ReadString();
            else
                value = field == 2 ? Any(stream.ReadBytes()) : throw new InvalidDataException($"KeyValue has no field {field}");
        });
        // A second one of a name would be thrown away by whoever reads.
        attributes.Add(key, value!);
    }

    private static object? Any(ByteString message)
    {
        object? value = null;
        Read(message, (field, stream) => value = field switch
        {
            1 => stream.ReadString(),
            7 => stream.ReadBytes().ToByteArray(),
            _ => throw new InvalidDataException($"AnyValue {field} is none of those that are used here"),
        });
        return value;
    }

    private static void Read(ByteString message, Action<int, CodedInputStream> take) => Read(message.ToByteArray(), take);

    private static void Read(byte[] message, Action<int, CodedInputStream> take)
    {
        using var stream = new CodedInputStream(message);
        while (stream.ReadTag() is not 0 and var tag)
        {
            var (type, at) = (WireFormat.GetTagWireType(tag), stream.Position);
            take(WireFormat.GetTagFieldNumber(tag), stream);
            // Read as what it is not, a field would have another length.
            var expected = type switch { WireFormat.WireType.Fixed64 => 8, WireFormat.WireType.Fixed32 => 4, _ => stream.Position - at };
            Assert.Equal(expected, stream.Position - at);
        }
    }
}
