using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;

namespace EvBus;

/// <summary>How a structured CloudEvent carries its data.</summary>
internal static class CloudEventData
{
    private enum Kind { Json, Text, Binary }

    // With the envelope's own level and one to spare, what comes out stays within the 64 levels that readers take unasked.
    private const int MaxDepth = 62;

    public static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> body, string? contentType)
    {
        var kind = KindOf(contentType);
        if (kind == Kind.Json && IsJson(body, MaxDepth))
        {
            json.WritePropertyName("data");
            WriteOnOneLine(json, body);
        }
        else if (kind == Kind.Text && Utf8.IsValid(body))
        {
            json.WriteString("data", body);
        }
        else if (body.Length > 0)
        {
            json.WriteBase64String("data_base64", body);
        }
    }

    /// <summary>Whether the bytes are exactly one JSON value in valid UTF-8.</summary>
    public static bool IsJson(ReadOnlySpan<byte> body, int maxDepth)
    {
        // The reader skips over texts without looking whether they are UTF-8.
        if (body.IsEmpty || !Utf8.IsValid(body))
            return false;
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = maxDepth });
        try
        {
            while (reader.Read())
            {
                // Only whether it reads to its end matters.
            }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Copies JSON without its line breaks: in valid JSON a raw one is white space between tokens, for inside a text it would be escaped.</summary>
    /// <param name="json">Valid JSON.</param>
    /// <param name="target">At least as long as <paramref name="json"/>.</param>
    /// <returns>How many bytes were copied.</returns>
    public static int Fold(ReadOnlySpan<byte> json, Span<byte> target)
    {
        var length = 0;
        while (json.IndexOfAny((byte)'\n', (byte)'\r') is >= 0 and var at)
        {
            json[..at].CopyTo(target[length..]);
            length += at;
            json = json[(at + 1)..];
        }
        json.CopyTo(target[length..]);
        return length + json.Length;
    }

    private static void WriteOnOneLine(Utf8JsonWriter json, ReadOnlySpan<byte> body)
    {
        if (body.IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            json.WriteRawValue(body, skipInputValidation: true);
            return;
        }
        var folded = ArrayPool<byte>.Shared.Rent(body.Length);
        try
        {
            json.WriteRawValue(folded.AsSpan(0, Fold(body, folded)), skipInputValidation: true);
        }
        finally
        {
            // What was put on the bus may be private.
            ArrayPool<byte>.Shared.Return(folded, clearArray: true);
        }
    }

    private static Kind KindOf(string? contentType)
    {
        if (contentType is null)
            return Kind.Json;
        var end = contentType.IndexOf(';', StringComparison.Ordinal);
        var type = contentType.AsSpan(0, end < 0 ? contentType.Length : end).Trim();
        var slash = type.IndexOf('/');
        if (slash <= 0 || (end >= 0 && IsOtherCharset(contentType.AsSpan(end))))
            return Kind.Binary;
        var subtype = type[(slash + 1)..];
        if (Is(subtype, "json") || subtype.EndsWith("+json", StringComparison.OrdinalIgnoreCase))
            return Kind.Json;
        return Is(type[..slash], "text") || Is(subtype, "xml") || subtype.EndsWith("+xml", StringComparison.OrdinalIgnoreCase) ? Kind.Text : Kind.Binary;
    }

    private static bool IsOtherCharset(ReadOnlySpan<char> parameters)
    {
        foreach (var part in parameters.Split(';'))
        {
            var parameter = parameters[part].Trim();
            if (!parameter.StartsWith("charset=", StringComparison.OrdinalIgnoreCase))
                continue;
            var charset = parameter["charset=".Length..].Trim('"');
            return !Is(charset, "utf-8") && !Is(charset, "utf8") && !Is(charset, "us-ascii");
        }
        return false;
    }

    private static bool Is(ReadOnlySpan<char> text, string word) => text.Equals(word, StringComparison.OrdinalIgnoreCase);
}
