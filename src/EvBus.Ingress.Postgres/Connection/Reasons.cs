using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Npgsql;

namespace EvBus.Ingress.Postgres;

/// <summary>What the client and the server say, sorted and in words for an operator, with the remedy. The server names users in its texts of logging in; nothing here does.</summary>
internal sealed class Reasons(PostgresIngressOptions options, string table)
{
    /// <summary>The function of the server that checks rows against policies.</summary>
    private const string RowPolicy = "ExecWithCheckOptions";

    /// <summary>The function that looks for the part of a partitioned table that a row belongs in.</summary>
    private const string Partition = "ExecFindPartition";

    /// <summary>The functions of PL/pgSQL that raise what a trigger's author wrote, with whatever state.</summary>
    private const string Raise = "exec_stmt_raise";

    private const int MostWords = 500;

    /// <summary>What an exception of a batch means for its events.</summary>
    public PublishResult Judge(Exception thrown)
    {
        var words = Describe(thrown);
        return (thrown as PostgresException)?.SqlState switch
        {
            // Serialization failures and deadlocks; a lock not to be had; object in use; ended by statement_timeout or an administrator.
            ['4', '0', ..] or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.ObjectInUse or PostgresErrorCodes.QueryCanceled => PublishResult.Retry(words),
            // No partition for now: every event of that time has it, and the next partition mends it.
            PostgresErrorCodes.CheckViolation when thrown is PostgresException { Routine: Partition } => PublishResult.Disconnected(words),
            // A value, a constraint, a limit, a view's check: about one of the events, and the lane finds out which.
            ['2', '2', ..] or ['2', '3', ..] or ['5', '4', ..] or PostgresErrorCodes.WithCheckOptionViolation => PublishResult.Rejected(words),
            // A trigger's own word, whatever it calls it: RAISE with a state of its own, ASSERT, a function in another language.
            ['P', '0', ..] or ['0', '9', ..] or ['2', '7', ..] or ['3', '8', ..] => PublishResult.Rejected(words),
            _ when thrown is PostgresException { Routine: Raise } => PublishResult.Rejected(words),
            // A policy of row-level security says the same as a right that is missing altogether, from another place.
            PostgresErrorCodes.InsufficientPrivilege when thrown is PostgresException { Routine: RowPolicy } => PublishResult.Rejected(words),
            _ => PublishResult.Disconnected(words),
        };
    }

    /// <summary>A refusal of which only the table itself can say whether it would refuse every event; null when it is none.</summary>
    public static PostgresException? MayBeOfTable(Exception thrown) => thrown is PostgresException
    {
        SqlState: PostgresErrorCodes.NotNullViolation or PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.CheckViolation or PostgresErrorCodes.ExclusionViolation,
        Routine: not Raise,
    } said ? said : null;

    /// <summary>What the table refuses of itself.</summary>
    public string DescribeTable(PostgresException said) =>
        $"{Said(said)}. No event gives that column: give it a DEFAULT that fits, let it be NULL, or take the constraint away. Events wait until then.";

    /// <summary>An exception of connecting as one of ours; ours stay as they are.</summary>
    public EvBusException Translate(Exception thrown) => thrown as EvBusException ?? new EvBusException(Describe(thrown), thrown) { IsTransient = true };

    public string Describe(Exception thrown) => thrown switch
    {
        EvBusException ours => ours.Message,
        PostgresException said => Said(said),
        _ when Inside<AuthenticationException>(thrown) is { } tls =>
            $"PostgreSQL at {options.Where}: no TLS could be agreed on: {tls.Message} Check ca_file, the name in the server's certificate, and whether it wants a client certificate (cert_file).",
        _ when Inside<FileNotFoundException>(thrown) is { } file => $"A file of the profile is not there: {file.Message} Check ca_file, cert_file and key_file.",
        _ when Inside<DirectoryNotFoundException>(thrown) is { } folder => $"A file of the profile is not there: {folder.Message} Check ca_file, cert_file and key_file.",
        _ when Inside<UnauthorizedAccessException>(thrown) is { } denied => $"A file of the profile cannot be read: {denied.Message} Check ca_file, cert_file and key_file.",
        _ when Inside<CryptographicException>(thrown) is { } crypto => $"A file of the profile cannot be used: {crypto.Message} Check ca_file, cert_file, key_file and key_password.",
        _ when Inside<SocketException>(thrown) is { } socket => socket.SocketErrorCode switch
        {
            _ when options.Where.StartsWith("the socket", StringComparison.Ordinal) =>
                $"Nobody answers at {options.Where}: {socket.Message}. Is PostgreSQL running, and are host (the folder of its socket) and port right?",
            SocketError.ConnectionRefused => $"Nobody listens at {options.Where}. Is PostgreSQL running, and are host and port right?",
            SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => $"The name of {options.Where} cannot be resolved. Check the host.",
            _ => $"The connection to PostgreSQL at {options.Where} broke: {socket.Message}.",
        },
        _ when Inside<TimeoutException>(thrown) is not null || thrown is OperationCanceledException =>
            $"PostgreSQL at {options.Where} did not answer in time. Does it run, and is there a firewall between? 'timeout' gives connecting longer, 'statement_timeout' a batch.",
        NpgsqlException { InnerException: EndOfStreamException or IOException } or IOException => $"PostgreSQL at {options.Where} closed the connection without a word.",
        NpgsqlException when thrown.Message.Contains("password", StringComparison.OrdinalIgnoreCase) =>
            $"PostgreSQL at {options.Where} wants a password, or another way to log in than the profile has. Add username and password to the profile.",
        NpgsqlException when thrown.Message.StartsWith("SSL connection requested", StringComparison.Ordinal) =>
            $"PostgreSQL at {options.Where} has no TLS. Turn it on there, or set ssl_mode: disable where the line is safe.",
        _ => $"PostgreSQL at {options.Where}: {thrown.Message}",
    };

