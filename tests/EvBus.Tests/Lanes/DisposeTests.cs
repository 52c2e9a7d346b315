using System.Collections.Concurrent;
using EvBus.Hosting;
using EvBus.Lanes;
using EvBus.Testing;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Lanes;

/// <summary>The end of a publisher.</summary>
public class DisposeTests
{
    [Fact]
    public async Task A_publisher_that_throws_from_dispose_is_said_and_ends_nothing()
    {
        using var said = new Said();
        var neighbour = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.LoggerFactory = said;
            o.Publisher("a", new Ungrateful());
            o.Publisher("b", neighbour);
        });
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon()).Outcome);
        var status = await bus.StopAsync().Soon();
        Assert.Equal(BusState.Stopped, status.State);
        Assert.All(status.Lanes, lane => Assert.Equal((LaneState.Stopped, 1, 0), (lane.State, lane.Delivered, lane.Queued)));
        Assert.Contains("Lane a: the publisher failed while it was disposed: no end is good", said.Lines);
        Assert.Equal([1], neighbour.Delivered.Numbers());
    }

    [Fact]
    public async Task A_stop_waits_for_what_a_lane_has_though_the_publisher_of_its_time_before_it_was_an_orphan_is_only_now_disposed()
    {
        var (first, second) = (new Slow(), new Slow());
        var publishers = new Queue<Slow>([first, second]);
        await using var bus = await EventBus.StartAsync(_ => { });
        var definition = new LaneDefinition { Id = "a", CreatePublisher = _ => new(publishers.Dequeue()) };
        await bus.Lanes.AddAsync(definition);
        var lane = ((LaneTable)bus.Lanes).Find("a")!;
        first.MayConnect.SetResult();
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Event(0), Receipt.Delivered()).AsTask().Soon()).Outcome);
        lane.Orphan();
        await first.IsDisposing.Task.Soon();
        lane.Adopt(definition);
        await bus.PutAsync(Given.Event(1));
        var stop = bus.StopAsync(Given.Patience);
        first.MayEnd.SetResult();
        for (var i = 0; i < 1000; i++)
        {
            Assert.False(stop.IsCompleted, "The stop left what the lane has.");
            await Task.Yield();
        }
        second.MayConnect.SetResult();
        second.MayEnd.SetResult();
        var status = await stop.Soon();
        Assert.Equal((2, 0), (status.Lanes[0].Delivered, status.Lanes[0].Queued));
    }

    private sealed class Slow : IPublisher
    {
        public TaskCompletionSource MayConnect { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource IsDisposing { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource MayEnd { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask ConnectAsync(CancellationToken cancellationToken) => await MayConnect.Task.WaitAsync(cancellationToken);

        public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => new(PublishResult.Delivered);

        public async ValueTask DisposeAsync()
        {
            IsDisposing.TrySetResult();
            await MayEnd.Task;
        }
    }

    private sealed class Ungrateful : IPublisher
    {
        public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => new(PublishResult.Delivered);

        public ValueTask DisposeAsync() => throw new InvalidOperationException("no end is good");
    }

    private sealed class Said : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));

        public void Dispose() { }
    }
}
