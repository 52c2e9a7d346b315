using Microsoft.Extensions.Logging;
using Npgsql;

namespace EvBus.Ingress.Postgres;

/// <summary>One connection of a lane's own, with what a batch needs on it: the temporary table and the prepared INSERT live and end with it.</summary>
internal sealed class PostgresLink : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;

    private PostgresLink(NpgsqlDataSource source) => _source = source;

    public NpgsqlConnection Connection { get; private set; } = null!;

    /// <summary>Null where rows go into the table itself.</summary>
    public NpgsqlCommand? Insert { get; private set; }

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
            link = new PostgresLink(new NpgsqlDataSourceBuilder(address.ConnectionString).Build());
            await link.PrepareAsync(context, statements, options.Declare, isTrial, either.Token).ConfigureAwait(false);
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

    public async ValueTask DisposeAsync()
    {
        if (Insert is not null)
            await Insert.DisposeAsync().ConfigureAwait(false);
        if (Connection is not null)
            await Connection.DisposeAsync().ConfigureAwait(false);
        await _source.DisposeAsync().ConfigureAwait(false);
    }

    private async Task PrepareAsync(IngressContext context, Statements statements, PostgresDeclare declare, bool isTrial, CancellationToken cancellationToken)
    {
        Connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await RunAsync(statements.Settings, cancellationToken).ConfigureAwait(false);
        var isChecked = declare == PostgresDeclare.Passive || isTrial;
        if (declare == PostgresDeclare.Active)
        {
            isChecked = await IsThereAsync(statements, cancellationToken).ConfigureAwait(false);
            if (!isChecked && !isTrial)
            {
                await RunAsync(statements.Make, cancellationToken).ConfigureAwait(false);
                Log.Made(context.Logger, context.LaneId, statements.Name);
                isChecked = true;
            }
        }
        if (isChecked)
            await RunAsync(statements.Check, cancellationToken).ConfigureAwait(false);
        if (statements.Stage is not null)
            await RunAsync(statements.Stage, cancellationToken).ConfigureAwait(false);
        // Not prepared where nobody looked for the table: that it is missing then shows at the first batch.
        if (statements.Insert is not null)
            Insert = new NpgsqlCommand(statements.Insert, Connection);
        if (Insert is not null && isChecked)
            await Insert.PrepareAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task<bool> IsThereAsync(Statements statements, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(statements.Find, Connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = statements.Name });
            return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
        }
    }

    private async Task RunAsync(string sql, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(sql, Connection);
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
