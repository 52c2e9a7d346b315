using System.Text;
using System.Text.Unicode;

namespace EvBus.Tools.Tester.Values;

/// <summary>What an event's body is to an outputter: what JSON says, else its text, else its bytes.</summary>
internal static class EventBody
{
    public static object? Read(BusEvent evt)
    {
        var body = evt.Body.Span;
        var isText = evt.Attributes.ContentType?.StartsWith("text/plain", StringComparison.OrdinalIgnoreCase) == true;
        if (!isText && JsonBody.TryRead(body, out var value))
            return value;
        return Utf8.IsValid(body) ? Encoding.UTF8.GetString(body) : body.ToArray();
    }
}
