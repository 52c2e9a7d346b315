using EvBus.Hosting;

namespace EvBus.Tests.Lanes;

/// <summary>Publishers are exchanged, and lanes orphaned and adopted, all the time while events flow; on the system's clock and threads.</summary>
public class RotationUnderLoadTests
{
    private const int Count = 100_000;

    [Theory]
    [InlineData("calls", false)]
    [InlineData("calls", true)]
    [InlineData("prepares", false)]
    [InlineData("prepares", true)]
    [InlineData("window", false)]
    [InlineData("window", true)]
    public async Task However_often_publishers_are_exchanged_every_event_arrives_once_and_in_order(string kind, bool isExclusive)
    {
        var destination = new Destination(kind);
        var random = new Random(7);
        await using var bus = await EventBus.StartAsync(o => o.Options = o.Options with { MaxEvents = 2000, Lane = new LaneOptions { BatchEvents = 16 } });
        var definition = new LaneDefinition { Id = "a", CreatePublisher = _ => new(destination.Open()), Options = new LaneOptions { BatchEvents = 16 } };
        await bus.Lanes.AddAsync(definition);
        var lane = ((LaneTable)bus.Lanes).Find("a")!;
        var putting = Task.Run(async () =>
        {
            for (var i = 0; i < Count; i++)
                await bus.PutAsync(Given.Event(i));
        });
        while (!putting.IsCompleted)
        {
            lane.Rotate(definition, isExclusive);
            // Sometimes at once again, sometimes after the last one is through.
            for (var i = random.Next(60); i > 0; i--)
                await Task.Yield();
        }
        await putting.Soon();
        await bus.StopAsync(TimeSpan.FromMinutes(1)).Soon();
        Assert.True(destination.Opened > 2, "nothing was exchanged");
        Assert.Equal(Enumerable.Range(0, Count), destination.Arrived);
        Assert.Equal((Count, 0), (bus.Lane("a").Delivered, bus.Lane("a").Retried));
        Assert.Equal(destination.Opened, destination.Closed);
        if (isExclusive)
            Assert.Equal(1, destination.MostConnected);
    }

    [Theory]
    [InlineData("calls", false)]
    [InlineData("prepares", false)]
    [InlineData("window", false)]
    [InlineData("calls", true)]
    [InlineData("prepares", true)]
    [InlineData("window", true)]
    public async Task However_often_a_profile_comes_and_goes_what_was_for_its_lane_arrives_once_and_the_ledger_holds(string kind, bool isOnDisk)
    {
        var folder = isOnDisk ? Directory.CreateTempSubdirectory("evbus-rotation-") : null;
        try
        {
            var journal = folder is null ? new JournalOptions() : new JournalOptions { Mode = JournalMode.Disk, Directory = folder.FullName };
            await ComeAndGoAsync(new Destination(kind), journal);
        }
        finally
        {
            folder?.Delete(recursive: true);
        }
    }

    private static async Task ComeAndGoAsync(Destination destination, JournalOptions journal)
    {
        var random = new Random(8);
        await using var bus = await EventBus.StartAsync(o => o.Options = o.Options with { MaxEvents = 100_000, Journal = journal });
        var definition = new LaneDefinition { Id = "a", CreatePublisher = _ => new(destination.Open()), Options = new LaneOptions { BatchEvents = 16 } };
        await bus.Lanes.AddAsync(definition);
        var lane = ((LaneTable)bus.Lanes).Find("a")!;
        var putting = Task.Run(async () =>
        {
            for (var i = 0; i < Count; i++)
            {
                await bus.PutAsync(Given.Event(i));
                if (i % 20 == 0)
                    await Task.Yield();
            }
        });
        while (!putting.IsCompleted)
        {
            lane.Orphan();
            bus.GetStatus().AssertBalanced();
            for (var i = random.Next(50); i > 0; i--)
                await Task.Yield();
            lane.Adopt(definition);
            bus.GetStatus().AssertBalanced();
            for (var i = random.Next(200); i > 0; i--)
                await Task.Yield();
        }
        await putting.Soon();
        await bus.StopAsync(TimeSpan.FromMinutes(1)).Soon();
        var status = bus.GetStatus();
        status.AssertBalanced();
        Assert.Equal(0, bus.Lane("a").Queued);
        Assert.Equal(destination.Arrived.Count, bus.Lane("a").Delivered);
        Assert.Equal(status.Accepted, bus.Lane("a").Matched + status.Unmatched);
        Assert.Equal(destination.Arrived.Order().Distinct(), destination.Arrived);
        Assert.Equal(destination.Opened, destination.Closed);
    }

    /// <summary>Where the events arrive, whichever instance carries them.</summary>
    private sealed class Destination(string kind)
    {
        private readonly Lock _lock = new();
        private readonly List<int> _arrived = [];
        private int _connected;

        public int Opened { get; private set; }

        public int Closed { get; private set; }

        public int MostConnected { get; private set; }

        public IReadOnlyList<int> Arrived
        {
            get
            {
                lock (_lock)
                    return [.. _arrived];
            }
        }

        public IPublisher Open()
        {
            lock (_lock)
                Opened++;
            return kind switch { "window" => new Windowed(this), "prepares" => new Preparing(this), _ => new Plain(this) };
        }

        private class Plain(Destination destination) : IPublisher
        {
            private bool _isConnected;

            public async ValueTask ConnectAsync(CancellationToken cancellationToken)
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                lock (destination._lock)
                {
                    _isConnected = true;
                    destination.MostConnected = Math.Max(destination.MostConnected, ++destination._connected);
                }
            }

            public async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => await CarryAsync(batch);

            public async ValueTask DisposeAsync()
            {
                await Task.Yield();
                lock (destination._lock)
                {
                    destination.Closed++;
                    if (_isConnected)
                        destination._connected--;
                    _isConnected = false;
                }
            }

            protected async Task<PublishResult> CarryAsync(EventBatch batch)
            {
                lock (destination._lock)
                {
                    Assert.True(_isConnected, "used before it was connected, or after it was closed");
                    destination._arrived.AddRange(batch.Select(evt => evt.ToEvent()).Numbers());
                }
                await Task.Yield();
                return PublishResult.Delivered;
            }
        }

        private sealed class Preparing(Destination destination) : Plain(destination), IPreparingPublisher
        {
            public PreparedSend Prepare(EventBatch batch) => _ => new(CarryAsync(batch));
        }

        private sealed class Windowed(Destination destination) : Plain(destination), IWindowedPublisher
        {
            public int Window => 100;

            public ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken) => new(CarryAsync(batch));
        }
    }
}
