using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace EvBus.Logging;

/// <summary>A log record as one JSON object, and the memory it is written into. One at a time; each thread keeps one.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "The writer of JSON holds nothing but the memory it writes into.")]
internal sealed class LogRecordWriter
{
    private const int KeptBytes = 64 << 10;

    [ThreadStatic]
    private static LogRecordWriter? s_kept;

    private readonly ArrayBufferWriter<byte> _bytes = new(1024);
    private readonly Utf8JsonWriter _json;
    private Func<string, string>? _mask;

    // Nobody puts it into a web page: letters stay letters.
    private LogRecordWriter() => _json = new Utf8JsonWriter(_bytes, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    /// <summary>Taken out while it is in use: a scope's text may be code that logs.</summary>
    public static LogRecordWriter Rent()
    {
        var writer = s_kept ?? new LogRecordWriter();
        s_kept = null;
        return writer;
    }

    public void Return()
    {
        // A thread may outlive the bus.
        _mask = null;
        if (_bytes.Capacity > KeptBytes)
            return;
        _bytes.ResetWrittenCount();
        _json.Reset();
        s_kept = this;
    }

    /// <summary>The first four names are those of the original's log queue.</summary>
    public void Write(DateTimeOffset time, LogLevel level, string category, EventId id, string message, Exception? exception, IExternalScopeProvider? scopes, Func<string, string> mask)
    {
        _mask = mask;
        _json.WriteStartObject();
        _json.WriteString("message", mask(message));
        _json.WriteString("module", category);
        _json.WriteString("level", level.ToString());
        _json.WriteString("timestamp", time.UtcDateTime);
        _json.WriteNumber("event_id", id.Id);
        if (id.Name is not null)
            _json.WriteString("event_name", id.Name);
        if (exception is not null)
            _json.WriteString("exception", mask(exception.ToString()));
        if (scopes is not null)
        {
            _json.WriteStartArray("scopes");
            scopes.ForEachScope(static (scope, writer) => writer.WriteScope(scope), this);
            _json.WriteEndArray();
        }
        _json.WriteEndObject();
        _json.Flush();
    }

    // A map's own text is the name of its type, so its pairs are written.
    private void WriteScope(object? scope)
    {
        if (scope is not IEnumerable<KeyValuePair<string, object?>> pairs)
        {
            _json.WriteStringValue(Mask(scope?.ToString()));
            return;
        }
        _json.WriteStartObject();
        foreach (var (name, value) in pairs)
        {
            if (name == "{OriginalFormat}")
                _json.WriteString("message", Mask(scope.ToString()));
            else
                _json.WriteString(name, Mask(value is null ? null : Convert.ToString(value, CultureInfo.InvariantCulture)));
        }
        _json.WriteEndObject();
    }

    private string? Mask(string? text) => text is null ? null : _mask!(text);
}
