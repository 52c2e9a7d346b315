using System.Globalization;
using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

/// <summary>
/// Hands batches to a producer and lets their delivery reports decide. Invariants: a batch is handed over whole and in order, or what is left of it is given back and nothing
/// behind it is taken until the lane has connected again, which it does when all that was under way has its verdict.
/// </summary>
internal sealed class KafkaPublisher : IWindowedPublisher, IConnectionWatch, IConnectionTest, IProgressReport
{
    private readonly IngressContext _context;
    private readonly KafkaIngressOptions _options;
    private readonly EventTemplate _topic;
    private readonly KafkaTuning _tuning;
    private readonly RecordWriter _writer;
    private volatile KafkaConnection? _connection;
    private Task _closing = Task.CompletedTask;
    private Position _lastHanded;
    private string? _lastTopic;
    private volatile string? _held;

    public KafkaPublisher(IngressContext context, KafkaIngressOptions options)
    {
        (_context, _options) = (context, options);
        _topic = options.Topics.FirstOrDefault(topic => topic.Text == context.Destination) ?? options.Topics[0];
        _tuning = new KafkaTuning(options, _topic.Constant, context.CallTimeout, context.Time);
        _writer = new RecordWriter(options);
    }

    public event Action? ConditionChanged;

    public ConnectionCondition Condition => _connection?.Lost is { } lost ? new(ConnectionState.Lost, lost) : new(ConnectionState.Open);

    public int Window => _options.IsStrict || IsReadyToJoin ? 1 : _tuning.Window;

    /// <summary>The producer of the moment, for tests that harm it.</summary>
    internal object? Producer => _connection?.Producer;

    public long Progress => _tuning.Reports;

    public TimeSpan? Patience => _tuning.MessageTimeout + _tuning.Patience;

    private TimeSpan ConnectTimeout => _context.CallTimeout / 3 < TimeSpan.FromSeconds(10) ? _context.CallTimeout / 3 : TimeSpan.FromSeconds(10);

    /// <summary>Where the events end that are sent one by one.</summary>
    private Position _isolateUpTo;

