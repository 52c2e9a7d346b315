namespace EvBus.Ingress.Postgres;

/// <summary>How a batch gets into the table.</summary>
public enum PostgresMode
{
    /// <summary>COPY into a temporary table, then INSERT … ON CONFLICT (id) DO NOTHING, in one transaction: an event that comes twice is there once.</summary>
    Idempotent,

    /// <summary>COPY into the table itself. Faster, and after a broken connection events may be there twice.</summary>
    Copy,
}

/// <summary>What is done about the table at each connect.</summary>
public enum PostgresDeclare
{
    /// <summary>It must be there, with the columns that are written: asked at each connect, so that it is said before the first event.</summary>
    Passive,

    /// <summary>Nothing: what is wrong shows at the first batch. Nothing is given up then either.</summary>
    None,

    /// <summary>It is made where it is missing.</summary>
    Active,
}

/// <summary>What the column <c>body</c> is.</summary>
public enum PostgresBody
{
    /// <summary><c>bytea</c>: any body, byte for byte.</summary>
    Bytea,

    /// <summary><c>text</c>: a body that is not UTF-8, or has a NUL, is rejected.</summary>
    Text,

    /// <summary><c>jsonb</c>: a body that is no JSON is rejected; numbers, spaces and the order of keys are PostgreSQL's.</summary>
    Jsonb,
}

/// <summary>What the column <c>id</c> is.</summary>
public enum PostgresId
{
    /// <summary><c>text</c>: any id.</summary>
    Text,

    /// <summary><c>uuid</c>: smaller and faster; the ids that the bus gives are such. An event whose id is none is rejected.</summary>
    Uuid,
}

/// <summary>How the line is protected.</summary>
public enum PostgresTls
{
    /// <summary>Encrypted where the server can, and nothing is checked. The default, as of all clients of PostgreSQL.</summary>
    Prefer,

    /// <summary>Plain.</summary>
    Disable,

    /// <summary>Encrypted, and nothing is checked.</summary>
    Require,

    /// <summary>Encrypted; the certificate is from an authority that is trusted, for whatever host.</summary>
    VerifyCa,

    /// <summary>Encrypted; the certificate is from an authority that is trusted, and for this host.</summary>
    VerifyFull,
}

/// <summary>The keys of a <c>postgres:</c> profile.</summary>
public sealed record PostgresIngressOptions
{
    /// <summary><c>table</c>: where events go, as SQL writes it: <c>events</c>, <c>log.events</c>, <c>"My Events"</c>. Letters without quotes become small. Always quoted in what is sent. Required.</summary>
    public required string Table { get; init; }

    /// <summary><c>mode</c>: <c>idempotent</c> (default) or <c>copy</c>.</summary>
    public PostgresMode Mode { get; init; }

    /// <summary><c>declare</c>: <c>passive</c> (default), <c>none</c> or <c>active</c>.</summary>
    public PostgresDeclare Declare { get; init; }

    /// <summary><c>body</c>: the type of the column: <c>bytea</c> (default), <c>text</c> or <c>jsonb</c>.</summary>
    public PostgresBody Body { get; init; }

    /// <summary><c>id</c>: the type of the column: <c>text</c> (default) or <c>uuid</c>.</summary>
    public PostgresId Id { get; init; }

    /// <summary><c>ssl_mode</c>: <c>prefer</c> (default), <c>disable</c>, <c>require</c>, <c>verify-ca</c> or <c>verify-full</c>. <c>ssl: true</c>, or a <c>ca_file</c> or <c>cert_file</c>, is <c>verify-full</c> where it is not given.</summary>
    public PostgresTls Tls { get; init; }

    /// <summary><c>ca_file</c>: the authorities to trust instead of the system's, PEM. Default: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary><c>cert_file</c>: the client certificate, PEM. Default: none.</summary>
    public string? CertFile { get; init; }

    /// <summary><c>key_file</c>: its key, PEM. Default: it stands in <c>cert_file</c>.</summary>
    public string? KeyFile { get; init; }

    /// <summary><c>timeout</c>: for connecting, logging in and looking at the table together, in seconds; 1 to 600. Default: 10.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary><c>statement_timeout</c>: for one statement at the server, in seconds; 1 to 3600. Default: 20. What takes longer is ended there and tried again. Keep it below the lane's.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Host and port, for messages.</summary>
    internal string Where { get; init; } = "";

    /// <summary>The database's name, for messages.</summary>
    internal string Database { get; init; } = "";

    /// <summary>Reads a profile.</summary>
    /// <exception cref="EvBusConfigurationException">It cannot work; all errors at once, without any value of the connection's.</exception>
    public static PostgresIngressOptions Read(Profile profile)
    {
        ArgumentNullException.ThrowIfNull(profile);
        return PostgresProfile.TryRead(profile, out _, out var errors) ?? throw new EvBusConfigurationException(errors);
    }
}
