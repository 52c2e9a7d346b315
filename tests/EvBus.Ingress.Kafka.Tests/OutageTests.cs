using EvBus.Brokers;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>The broker goes and comes back while events flow.</summary>
[Collection("Kafka")]
public class OutageTests(Brokers brokers)
{
    private static readonly TimeSpan s_flow = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task A_broker_restart_loses_nothing()
    {
        var broker = await brokers.OwnAsync();
        var topic = await Given.TopicAsync(broker.Address);
        await using var bus = await Given.BusAsync(Given.Profile(broker.Address, topic), Given.Quick);
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        await broker.StopAsync();
        await broker.StartAgainAsync();
        await putting;
        await Flow.AssertAllArrivedAsync(bus, broker.Address, topic);
    }

    [Fact]
    public async Task A_broker_that_is_killed_and_started_again_loses_nothing()
    {
        var broker = await brokers.OwnAsync();
        var topic = await Given.TopicAsync(broker.Address);
        await using var bus = await Given.BusAsync(Given.Profile(broker.Address, topic), Given.Quick);
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        await broker.KillAsync();
        await broker.StartAgainAsync();
        await putting;
        await Flow.AssertAllArrivedAsync(bus, broker.Address, topic);
    }

    [Fact]
    [Trait(Soak.Trait, Soak.Outage)]
    public async Task A_broker_that_is_stopped_in_its_tracks_and_goes_on_loses_nothing()
    {
        var broker = await brokers.OwnAsync();
        var topic = await Given.TopicAsync(broker.Address);
        await using var bus = await Given.BusAsync(Given.Profile(broker.Address, topic), Given.Quick);
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        broker.Pause();
        var began = TimeProvider.System.GetTimestamp();
        try
        {
            // Longer than the client tries: the lane takes its events back, and connects again and again.
            await Given.UntilAsync(() => bus.Lane().State == LaneState.Retrying && bus.Lane().Trouble!.Contains("No broker", StringComparison.Ordinal), "the lane has noticed");
            await Soak.LastAsync(began);
        }
        finally
        {
            broker.Resume();
        }
        await putting;
        await Flow.AssertAllArrivedAsync(bus, broker.Address, topic);
    }

    [Fact]
    [Trait(Soak.Trait, Soak.Outage)]
    public async Task All_brokers_gone_for_half_a_minute_dead_letters_nothing_and_fills_no_log()
    {
        var broker = await brokers.OwnAsync();
        var topic = await Given.TopicAsync(broker.Address);
        using var logs = new Logs();
        await using var bus = await Given.BusAsync(Given.Profile(broker.Address, topic), Given.Quick with { MaxAttempts = 1 }, logs);
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        await broker.KillAsync();
        await Task.Delay(Soak.Length, TimeProvider.System);
        await putting;
        Assert.Equal(LaneState.Retrying, bus.Lane().State);
        Assert.Contains("Connection refused", bus.Lane().Trouble, StringComparison.Ordinal);
        Assert.InRange(logs.Lines.Count(line => line.Level >= Microsoft.Extensions.Logging.LogLevel.Warning), 1, 8);
        await broker.StartAgainAsync();
        await Flow.AssertAllArrivedAsync(bus, broker.Address, topic);
    }

    [Fact]
    public async Task A_stop_while_the_broker_is_gone_ends_at_its_deadline_and_leaves_the_rest_with_the_bus()
    {
        var broker = await brokers.OwnAsync();
        var topic = await Given.TopicAsync(broker.Address);
        using var logs = new Logs();
        await using var bus = await Given.BusAsync(Given.Profile(broker.Address, topic), logs: logs);
        await bus.PutAsync(Given.Numbered(0), Receipt.Delivered()).AsTask().Soon();
        broker.Pause();
        try
        {
            for (var i = 1; i <= 100; i++)
                await bus.PutAsync(Given.Numbered(i));
            await bus.StopAsync(TimeSpan.FromSeconds(1)).Soon();
            Assert.Equal((1, 100), (bus.Lane().Delivered, bus.Lane().Queued));
            bus.AssertBalanced();
        }
        finally
        {
            broker.Resume();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_idle_lane_notices_that_all_brokers_are_gone_or_silent_and_is_back_before_anybody_needs_it(bool areGone)
    {
        var broker = await brokers.OwnAsync();
        var topic = await Given.TopicAsync(broker.Address);
        await using var bus = await Given.BusAsync(Given.Profile(broker.Address, topic), Given.Quick);
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Numbered(0), Receipt.Delivered()).AsTask().Soon()).Outcome);
        if (areGone)
            await broker.KillAsync();
        else
            broker.Pause();
        try
        {
            await Given.UntilAsync(() => bus.Lane().State == LaneState.Retrying, () => $"the lane has noticed: {bus.Lane()}");
            Assert.Contains("No broker of", bus.Lane().Trouble, StringComparison.Ordinal);
        }
        finally
        {
            if (areGone)
                await broker.StartAgainAsync();
            else
                broker.Resume();
        }
        await Given.UntilAsync(() => bus.Lane() is { State: LaneState.Flowing, Trouble: null }, () => $"the lane is back: {bus.Lane()}");
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Numbered(1), Receipt.Delivered()).AsTask().Soon()).Outcome);
        Assert.Equal(new[] { 0, 1 }, (await Given.NumbersAsync(broker.Address, topic)).Distinct());
    }
}