    /// <summary>What the connection was made smaller for is over: another takes its place as soon as nothing is under way.</summary>
    private bool IsReadyToJoin => _connection is { IsIsolating: true } ? !_tuning.IsIsolating : _tuning.IsStale;

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        _held = null;
        if (_connection is { Broken: null } whole)
        {
            if (_topic.Constant is { } known && _tuning.MustAskLimit && await LearnLimitAsync(whole, known).ConfigureAwait(false) && whole.OpenBatches == 0)
                _connection = Replace(whole);
            return;
        }
        // Whoever connects anew knows nothing of before: the operator may have raised the limit.
        _tuning.MustAskLimit = true;
        if (_connection is { } old)
        {
            _connection = null;
            _closing = old.CloseAsync(TimeSpan.Zero);
        }
        await _closing.WaitAsync(cancellationToken).ConfigureAwait(false);
        var connection = new KafkaConnection(_context, _options, _tuning) { OnLost = OnLost };
        try
        {
            var metadata = await connection.AskAsync(_topic.Constant, ConnectTimeout, cancellationToken).ConfigureAwait(false);
            if (_topic.Constant is { } topic && await LearnLimitAsync(connection, topic).ConfigureAwait(false))
                connection = Replace(connection);
            if (_tuning.IsIsolating)
            {
                _isolateUpTo = _lastHanded;
                Log.Isolating(_context.Logger, _context.LaneId);
            }
            Log.Connected(_context.Logger, _context.LaneId, _options.Client.Servers, metadata.Brokers.Count, NativeClient.Version);
            if (_options.Client.Get("acks") == "0")
                Log.NothingIsConfirmed(_context.Logger, _context.LaneId);
            if (_options.Client.ShowsLogin)
                Log.LoginIsShown(_context.Logger, _context.LaneId, _options.Client.Servers);
            _connection = connection;
        }
        catch
        {
            _closing = connection.CloseAsync(TimeSpan.Zero);
            throw;
        }
    }

    public ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        if (_held is not null || _connection is not { Broken: null } connection)
            return new(Task.FromResult(PublishResult.Disconnected(_held ?? _connection?.Broken ?? "not connected")));
        if (IsReadyToJoin && connection.OpenBatches == 0)
            _connection = connection = Replace(connection);
        else if (_tuning.IsIsolating && batch[0].Position > _isolateUpTo)
            _tuning.IsIsolating = false;
        var written = connection.Begin(batch.Count);
        var acknowledged = written.Acknowledged;
        var next = HandOver(connection, written, batch, 0);
        if (next < batch.Count && connection.Broken is null && _held is null)
            return HandOverRestAsync(connection, written, batch, next, cancellationToken);
        written.EndWriting(connection.Broken ?? _held);
        return new(acknowledged);
    }

    /// <summary>True when the topic takes another amount than the connection keeps to.</summary>
    private async ValueTask<bool> LearnLimitAsync(KafkaConnection connection, string topic)
    {
        var limit = await connection.AskLimitAsync(topic, _tuning.Patience).ConfigureAwait(false);
        _tuning.AskedLimit(_context.Time.GetTimestamp());
        return limit is { } most && _tuning.Learn(most);
    }

    public async ValueTask TestAsync(CancellationToken cancellationToken)
    {
        var connection = new KafkaConnection(_context, _options, _tuning);
        try
        {
            // All topics: asking for one by its name would make it, where the brokers make topics.
            var metadata = await connection.AskAsync(topic: null, TimeSpan.FromSeconds(10), cancellationToken).ConfigureAwait(false);
            if (_topic.Constant is not { } name)
                return;
            var topic = metadata.Topics.Find(each => each.Topic == name)
                ?? throw new EvBusException($"The brokers answer ({metadata.Brokers.Count} of them), but there is no topic '{name}' that this login can see. Create it, unless the brokers make topics on first use.");
            if (topic.Error.IsError)
                throw new EvBusException($"The brokers answer, but: {KafkaErrors.Words(topic.Error, name, _options)}.");
            if (_options.Partition >= topic.Partitions.Count)
                throw new EvBusException($"The brokers answer, but topic '{name}' has {topic.Partitions.Count} partitions and none with number {_options.Partition}. Correct partition.");
            await AdvertisedAddresses.TestAsync(metadata.Brokers.Where(broker => topic.Partitions.Exists(partition => partition.Leader == broker.BrokerId)), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await connection.CloseAsync(TimeSpan.Zero).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            var wasWhole = connection.Broken is null;
            await connection.CloseAsync(_options.FlushTimeout).ConfigureAwait(false);
            if (wasWhole && connection.GivenUp > 0)
                Log.Unconfirmed(_context.Logger, _context.LaneId, connection.GivenUp);
        }
        await _closing.ConfigureAwait(false);
    }

    private async ValueTask<Task<PublishResult>> HandOverRestAsync(
        KafkaConnection connection, WrittenBatch written, EventBatch batch, int next, CancellationToken cancellationToken)
    {
        var acknowledged = written.Acknowledged;
        var began = _context.Time.GetTimestamp();
        string? reason = null;
        Log.QueueFull(_context.Logger, _context.LaneId);
        try
        {
            while (next < batch.Count && connection.Broken is null && _held is null)
            {
                if (_context.Time.GetElapsedTime(began) > _tuning.Patience)
                {
                    _held = reason = "the client's queue stays full: the brokers take events more slowly than they come";
                    break;
                }
                await connection.WaitForRoomAsync(cancellationToken).ConfigureAwait(false);
                next = HandOver(connection, written, batch, next);
            }
        }
        catch (OperationCanceledException)
        {
            _held = reason = "the lane gave the call up while the client's queue was full";
        }
        written.EndWriting(connection.Broken ?? reason ?? _held);
        return acknowledged;
    }

    /// <summary>Hands over as much as the client takes; the index of the first event it did not.</summary>
    private int HandOver(KafkaConnection connection, WrittenBatch written, EventBatch batch, int next)
    {
        using var inside = connection.Enter();
        for (; next < batch.Count; next++)
        {
            var evt = batch[next];
            try
            {
                _writer.Fill(in evt);
                if (!connection.TryProduce(TopicOf(in evt), PartitionOf(in evt), _writer.Record, written.HandlerOf(next)))
                    break;
            }
            catch (LimitIsOldException)
            {
                // What is left goes back in line, and the lane connects again, which asks the topic.
                _held = "an event is larger than the topic took when it was last asked: it is asked again";
                return next;
            }
            catch (RejectEventException e)
            {
                written.Reject(next, e.Message);
            }
            written.HandedUpTo(next + 1);
            _lastHanded = evt.Position;
        }
        return next;
    }

    private string TopicOf(in EventView evt)
    {
        var topic = _topic.Format(in evt);
        if (ReferenceEquals(topic, _lastTopic))
            return topic;
        if (_topic.Constant is null && TopicName.Wrong(topic) is { } wrong)
            throw new RejectEventException($"its topic '{(topic.Length > 260 ? string.Concat(topic.AsSpan(0, 260), "…") : topic)}' {wrong}");
        return _lastTopic = topic;
    }

    private Partition PartitionOf(in EventView evt)
    {
        if (_options.PartitionTemplate is not { } template)
            return _options.Partition ?? Partition.Any;
        var text = template.Format(in evt);
        return text.Length == 0 ? Partition.Any
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw new RejectEventException($"its partition '{PlainText.OneLine(text, 100)}' is no number from 0");
    }

    private KafkaConnection Replace(KafkaConnection old)
    {
        _closing = Task.WhenAll(_closing, old.CloseAsync(TimeSpan.Zero));
        return new KafkaConnection(_context, _options, _tuning) { IsReady = true, OnLost = OnLost };
    }

    private void OnLost(KafkaConnection connection)
    {
        if (connection == _connection)
            ConditionChanged?.Invoke();
    }
}
