using System.Buffers;

namespace EvBus.Ingress.File;

/// <summary>Turns events into lines. Not thread-safe.</summary>
internal sealed class LineWriter(FileFormat format)
{
    private readonly ArrayBufferWriter<byte> _lines = new(1 << 16);

    public ReadOnlySpan<byte> Lines => _lines.WrittenSpan;

    public void Clear() => _lines.ResetWrittenCount();

    /// <summary>Adds an event's line; the reason when it cannot be one.</summary>
    public string? Add(EventView evt)
    {
        if (format == FileFormat.CloudEvents)
        {
            try
            {
                CloudEventWriter.WriteJson(evt, _lines);
            }
            catch (RejectEventException e)
            {
                return e.Message;
            }
        }
        else
        {
            var body = evt.Body.Span;
            if (body.IndexOfAny((byte)'\n', (byte)'\r') < 0)
                _lines.Write(body);
            else if (CloudEventData.IsJson(body, maxDepth: 10_000))
                _lines.Advance(CloudEventData.Fold(body, _lines.GetSpan(body.Length)));
            else
                return "its body has line breaks and is no JSON, so it cannot be one line. Use format: cloudevents";
        }
        _lines.Write("\n"u8);
        return null;
    }
}
