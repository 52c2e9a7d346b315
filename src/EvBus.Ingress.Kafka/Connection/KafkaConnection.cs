using System.Globalization;
using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

/// <summary>
/// One producer, from its making to its end. Invariants:
/// 1. Records are handed over under <c>_gate</c>, and none after <c>_isClosed</c>; so whoever closes knows what was handed over.
/// 2. Once it is broken nothing more is handed over, and it is closed with all it still holds: a record that comes through late would stand beside or behind its repetition.
/// 3. Every batch that was begun completes: by its reports, or, when the producer is gone and no report can come, by <see cref="WrittenBatch.Abandon"/>.
/// </summary>
internal sealed partial class KafkaConnection
{
    private readonly Lock _gate = new();
    private readonly Lock _listLock = new();
    private readonly HashSet<WrittenBatch> _open = [];
    private readonly Stack<WrittenBatch> _spare = new();
    private readonly IngressContext _context;
    private readonly KafkaIngressOptions _options;
    private readonly KafkaTuning _tuning;
    private readonly IProducer<byte[], byte[]> _producer;
    private readonly int _number;
    private Task? _closing;
    private TaskCompletionSource? _room;
    private volatile string? _broken;
    private volatile string? _lastError;
    private volatile bool _saidAway;
    private volatile bool _isReady;
    private TopicPartition _where = new("", Partition.Any);
    private int _refused;
    private bool _isClosed;

    private readonly ITimer _watch;

    public KafkaConnection(IngressContext context, KafkaIngressOptions options, KafkaTuning tuning)
    {
        (_context, _options, _tuning) = (context, options, tuning);
        IsIsolating = tuning.IsIsolating;
        _ = NativeClient.Version;
        var settings = options.Client.ToDictionary();
        _number = tuning.Apply(settings);
        // Whoever needs the rest has it in the batch; not having it brought back makes the client faster.
        settings["dotnet.producer.delivery.report.fields"] = "none";
        try
        {
            _producer = new ProducerBuilder<byte[], byte[]>(settings)
                .SetErrorHandler((_, error) => OnError(error))
                .SetLogHandler((_, line) => Log.Librdkafka(context.Logger, context.LaneId, options.Client.Redact(line.Message)))
                .Build();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or KafkaException)
        {
            throw new EvBusConfigurationException($"The Kafka client cannot be set up: {options.Client.Redact(e.Message)}. Correct the profile.");
        }
        _watch = context.Time.CreateTimer(static connection => ((KafkaConnection)connection!).Watch(), this, tuning.MessageTimeout / 10, tuning.MessageTimeout / 10);
    }

    /// <summary>Why it is of no use any more; null while it is.</summary>
    public string? Broken => _broken;

    /// <summary>Whether each record travels by itself, so that an answer about a request is about one event.</summary>
    public bool IsIsolating { get; }

    internal object Producer => _producer;

    /// <summary>Whether it stands in for one that was of use: brokers that are away are then waited for.</summary>
    public bool IsReady
    {
        get => _isReady;
        init => _isReady = value;
    }

    /// <summary>How many events had no report when it was closed.</summary>
    public int GivenUp { get; private set; }

    public long Now => _context.Time.GetTimestamp();

    public int OpenBatches
    {
        get
        {
            lock (_listLock)
                return _open.Count;
        }
    }

    /// <summary>A batch to write into.</summary>
    public WrittenBatch Begin(int count)
    {
        lock (_listLock)
        {
            var batch = _spare.TryPop(out var used) ? used : new WrittenBatch(this);
            batch.Begin(count);
            _open.Add(batch);
            return batch;
        }
    }

    /// <summary>Keeps the producer from being closed while records are handed over.</summary>
    public Lock.Scope Enter() => _gate.EnterScope();

