using System.Text.Json;
using System.Text.Json.Serialization;

namespace EvBus.Ingress.Http;

/// <summary>Writes of a URL what may be repeated: scheme, host and port.</summary>
internal sealed class HostOnly : JsonConverter<Uri>
{
    public override Uri Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Options cannot be read from JSON: they come from a profile.");

    public override void Write(Utf8JsonWriter writer, Uri value, JsonSerializerOptions options) => writer.WriteStringValue(Of(value));

    public static string Of(Uri? url) => url is null ? "" : $"{url.Scheme}://{url.Authority}";
}
