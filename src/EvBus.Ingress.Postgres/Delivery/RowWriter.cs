using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Npgsql;
using NpgsqlTypes;

namespace EvBus.Ingress.Postgres;

/// <summary>Makes rows of events. What can be known to be no row without asking the server is said here, so that no batch fails over it.</summary>
internal sealed class RowWriter(PostgresIngressOptions options)
{
    private const int MostDepth = 1000;

    private readonly ArrayBufferWriter<byte> _json = new(256);

    private static readonly JsonReaderOptions s_json = new() { MaxDepth = MostDepth };

    /// <summary>Writes an event as a row, or says why it cannot be one; nothing is written then.</summary>
    public async ValueTask<string?> WriteAsync(NpgsqlBinaryImporter rows, EventView evt, CancellationToken cancellationToken)
    {
        var attributes = evt.Attributes;
        var id = Guid.Empty;
        if (options.Id == PostgresId.Uuid && !Guid.TryParse(attributes.Id ?? evt.Id, out id))
            return "its id is no UUID, as 'id: uuid' wants it. Use 'id: text' and a column of that type";
        var text = options.Id == PostgresId.Uuid ? null : attributes.Id ?? evt.Id;
        if ((Wrong(evt.Body.Span) ?? Wrong(text, in attributes)) is { } wrong)
            return wrong;
        await rows.StartRowAsync(cancellationToken).ConfigureAwait(false);
        if (text is null)
            await rows.WriteAsync(id, NpgsqlDbType.Uuid, cancellationToken).ConfigureAwait(false);
        else
            await rows.WriteAsync(text, NpgsqlDbType.Text, cancellationToken).ConfigureAwait(false);
        await rows.WriteAsync(evt.Time.UtcDateTime, NpgsqlDbType.TimestampTz, cancellationToken).ConfigureAwait(false);
        await TextAsync(rows, attributes.Type, cancellationToken).ConfigureAwait(false);
        await TextAsync(rows, attributes.Source, cancellationToken).ConfigureAwait(false);
        await TextAsync(rows, attributes.Subject, cancellationToken).ConfigureAwait(false);
        await TextAsync(rows, attributes.Profile, cancellationToken).ConfigureAwait(false);
        await TextAsync(rows, attributes.Key, cancellationToken).ConfigureAwait(false);
        await TextAsync(rows, attributes.ContentType, cancellationToken).ConfigureAwait(false);
        var type = options.Body switch { PostgresBody.Text => NpgsqlDbType.Text, PostgresBody.Jsonb => NpgsqlDbType.Jsonb, _ => NpgsqlDbType.Bytea };
        await rows.WriteAsync(evt.Body, type, cancellationToken).ConfigureAwait(false);
        if (More(in attributes))
            await rows.WriteAsync(_json.WrittenMemory, NpgsqlDbType.Jsonb, cancellationToken).ConfigureAwait(false);
        else
            await rows.WriteNullAsync(cancellationToken).ConfigureAwait(false);
        return null;
    }

    private static Task TextAsync(NpgsqlBinaryImporter rows, string? value, CancellationToken cancellationToken) =>
        value is null ? rows.WriteNullAsync(cancellationToken) : rows.WriteAsync(value, NpgsqlDbType.Text, cancellationToken);

    private string? Wrong(ReadOnlySpan<byte> body) => options.Body switch
    {
        PostgresBody.Text when !Utf8.IsValid(body) => "its body is no UTF-8, as 'body: text' wants it. Use 'body: bytea' and a column of that type",
        PostgresBody.Text when body.Contains((byte)0) => "its body has a NUL, which PostgreSQL takes in no text. Use 'body: bytea' and a column of that type",
        PostgresBody.Jsonb when !IsJson(body) => "its body is no JSON, as 'body: jsonb' wants it. Use 'body: bytea' and a column of that type",
        _ => null,
    };

    private static bool IsJson(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, s_json);
        try
        {
            while (reader.Read())
            {
                // To its end.
            }
            return Utf8.IsValid(body);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string? Wrong(string? id, in EventAttributes attributes)
    {
        var has = Has(id) || Has(attributes.Type) || Has(attributes.Source) || Has(attributes.Subject) || Has(attributes.Profile) || Has(attributes.Key) || Has(attributes.ContentType)
            || Has(attributes.DataSchema) || Has(attributes.TraceParent) || Has(attributes.TraceState)
            || attributes.Parents?.Any(Has) == true || attributes.Extensions?.Any(pair => Has(pair.Key) || Has(pair.Value)) == true;
        return has ? "one of its attributes has a NUL, which PostgreSQL takes in no text" : null;

        static bool Has(string? text) => text?.Contains('\0') == true;
    }

    /// <summary>What has no column of its own, as one JSON object; false when there is nothing.</summary>
    private bool More(in EventAttributes attributes)
    {
        if (attributes is { DataSchema: null, TraceParent: null, TraceState: null, Parents: null or [], Extensions: null or { Count: 0 } })
            return false;
        _json.ResetWrittenCount();
        using var json = new Utf8JsonWriter(_json);
        json.WriteStartObject();
        foreach (var (name, value) in attributes.Extensions ?? new Dictionary<string, string>())
            json.WriteString(name, value);
        if (attributes.DataSchema is not null)
            json.WriteString("dataschema", attributes.DataSchema);
        if (attributes.TraceParent is not null)
            json.WriteString("traceparent", attributes.TraceParent);
        if (attributes.TraceState is not null)
            json.WriteString("tracestate", attributes.TraceState);
        if (attributes.Parents is { Count: > 0 } parents)
        {
            json.WriteStartArray("parents");
            foreach (var parent in parents)
                json.WriteStringValue(parent);
            json.WriteEndArray();
        }
        json.WriteEndObject();
        return true;
    }
}
