using System.Collections.Concurrent;
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
