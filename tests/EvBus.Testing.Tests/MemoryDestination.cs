namespace EvBus.Testing.Tests;

/// <summary>A destination in memory that can be cut, held and counted. Thread-safe.</summary>
internal sealed class MemoryDestination
{
    public const string Secret = "s3cret-Passw0rd";

    private readonly Lock _lock = new();
    private readonly List<ReceivedEvent> _events = [];
    private TaskCompletionSource _flows = new();
    private int _epoch;

    public MemoryDestination() => _flows.SetResult();

    public int Connections { get; set; }

    /// <summary>Changes with each cut: a connection of an earlier epoch is gone.</summary>
    public int Epoch => Volatile.Read(ref _epoch);

    public Task Flows => _flows.Task;

    public void Add(ReceivedEvent evt)
    {
        lock (_lock)
            _events.Add(evt);
    }

    public PublisherHarness Harness(Func<IngressContext, MemoryDestination, MemoryPublisher>? create = null) => new()
    {
        Name = "memory",
        Create = context => (create ?? ((c, d) => new MemoryPublisher(c, d)))(context, this),
        Profile = Profile("right", Secret),
        RefusedProfile = Profile("right", Secret + "-wrong"),
        MissingProfile = Profile("nowhere", Secret),
        Secrets = [Secret],
        Read = _ =>
        {
            lock (_lock)
                return new([.. _events]);
        },
        Cut = () =>
        {
            Interlocked.Increment(ref _epoch);
            return default;
        },
        Hold = () =>
        {
            _flows = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return default;
        },
        Release = () =>
        {
            _flows.TrySetResult();
            return default;
        },
        OpenConnections = () => Connections,
        Unwanted = new BusEvent("unwanted", new EventAttributes { Id = "unwanted" }),
        Patience = TimeSpan.FromSeconds(3),
    };

    private static Profile Profile(string name, string password) => new("memory", name, new Dictionary<string, object?> { ["password"] = password });
}

/// <summary>A publisher into memory that keeps the contract; what is virtual is what a broken one breaks.</summary>
internal class MemoryPublisher(IngressContext context, MemoryDestination destination) : IWindowedPublisher, IConnectionTest
{
    private int? _epoch;
    private Task _last = Task.CompletedTask;

    protected IngressContext Context => context;

    protected MemoryDestination Destination => destination;

    protected bool IsConnected => _epoch == destination.Epoch;

    public virtual int Window => 100;

    public virtual async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        if (context.Profile!.Name == "nowhere")
            throw new EvBusException("There is no destination 'nowhere'. Create it.");
        if (context.Profile.GetString("password") != MemoryDestination.Secret)
            throw new EvBusException("The destination refuses the password. Correct the profile.");
        await Task.Yield();
        if (_epoch is null)
            destination.Connections++;
        _epoch = destination.Epoch;
    }

    public virtual async ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        await Task.Yield();
        var written = AfterAsync(_last, batch, cancellationToken);
        _last = written;
        return written;
    }

    /// <summary>What was written first arrives first.</summary>
    private async Task<PublishResult> AfterAsync(Task before, EventBatch batch, CancellationToken cancellationToken)
    {
        await before.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return await PublishAsync(batch, cancellationToken);
    }

    public virtual async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        await destination.Flows.WaitAsync(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        var each = new EventVerdict[batch.Count];
        for (var i = 0; i < batch.Count; i++)
        {
            if (i == batch.Count / 2)
                await Task.Yield();
            if (!IsConnected)
                each[i] = new EventVerdict(Verdict.Disconnected, "the connection is gone");
            else if (batch[i].GetText() == "unwanted")
                each[i] = new EventVerdict(Verdict.Rejected, "nobody wants it");
            else
                Store(batch[i]);
        }
        return each.All(verdict => verdict.Verdict == Verdict.Delivered) ? PublishResult.Delivered : PublishResult.Mixed(each);
    }

    public virtual ValueTask TestAsync(CancellationToken cancellationToken) => default;

    public virtual ValueTask DisposeAsync()
    {
        if (_epoch is not null)
            destination.Connections--;
        _epoch = null;
        GC.SuppressFinalize(this);
        return default;
    }

    protected virtual void Store(EventView evt) => destination.Add(Received(evt));

    protected static ReceivedEvent Received(EventView evt)
    {
        var attributes = new Dictionary<string, string> { ["id"] = evt.Id, ["source"] = evt.Source, ["type"] = evt.Type };
        if (evt.Subject is { } subject)
            attributes["subject"] = subject;
        if (evt.Key is { } key)
            attributes["partitionkey"] = key;
        foreach (var (name, value) in evt.Attributes.Extensions ?? new Dictionary<string, string>())
            attributes[name] = value;
        return new ReceivedEvent(evt.Body.ToArray(), attributes);
    }
}
