using System.Buffers;

namespace EvBus;

/// <summary>An event as one line of NDJSON, for publishers that write lines.</summary>
internal static class EventLine
{
    /// <summary>Adds an event's line with its line break: a structured CloudEvent, or the body as it is. Line breaks inside a JSON body are folded away.</summary>
    /// <returns>Why it cannot be a line; null when it was added. Nothing was added otherwise.</returns>
    public static string? Write(EventView evt, bool isCloudEvent, ArrayBufferWriter<byte> target)
    {
        if (isCloudEvent)
        {
            try
            {
                CloudEventWriter.WriteJson(evt, target);
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
                target.Write(body);
            else if (CloudEventData.IsJson(body, maxDepth: 10_000))
                target.Advance(CloudEventData.Fold(body, target.GetSpan(body.Length)));
            else
                return "its body has line breaks and is no JSON, so it cannot be one line. Use format: cloudevents";
        }
        target.Write("\n"u8);
        return null;
    }
}