    /// <summary>Hands over a record, inside <see cref="Enter"/>. False when the client's queue is full, or the connection is broken.</summary>
    /// <exception cref="RejectEventException">The client will not take this record.</exception>
    /// <exception cref="LimitIsOldException">The record is larger than what the topic took when it was last asked, which is some time ago.</exception>
    public bool TryProduce(string topic, Partition partition, Message<byte[], byte[]> record, Action<DeliveryReport<byte[], byte[]>> report)
    {
        if (_isClosed || _broken is not null)
            return false;
        try
        {
            if (!ReferenceEquals(_where.Topic, topic) || _where.Partition != partition)
                _where = new TopicPartition(topic, partition);
            _producer.Produce(_where, record, report);
            return true;
        }
        catch (KafkaException e) when (e.Error.Code == ErrorCode.Local_QueueFull || e.Error.IsFatal)
        {
            // What ended the producer is said by a report or to the error handler.
            return false;
        }
        catch (KafkaException e) when (e.Error.Code is ErrorCode.MsgSizeTooLarge)
        {
            if (_tuning.IsLimitOld(Now))
                throw new LimitIsOldException();
            var bytes = (record.Key?.Length ?? 0) + (record.Value?.Length ?? 0);
            throw new RejectEventException(
                string.Create(CultureInfo.InvariantCulture, $"its record of {bytes} bytes, key and value, is larger than {_tuning.LimitWords(topic)}"), e);
        }
        catch (KafkaException e)
        {
            var (verdict, reason) = Judge(e.Error, topic);
            return verdict == Verdict.Rejected ? throw new RejectEventException(reason, e) : false;
        }
    }

    /// <summary>Waits until a report has come, or a moment has passed: the client makes room only after its report was heard.</summary>
    public async ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        var room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _room, room);
        using var moment = new CancellationTokenSource(TimeSpan.FromMilliseconds(20), _context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(moment.Token, cancellationToken);
        await room.Task.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>What an error says about one event; one that is about more breaks the connection.</summary>
    public (Verdict Verdict, string Reason) Judge(Error error, string topic)
    {
        var words = KafkaErrors.Words(error, topic, _options);
        switch (KafkaErrors.SortOf(error.Code))
        {
            case Sort.Topic when !_tuning.HasOneTopic && !(KafkaErrors.MayPass(error.Code, _options) && _tuning.MayBeKnownAnew(topic, error.Code, _number)):
            case Sort.Refused when IsIsolating:
                return (Verdict.Rejected, words);
            case Sort.Refused:
                // Known also when the producer has ended of it before this report was heard.
                if (Interlocked.Exchange(ref _refused, 1) == 0)
                    _tuning.BrokenBy(Breach.Refused);
                Break(words, Breach.Other);
                return (Verdict.Retry, words);
            default:
                Break(_broken ?? words, error.Code == ErrorCode.Local_MsgTimedOut ? Breach.TimedOut : Breach.Other);
                return (Verdict.Retry, _broken ?? words);
        }
    }

    /// <summary>The batch has all its verdicts.</summary>
    public void Complete(WrittenBatch batch, bool isDelivered)
    {
        if (isDelivered)
        {
            _saidAway = false;
            _lastError = null;
            Volatile.Write(ref _lastSign, Now);
            _tuning.Delivered(batch.Count, _context.Time.GetElapsedTime(batch.Began));
        }
        lock (_listLock)
        {
            _open.Remove(batch);
            if (_spare.Count < 64 && _broken is null)
                _spare.Push(batch);
        }
    }

    /// <summary>A report has come, so the client has room for another record in a moment.</summary>
    public void OnRoom()
    {
        _tuning.Reported();
        Volatile.Read(ref _room)?.TrySetResult();
    }

    public void Break(string reason, Breach breach)
    {
        if (Interlocked.CompareExchange(ref _broken!, reason, null) is not null)
            return;
        // Before that the lane says why it cannot connect, and while it is idle it says that too.
        if (_isReady && breach != Breach.Idle)
            Log.Broken(_context.Logger, _context.LaneId, reason);
        _tuning.BrokenBy(breach);
        _ = CloseAsync(TimeSpan.Zero);
    }

    /// <summary>Ends it: waits so long for reports, then gives up what has none. Any number of times; all get the same task.</summary>
    public Task CloseAsync(TimeSpan flush)
    {
        lock (_listLock)
            return _closing ??= Task.Run(() => Close(flush));
    }

    private void Close(TimeSpan flush)
    {
        _watch.Dispose();
        Interlocked.CompareExchange(ref _broken!, "the publisher was closed before the brokers confirmed", null);
        lock (_gate)
            _isClosed = true;
        // The client must be there as long as somebody asks it something.
        // How it ended was said, or does not matter any more.
        _asking.ContinueWith(static asking => asking.Exception, TaskScheduler.Default).Wait();
        if (flush > TimeSpan.Zero && OpenBatches > 0)
            _producer.Flush(flush);
        _producer.Dispose();
        WrittenBatch[] left;
        lock (_listLock)
            left = [.. _open];
        foreach (var batch in left)
            GivenUp += batch.Abandon(_broken!);
    }
}