    private string Said(PostgresException e)
    {
        // Without the user whom the server may name in it.
        var remedy = e.Routine == Raise ? null : e.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                $"PostgreSQL at {options.Where} refused the login. Correct username and password in the acct file, or the role and pg_hba.conf at the server; its log says which of them it is.",
            PostgresErrorCodes.InvalidCatalogName => $"PostgreSQL at {options.Where} has no database '{options.Database}'. Create it, or correct database in the profile.",
            PostgresErrorCodes.TooManyConnections => $"PostgreSQL at {options.Where} has no connection left. Raise max_connections there, or the limit of the role or the database.",
            _ => null,
        };
        if (remedy is not null)
            return remedy;
        var text = string.Create(CultureInfo.InvariantCulture, $"PostgreSQL at {options.Where}: {Words(e.MessageText).TrimEnd('.')} ({e.SqlState})");
        if (e.Routine == Raise)
            return text;
        return e.SqlState switch
        {
            PostgresErrorCodes.CheckViolation when e.Routine == Partition => $"{text}. Make the partition, or a DEFAULT partition that takes what no other does.",
            PostgresErrorCodes.InvalidSchemaName when options.Declare == PostgresDeclare.Active => $"{text}. Create it in database '{options.Database}', or correct table in the profile: 'declare: active' makes tables only.",
            PostgresErrorCodes.UndefinedTable when options.Declare == PostgresDeclare.Active => $"{text}. It is made anew at the next connect.",
            PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName =>
                $"{text}. Create it in database '{options.Database}', correct table in the profile, or set 'declare: active'.",
            PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.DatatypeMismatch =>
                $"{text}. The columns that are written are in the README; 'body' and 'id' of the profile say their types.",
            PostgresErrorCodes.InvalidColumnReference when options.Mode == PostgresMode.Idempotent =>
                $"{text}. 'mode: idempotent' needs a primary key or unique index on id alone: add one to {table}, or set 'mode: copy'.",
            PostgresErrorCodes.InsufficientPrivilege when e.Routine == RowPolicy => text,
            PostgresErrorCodes.InsufficientPrivilege => $"{text}. {Grants()}",
            PostgresErrorCodes.UniqueViolation when options.Mode == PostgresMode.Copy => $"{text}. 'mode: idempotent' passes over what is there already",
            PostgresErrorCodes.ReadOnlySqlTransaction => $"{text}. It is a standby, or set to read only: the profile must name the primary.",
            PostgresErrorCodes.QueryCanceled => $"{text}. 'statement_timeout' of the profile gives it longer.",
            ['2', '2', ..] or ['2', '3', ..] or ['5', '4', ..] or ['P', ..] or ['0', '9', ..] or ['2', '7', ..] or ['3', '8', ..] => text,
            _ => $"{text}.",
        };
    }

    // They come from outside, sometimes with what an event says, and go into reasons and logs.
    private static string Words(string text) => string.Concat(text.Take(MostWords).Select(c => char.IsControl(c) ? ' ' : c)) + (text.Length > MostWords ? "…" : "");

    private string Grants() => options.Mode == PostgresMode.Idempotent
        ? "The login needs GRANT INSERT and SELECT (id) on the table, USAGE on its schema, TEMPORARY on the database, and CREATE on the schema for 'declare: active'."
        : "The login needs GRANT INSERT on the table, USAGE on its schema, and CREATE on the schema for 'declare: active'.";

    private static T? Inside<T>(Exception thrown) where T : Exception
    {
        for (var at = thrown; at is not null; at = at.InnerException)
        {
            if (at is T found)
                return found;
        }
        return null;
    }
}
