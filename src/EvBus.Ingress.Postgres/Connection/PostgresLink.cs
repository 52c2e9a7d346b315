using Microsoft.Extensions.Logging;
using Npgsql;

namespace EvBus.Ingress.Postgres;

/// <summary>
/// One connection of a lane's own, with what a batch needs on it: the temporary table and the prepared statements live and end with it. Invariants: nothing waits for the server longer than
/// <see cref="WithinAsync"/> lets it; a connection that was left in the middle of something is closed when that has ended, and used for nothing else.
/// </summary>
internal sealed class PostgresLink : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;
    private Task _left = Task.CompletedTask;

    private PostgresLink(NpgsqlDataSource source, TimeSpan patience, TimeProvider time) => (_source, _patience, _time) = (source, patience, time);

    public NpgsqlConnection Connection { get; private set; } = null!;

    /// <summary>The end of a batch: INSERT and COMMIT in one go, the second only where the first worked. Null where rows go into the table itself.</summary>
    public NpgsqlBatch? Finish { get; private set; }

    /// <summary>Connects, logs in, and looks at the table as the profile says.</summary>
    /// <param name="context">Whose it is.</param>
    /// <param name="address">Where, and who is asking.</param>
    /// <param name="options">The rest of the profile.</param>
    /// <param name="statements">The statements of its table.</param>
    /// <param name="reasons">Words for what goes wrong.</param>
    /// <param name="isTrial">Whether the table is looked at in any case, and made in none.</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <exception cref="EvBusException">It did not work; the message says what to do.</exception>
    public static async Task<PostgresLink> OpenAsync(
        IngressContext context, NpgsqlConnectionStringBuilder address, PostgresIngressOptions options, Statements statements, Reasons reasons, bool isTrial, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(options.Timeout, context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        PostgresLink? link = null;
        try
        {
            // The server ends what takes too long; the limit here is for one that does not answer.
            link = new PostgresLink(new NpgsqlDataSourceBuilder(address.ConnectionString).Build(), TimeSpan.FromSeconds(address.CommandTimeout), context.Time);
            await link.WithinAsync(link.PrepareAsync(context, statements, options.Declare, isTrial, either.Token), either.Token).ConfigureAwait(false);
            return link;
        }
        catch (Exception e)
        {
            if (link is not null)
                await link.DisposeAsync().ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested)
                throw new OperationCanceledException(e.Message, e, cancellationToken);
            throw reasons.Translate(e);
        }
    }

    /// <summary>
    /// Waits for a statement. It is not given the caller's token: the client would ask the server to cancel, on a new line, and hold up both caller and canceller where that is silent too.
    /// </summary>
    /// <exception cref="TimeoutException">The server did not answer.</exception>
    public async Task WithinAsync(Task work, CancellationToken cancellationToken)
    {
        try
        {
            await work.WaitAsync(_patience, _time, cancellationToken).ConfigureAwait(false);
        }
        catch when (!work.IsCompleted)
        {
            _left = work;
            throw;
        }
    }

    /// <summary>Runs a statement, without any limit of its own.</summary>
    public async Task RunAsync(string sql)
    {
        var command = new NpgsqlCommand(sql, Connection) { CommandTimeout = 0 };
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        if (_left.IsCompleted)
            return CloseAsync();
        _ = CloseBehindAsync();
        return ValueTask.CompletedTask;
    }

    private async Task CloseBehindAsync()
    {
        await EndAsync().ConfigureAwait(false);
        await _left.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await CloseAsync().ConfigureAwait(false);
    }

    /// <summary>Asks the server to end what was left, so that it is not done later. Whether that arrives or not: statement_timeout ends it too, or the system's keep-alive where nobody is there.</summary>
    private async Task EndAsync()
    {
        using var patience = new CancellationTokenSource(_patience, _time);
        try
        {
            // Null when it never came to a connection.
            if (Connection is null)
                return;
            var connection = await _source.OpenConnectionAsync(patience.Token).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                var command = new NpgsqlCommand("SELECT pg_cancel_backend($1)", connection) { CommandTimeout = 0, Parameters = { new NpgsqlParameter<int> { TypedValue = Connection.ProcessID } } };
                await using (command.ConfigureAwait(false))
                    await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException or OperationCanceledException or InvalidOperationException)
        {
            // It answers nobody at the moment, which is why it was left.
        }
    }

    private async ValueTask CloseAsync()
    {
        if (Finish is not null)
            await Finish.DisposeAsync().ConfigureAwait(false);
        if (Connection is not null)
            await Connection.DisposeAsync().ConfigureAwait(false);
        await _source.DisposeAsync().ConfigureAwait(false);
    }

    private async Task PrepareAsync(IngressContext context, Statements statements, PostgresDeclare declare, bool isTrial, CancellationToken cancellationToken)
    {
        Connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await RunAsync(statements.Settings).ConfigureAwait(false);
        var isChecked = declare == PostgresDeclare.Passive || isTrial;
        if (declare == PostgresDeclare.Active)
        {
            isChecked = await IsThereAsync(statements).ConfigureAwait(false);
            if (!isChecked && !isTrial)
            {
                await RunAsync(statements.Make).ConfigureAwait(false);
                Log.Made(context.Logger, context.LaneId, statements.Name);
                isChecked = true;
            }
        }
        if (isChecked)
            await RunAsync(statements.Check).ConfigureAwait(false);
        if (statements.Stage is null)
            return;
        await RunAsync(statements.Stage).ConfigureAwait(false);
        Finish = new NpgsqlBatch(Connection) { Timeout = 0, BatchCommands = { new NpgsqlBatchCommand(statements.Insert!), new NpgsqlBatchCommand("COMMIT") } };
        // Not prepared where nobody looked for the table: that it is missing then shows at the first batch.
        if (isChecked)
            await Finish.PrepareAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Whether the table refuses what no event has given it, so that it would refuse every event: a column of its own without a value, a constraint on such columns alone.</summary>
    public async Task<bool> IsOfTableAsync(Statements statements, PostgresException said) => said.SqlState switch
    {
        PostgresErrorCodes.NotNullViolation => said is { ColumnName: { } column, TableName: { } table } && !Statements.ColumnNames.Contains(column)
            && await AskAsync(statements.FindRelation, statements.Name, table, said.SchemaName ?? "", column).ConfigureAwait(false),
        _ => said.ConstraintName is { } constraint && await AskAsync(statements.FindConstraint, statements.Name, constraint, Statements.ColumnNames).ConfigureAwait(false),
    };

    private Task<bool> IsThereAsync(Statements statements) => AskAsync(statements.Find, statements.Name);

    private async Task<bool> AskAsync(string sql, string table, string? name = null, params string[] among)
    {
        var command = new NpgsqlCommand(sql, Connection) { CommandTimeout = 0 };
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = table });
            if (name is not null)
            {
                command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
                command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = among });
            }
            return await command.ExecuteScalarAsync(CancellationToken.None).ConfigureAwait(false) is true;
        }
    }
}
