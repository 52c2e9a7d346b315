using System.Text;
using System.Text.Json;

namespace EvBus.Testing;

/// <summary>An event as it was found at a destination.</summary>
/// <param name="Body">The body's bytes.</param>
/// <param name="Attributes">The attributes that are there, by their CloudEvents names.</param>
public sealed record ReceivedEvent(ReadOnlyMemory<byte> Body, IReadOnlyDictionary<string, string> Attributes)
{
    /// <summary>An event of which only the body arrived.</summary>
    public ReceivedEvent(ReadOnlyMemory<byte> body) : this(body, new Dictionary<string, string>()) { }

    /// <summary>Reads a structured CloudEvent: <c>data</c> or <c>data_base64</c> becomes the body, every other text an attribute.</summary>
    /// <param name="cloudEvent">One JSON object.</param>
    /// <exception cref="JsonException">It is no JSON object.</exception>
    public static ReceivedEvent FromCloudEvent(ReadOnlyMemory<byte> cloudEvent)
    {
        using var document = JsonDocument.Parse(cloudEvent);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new JsonException("A structured CloudEvent is a JSON object.");
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        byte[] body = [];
        foreach (var property in document.RootElement.EnumerateObject())
        {
            if (property.NameEquals("data_base64"))
                body = property.Value.GetBytesFromBase64();
            else if (property.NameEquals("data"))
                body = Encoding.UTF8.GetBytes(property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText());
            else if (property.Value.ValueKind == JsonValueKind.String)
                attributes[property.Name] = property.Value.GetString()!;
        }
        return new ReceivedEvent(body, attributes);
    }
}
