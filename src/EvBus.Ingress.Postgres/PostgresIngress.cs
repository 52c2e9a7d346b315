using EvBus.Ingress.Postgres;

namespace EvBus;

/// <summary>The door of the PostgreSQL publisher: <c>bus.AddPostgres()</c>.</summary>
public static class PostgresIngress
{
    /// <summary>What the bus knows about it: provider name <c>postgres</c>, or <c>postgresql</c>; one lane for each profile.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "postgres",
        Aliases = ["postgresql"],
        Description = "Writes events into a table of PostgreSQL, each once by its id; delivered means committed.",
        OptionsType = typeof(PostgresIngressOptions),
        Example = """
            postgres:
              archive:
                host: db.example.org         # or url: postgres://login:password@host:5432/database, or connection_string
                port: 5432
                database: events
                username: evbus
                password: 'change me'
                ssl_mode: verify-full        # prefer (default) | disable | require | verify-ca | verify-full
                table: public.events
                mode: idempotent             # idempotent: each event once by its id | copy: faster, may double
                declare: active              # passive (default): must be there | none | active: made where it is missing
                body: bytea                  # the column's type: bytea | text | jsonb
                id: text                     # the column's type: text | uuid
                timeout: 10                  # seconds for connecting
                statement_timeout: 20        # seconds for one statement
            """,
        Validate = profile => PostgresProfile.TryRead(profile, out _, out var errors) is null ? errors : [],
        Create = context => new PostgresPublisher(context),
    };

    /// <summary>Adds the PostgreSQL publisher; profiles under <c>postgres:</c> and <c>postgresql:</c> get a lane each.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="lane">How its lanes work. Default: the bus's.</param>
    public static EvBusBuilder AddPostgres(this EvBusBuilder bus, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddIngress(Descriptor, lane: lane);
    }
}
