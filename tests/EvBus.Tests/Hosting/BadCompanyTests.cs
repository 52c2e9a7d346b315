using System.Diagnostics.Metrics;
using EvBus.Testing;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Hosting;

/// <summary>What surrounds a bus may fail as well.</summary>
public class BadCompanyTests
{
    [Fact]
    public async Task A_log_that_throws_costs_its_lines_and_no_event()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.LoggerFactory = new BadLog();
            o.Publisher("a", publisher);
        });
        for (var i = 0; i < 100; i++)
            Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask().Soon()).Outcome);
        Assert.True(Failures() > 0);
        var status = await bus.StopAsync().Soon();
        status.AssertBalanced();
        Assert.Equal(LaneState.Stopped, status.Lanes[0].State);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_defect_of_the_bus_detaches_its_lane_visibly_and_loses_nothing(bool connected)
    {
        var clock = new BadClock();
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Time = clock };
            o.Publisher("a", publisher);
        });
        if (connected)
            await Given.UntilAsync(() => bus.GetStatus().Lanes[0].State == LaneState.Flowing);
        clock.IsBroken = true;
        await bus.PutAsync(Given.Event(1));
        await Given.UntilAsync(() => bus.GetStatus().Lanes[0].State == LaneState.Detached);
        Assert.Contains("a defect of the bus: the clock has stopped", bus.GetStatus().Lanes[0].Trouble, StringComparison.Ordinal);
        Assert.Equal(1, bus.GetStatus().Lanes[0].Queued);
        clock.IsBroken = false;
        bus.Lanes.Resume("a");
        await Given.UntilAsync(() => bus.GetStatus().Lanes[0].Queued == 0);
        Assert.Contains(1, publisher.Delivered.Numbers());
    }

    [Fact]
    public async Task A_lane_that_is_resumed_in_the_moment_it_is_detached_goes_on()
    {
        var clock = new BadClock();
        var publisher = new ScriptedPublisher();
        using var log = new ActingLog();
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Time = clock };
            o.LoggerFactory = log;
            o.Publisher("a", publisher);
        });
        log.OnDetached = () =>
        {
            clock.IsBroken = false;
            bus.Lanes.Resume("a");
        };
        clock.IsBroken = true;
        await bus.PutAsync(Given.Event(1));
        await publisher.WaitForEventsAsync(1).Soon();
        (await bus.StopAsync().Soon()).AssertBalanced();
    }

    private static long Failures()
    {
        var failed = 0L;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, it) =>
            {
                if (instrument.Name == "evbus.log.failed")
                    it.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => failed += value);
        listener.Start();
        listener.RecordObservableInstruments();
        return failed;
    }

    private sealed class BadLog : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            throw new IOException("no space left on device");

        public void Dispose()
        {
        }
    }

    private sealed class ActingLog : ILoggerFactory, ILogger
    {
        public Action? OnDetached { get; set; }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == 106)
                OnDetached?.Invoke();
        }

        public void Dispose()
        {
        }
    }

    /// <summary>A clock whose lanes' side can break; whoever puts does not ask for timestamps.</summary>
    private sealed class BadClock : TimeProvider
    {
        public volatile bool IsBroken;

        public override long GetTimestamp() => IsBroken ? throw new InvalidOperationException("the clock has stopped") : base.GetTimestamp();
    }
}
