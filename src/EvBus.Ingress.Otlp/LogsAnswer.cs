using System.Text;
using System.Text.Json;

namespace EvBus.Ingress.Otlp;

/// <summary>What a collector says about a request: how many records it has not taken, and why.</summary>
/// <param name="Rejected">How many of the records it will never take.</param>
/// <param name="Message">Its words, as they came; empty when it has none.</param>
internal readonly record struct LogsAnswer(long Rejected, string Message)
{
    /// <summary>Reads the answer to a request that was taken, or partly taken.</summary>
    /// <returns>False when a body is there that is no such answer: something else than a collector has answered.</returns>
    public static bool TryRead(byte[] body, string? mediaType, out LogsAnswer answer)
    {
        answer = new LogsAnswer(0, "");
        if (body.Length == 0)
            return true;
        try
        {
            if (Is(mediaType, "application/json"))
            {
                using var document = JsonDocument.Parse(body);
                if (document.RootElement.ValueKind != JsonValueKind.Object)
                    return false;
                if (!document.RootElement.TryGetProperty("partialSuccess", out var partial) || partial.ValueKind == JsonValueKind.Null)
                    return true;
                // A 64-bit number is a text in protobuf's JSON; not everybody knows.
                var rejected = partial.TryGetProperty("rejectedLogRecords", out var number) ? long.Parse(number.ToString(), System.Globalization.CultureInfo.InvariantCulture) : 0;
                answer = new LogsAnswer(rejected, partial.TryGetProperty("errorMessage", out var message) ? message.ToString() : "");
                return true;
            }
            if (!IsProtobuf(mediaType))
                return false;
            var success = new ProtoReader(body);
            while (success.Next())
            {
                if (success.Field == 1 && success.IsBytes)
                    answer = Partial(success.Bytes);
            }
            return true;
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException or OverflowException)
        {
            return false;
        }
    }

    /// <summary>The words of an answer to a request that was refused: a <c>Status</c>. Empty when there are none, or nobody can read them.</summary>
    public static string ReadStatus(byte[] body, string? mediaType)
    {
        try
        {
            if (Is(mediaType, "application/json"))
            {
                using var document = JsonDocument.Parse(body);
                return document.RootElement.TryGetProperty("message", out var message) ? message.ToString() : "";
            }
            if (!IsProtobuf(mediaType))
                return "";
            var status = new ProtoReader(body);
            while (status.Next())
            {
                if (status.Field == 2 && status.IsBytes)
                    return Encoding.UTF8.GetString(status.Bytes);
            }
            return "";
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            // The status of HTTP says enough.
            return "";
        }
    }

    private static LogsAnswer Partial(ReadOnlySpan<byte> message)
    {
        var partial = new ProtoReader(message);
        var (rejected, words) = (0L, "");
        while (partial.Next())
        {
            if (partial.Field == 1 && !partial.IsBytes)
                rejected = (long)partial.Number;
            else if (partial.Field == 2 && partial.IsBytes)
                words = Encoding.UTF8.GetString(partial.Bytes);
        }
        return new LogsAnswer(rejected, words);
    }

    /// <summary>Whether a collector answers in this.</summary>
    public static bool IsOne(string? mediaType) => mediaType is null || Is(mediaType, "application/json") || IsProtobuf(mediaType);

    private static bool IsProtobuf(string? mediaType) => Is(mediaType, "application/x-protobuf") || Is(mediaType, "application/protobuf");

    // Media types have no case.
    private static bool Is(string? mediaType, string other) => string.Equals(mediaType, other, StringComparison.OrdinalIgnoreCase);
}
