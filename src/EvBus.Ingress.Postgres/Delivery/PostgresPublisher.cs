using Npgsql;

namespace EvBus.Ingress.Postgres;

/// <summary>
/// Writes batches as transactions. Invariants: Delivered stands for a COMMIT (or a COPY by itself) that the server confirmed; whenever that is not known, the connection is
/// given up, and what may still be done on it is passed over by id when it is repeated; one call at a time uses the connection.
/// </summary>
internal sealed class PostgresPublisher : IPublisher, IConnectionTest
{
    private static readonly TimeSpan s_farewell = TimeSpan.FromSeconds(1);

    private readonly IngressContext _context;
    private readonly PostgresIngressOptions _options;
    private readonly NpgsqlConnectionStringBuilder _address;
    private readonly Statements _statements;
    private readonly Reasons _reasons;
    private readonly RowWriter _writer;
    private PostgresLink? _link;
    private bool _isWarned;

    public PostgresPublisher(IngressContext context)
    {
        _context = context;
        _options = PostgresProfile.TryRead(context.Profile!, out _address, out var errors) ?? throw new EvBusConfigurationException(errors);
        _statements = new Statements(_options);
        _reasons = new Reasons(_options, _statements.Name);
        _writer = new RowWriter(_options);
    }

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        await CloseAsync().ConfigureAwait(false);
        if (!_isWarned && PostgresProfile.IsReadable(_address, _options))
            Log.Readable(_context.Logger, _context.LaneId, _options.Where, PostgresProfile.TlsWords.First(each => each.Tls == _options.Tls).Word);
        _isWarned = true;
        _link = await OpenAsync(isTrial: false, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask TestAsync(CancellationToken cancellationToken)
    {
        var link = await OpenAsync(isTrial: true, cancellationToken).ConfigureAwait(false);
        await link.DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        if (_link is null)
            return PublishResult.Disconnected($"PostgreSQL at {_options.Where} is not connected yet.");
        var isOver = false;
        try
        {
            var result = await WriteAsync(_link, batch, cancellationToken).ConfigureAwait(false);
            isOver = result.Verdict != Verdict.Disconnected || result.Each is not null;
            return result;
        }
        finally
        {
            if (!isOver)
                await CloseAsync().ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

    private async ValueTask<PublishResult> WriteAsync(PostgresLink link, EventBatch batch, CancellationToken cancellationToken)
    {
        try
        {
            // Goes to the server together with what comes next.
            if (link.Finish is not null)
                await link.Connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            var rejected = await CopyAsync(link, batch, cancellationToken).ConfigureAwait(false);
            if (link.Finish is not null)
                await link.WithinAsync(link.Finish.ExecuteNonQueryAsync(CancellationToken.None), cancellationToken).ConfigureAwait(false);
            return rejected is null ? PublishResult.Delivered : PublishResult.Mixed(rejected);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            var result = _reasons.Judge(e);
            if (result.Verdict == Verdict.Disconnected)
                return result;
            if (link.Finish is not null && await RollBackAsync(link, cancellationToken).ConfigureAwait(false) is { } why)
                return why;
            return result.Verdict == Verdict.Rejected && Reasons.MayBeOfTable(e) is { } said && await IsOfTableAsync(link, said, cancellationToken).ConfigureAwait(false)
                ? PublishResult.Disconnected(_reasons.DescribeTable(said))
                : result;
        }
    }

    // Where the server does not say, the event is told what it was told.
    private async ValueTask<bool> IsOfTableAsync(PostgresLink link, PostgresException said, CancellationToken cancellationToken)
    {
        try
        {
            var asked = link.IsOfTableAsync(_statements, said);
            await link.WithinAsync(asked, cancellationToken).ConfigureAwait(false);
            return await asked.ConfigureAwait(false);
        }
        catch (PostgresException)
        {
            return false;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            // The line broke: the batch comes again, and so does the question.
            return true;
        }
    }

    private async Task<EventVerdict[]?> CopyAsync(PostgresLink link, EventBatch batch, CancellationToken cancellationToken)
    {
        EventVerdict[]? rejected = null;
        var isWritten = false;
        var rows = await link.Connection.BeginBinaryImportAsync(_statements.Copy, cancellationToken).ConfigureAwait(false);
        try
        {
            for (var i = 0; i < batch.Count; i++)
            {
                if (await _writer.WriteAsync(rows, batch[i], cancellationToken).ConfigureAwait(false) is { } reason)
                    (rejected ??= new EventVerdict[batch.Count])[i] = new EventVerdict(Verdict.Rejected, reason);
            }
            isWritten = true;
            await rows.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // The client now tells the server that it is over, and waits for the answer: not long, where nobody may be there. What was written to its end, or broke, is over already.
            if (!isWritten && link.Connection.State == System.Data.ConnectionState.Open)
                rows.Timeout = s_farewell;
            throw;
        }
        finally
        {
            await rows.DisposeAsync().ConfigureAwait(false);
        }
        return rejected;
    }

    /// <summary>Null when it is rolled back; otherwise the connection is of no use any more.</summary>
    private async ValueTask<PublishResult?> RollBackAsync(PostgresLink link, CancellationToken cancellationToken)
    {
        try
        {
            await link.WithinAsync(link.RunAsync("ROLLBACK"), cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            return PublishResult.Disconnected(_reasons.Describe(e));
        }
    }

    private Task<PostgresLink> OpenAsync(bool isTrial, CancellationToken cancellationToken) =>
        PostgresLink.OpenAsync(_context, _address, _options, _statements, _reasons, isTrial, cancellationToken);

    private async ValueTask CloseAsync()
    {
        if (Interlocked.Exchange(ref _link, null) is { } link)
            await link.DisposeAsync().ConfigureAwait(false);
    }
}
