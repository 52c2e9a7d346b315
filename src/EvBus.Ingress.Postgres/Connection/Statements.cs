using System.Globalization;

namespace EvBus.Ingress.Postgres;

/// <summary>The statements of a lane. The table's name is the only part that comes from outside, and it is quoted: <see cref="TableName"/>.</summary>
internal sealed class Statements
{
    private const string Columns = "\"id\", \"time\", \"type\", \"source\", \"subject\", \"profile\", \"key\", \"content_type\", \"body\", \"attributes\"";
    private const string Staging = "pg_temp.\"evbus_staging\"";

    public Statements(PostgresIngressOptions options)
    {
        Name = TableName.TryParse(options.Table, out var name, out var wrong) ? name.Sql : throw new EvBusConfigurationException($"The table {wrong}");
        var isIdempotent = options.Mode == PostgresMode.Idempotent;
        var id = options.Id == PostgresId.Uuid ? "uuid" : "text";
        var body = options.Body switch { PostgresBody.Text => "text", PostgresBody.Jsonb => "jsonb", _ => "bytea" };
        var conflict = isIdempotent ? " ON CONFLICT (\"id\") DO NOTHING" : "";
        Settings = string.Create(CultureInfo.InvariantCulture, $"SET statement_timeout = {(long)options.StatementTimeout.TotalMilliseconds}");
        Find = "SELECT to_regclass($1) IS NOT NULL";
        Make = $"""
            CREATE TABLE IF NOT EXISTS {Name} (
                "seq" bigint GENERATED ALWAYS AS IDENTITY, "id" {id} NOT NULL{(isIdempotent ? " PRIMARY KEY" : "")}, "time" timestamptz NOT NULL, "type" text NOT NULL, "source" text NOT NULL,
                "subject" text, "profile" text, "key" text, "content_type" text, "body" {body} NOT NULL, "attributes" jsonb)
            """;
        // Planned, with all checks of columns, types, rights and the unique index, and not run.
        Check = $"""
            EXPLAIN INSERT INTO {Name} ({Columns}) SELECT NULL::{id}, NULL::timestamptz, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::{body}, NULL::jsonb WHERE false{conflict}
            """;
        Stage = isIdempotent
            ? $"""
                CREATE TEMPORARY TABLE "evbus_staging" (
                    "id" {id}, "time" timestamptz, "type" text, "source" text, "subject" text, "profile" text, "key" text, "content_type" text, "body" {body}, "attributes" jsonb) ON COMMIT DELETE ROWS
                """
            : null;
        Copy = $"COPY {(isIdempotent ? Staging : Name)} ({Columns}) FROM STDIN (FORMAT BINARY)";
        // In the order they were written: a temporary table is read from its beginning, by one process.
        Insert = isIdempotent ? $"INSERT INTO {Name} ({Columns}) SELECT {Columns} FROM {Staging}{conflict}" : null;
    }

    /// <summary>The table, quoted.</summary>
    public string Name { get; }

    public string Settings { get; }

    /// <summary>Whether the table is there; asks with its name as a value.</summary>
    public string Find { get; }

    public string Make { get; }

    public string Check { get; }

    /// <summary>Makes the temporary table; null where rows go into the table itself.</summary>
    public string? Stage { get; }

    public string Copy { get; }

    /// <summary>From the temporary table into the table; null where rows go there themselves.</summary>
    public string? Insert { get; }
}
