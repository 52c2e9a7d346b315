using System.Globalization;

namespace EvBus.Ingress.Postgres;

/// <summary>The statements of a lane. The table's name is the only part that comes from outside, and it is quoted: <see cref="TableName"/>.</summary>
internal sealed class Statements
{
    /// <summary>The columns that are written; whatever else a table has is its own affair.</summary>
    public static readonly string[] ColumnNames = ["id", "time", "type", "source", "subject", "profile", "key", "content_type", "body", "attributes"];

    private static readonly string s_columns = string.Join(", ", ColumnNames.Select(name => $"\"{name}\""));

    public Statements(PostgresIngressOptions options)
    {
        Name = TableName.TryParse(options.Table, out var name, out var wrong) ? name.Sql : throw new EvBusConfigurationException($"The table {wrong}");
        var isIdempotent = options.Mode == PostgresMode.Idempotent;
        var id = options.Id == PostgresId.Uuid ? "uuid" : "text";
        var body = options.Body switch { PostgresBody.Text => "text", PostgresBody.Jsonb => "jsonb", _ => "bytea" };
        // What has no schema is looked for among the temporary tables first.
        var staging = name is { Schema: null, Name: "evbus_staging" } ? "\"evbus_staging_2\"" : "\"evbus_staging\"";
        var conflict = isIdempotent ? " ON CONFLICT (\"id\") DO NOTHING" : "";
        Settings = string.Create(CultureInfo.InvariantCulture, $"SET statement_timeout = {(long)options.StatementTimeout.TotalMilliseconds}");
        Find = "SELECT to_regclass($1) IS NOT NULL";
        const string Ours = "(SELECT to_regclass($1)::oid UNION ALL SELECT relid::oid FROM pg_catalog.pg_partition_tree(to_regclass($1)))";
        FindConstraint = $"""
            SELECT count(c.oid) > 0 AND count(*) FILTER (WHERE a.attname::text = ANY ($3) OR a.attgenerated <> '') = 0 FROM pg_catalog.pg_constraint c
            LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) WHERE c.conname::text = $2 AND c.conrelid IN {Ours}
            """;
        FindRelation = $"""
            SELECT count(*) > 0 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname::text = $2 AND n.nspname::text = $3[1] AND c.oid IN {Ours}
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname::text = $3[2] AND a.attgenerated <> '')
            """;
        Make = $"""
            CREATE TABLE IF NOT EXISTS {Name} (
                "seq" bigint GENERATED ALWAYS AS IDENTITY, "id" {id} NOT NULL{(isIdempotent ? " PRIMARY KEY" : "")}, "time" timestamptz NOT NULL, "type" text NOT NULL, "source" text NOT NULL,
                "subject" text, "profile" text, "key" text, "content_type" text, "body" {body} NOT NULL, "attributes" jsonb)
            """;
        // Planned, with all checks of columns, types, rights and the unique index, and not run.
        Check = $"""
            EXPLAIN INSERT INTO {Name} ({s_columns}) SELECT NULL::{id}, NULL::timestamptz, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::{body}, NULL::jsonb WHERE false{conflict}
            """;
        Stage = isIdempotent
            ? $"""
                CREATE TEMPORARY TABLE {staging} (
                    "id" {id}, "time" timestamptz, "type" text, "source" text, "subject" text, "profile" text, "key" text, "content_type" text, "body" {body}, "attributes" jsonb) ON COMMIT DELETE ROWS
                """
            : null;
        Copy = $"COPY {(isIdempotent ? $"pg_temp.{staging}" : Name)} ({s_columns}) FROM STDIN (FORMAT BINARY)";
        // In the order they were written: a temporary table is read from its beginning, by one process.
        Insert = isIdempotent ? $"INSERT INTO {Name} ({s_columns}) SELECT {s_columns} FROM pg_temp.{staging}{conflict}" : null;
    }

    /// <summary>The table, quoted.</summary>
    public string Name { get; }

    public string Settings { get; }

    /// <summary>Whether the table is there; asks with its name as a value.</summary>
    public string Find { get; }

    /// <summary>Whether a constraint of the table is about none of the columns that are written, or are made of them.</summary>
    public string FindConstraint { get; }

    /// <summary>Whether a relation is the table, or a part of it, and its column is not made of others.</summary>
    public string FindRelation { get; }

    public string Make { get; }

    public string Check { get; }

    /// <summary>Makes the temporary table; null where rows go into the table itself.</summary>
    public string? Stage { get; }

    public string Copy { get; }

    /// <summary>From the temporary table into the table; null where rows go there themselves.</summary>
    public string? Insert { get; }
}
