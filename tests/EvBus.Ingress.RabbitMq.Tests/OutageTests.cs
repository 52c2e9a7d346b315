using EvBus.Brokers;
using EvBus.Testing;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>The broker goes away and comes back, each in its own way, with 20,000 events flowing.</summary>
[Collection(BrokerTests.Name)]
public sealed class OutageTests(BrokerFixture fixture)
{
    [Fact]
    public async Task Broker_restarts()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        var flow = new Flow(broker, queue);
        await flow.RunAsync(async _ =>
        {
            await broker.DownAsync("TERM");
            await broker.UpAsync();
        });
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue));
        Assert.Contains(flow.Said, line => line.Contains("flows again", StringComparison.Ordinal));
    }

    [Fact]
    [Trait(Soak.Trait, Soak.Outage)]
    public async Task Broker_gone_for_half_a_minute_dead_letters_nothing_and_fills_no_log()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        var flow = new Flow(broker, queue) { Lane = new LaneOptions { RetryMax = TimeSpan.FromSeconds(1), MaxAttempts = 1 } };
        await flow.RunAsync(async bus =>
        {
            // In good order: killed, the broker may forget a queue that was made a moment ago, and with it what it had confirmed.
            await broker.DownAsync("TERM");
            await Task.Delay(Soak.Length, TimeProvider.System);
            Assert.Equal(LaneState.Retrying, flow.Now(bus).State);
            Assert.Contains("Nobody listens at", flow.Now(bus).Trouble, StringComparison.Ordinal);
            // That it went, why it does not come back, and whatever the first attempts met.
            Assert.InRange(flow.Said.Count(line => line.Contains("Lane rabbitmq/test", StringComparison.Ordinal)), 1, 8);
            await broker.UpAsync();
        });
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue));
        Assert.Equal(0, flow.Status.Dead);
    }

    [Fact]
    [Trait(Soak.Trait, Soak.Outage)]
    public async Task Broker_is_stopped_with_SIGSTOP_and_resumed()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        var flow = new Flow(broker, queue);
        await flow.RunAsync(async bus =>
        {
            broker.Suspend();
            var began = TimeProvider.System.GetTimestamp();
            try
            {
                await Flow.Until(() => flow.Now(bus).State == LaneState.Retrying);
                // Whichever is noticed first: no heartbeat, or no confirmation.
                Assert.Matches("broke: |confirmed nothing for", flow.Now(bus).Trouble);
                // It is tried again and again meanwhile, and not answered.
                await Flow.Until(() => flow.Now(bus).Trouble!.Contains("did not answer within", StringComparison.Ordinal));
                await Soak.LastAsync(began);
            }
            finally
            {
                broker.Continue();
            }
        });
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue));
    }

    [Fact]
    public async Task Blocked_by_a_memory_alarm_the_lane_waits_says_so_and_sends_nothing_twice()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        // The time-out of a call is shorter than the alarm, and must not count.
        var flow = new Flow(broker, queue) { Lane = new LaneOptions { CallTimeout = TimeSpan.FromSeconds(10), MaxAbandonedCalls = 1 } };
        await flow.RunAsync(async bus =>
        {
            await broker.ControlAsync("set_vm_memory_high_watermark", "0.00001");
            try
            {
                await Flow.Until(() => flow.Now(bus).Trouble?.Contains("takes no events: low on memory", StringComparison.Ordinal) == true);
                Assert.Equal(LaneState.Retrying, flow.Now(bus).State);
                var delivered = flow.Now(bus).Delivered;
                await Task.Delay(TimeSpan.FromSeconds(12), TimeProvider.System);
                Assert.InRange(flow.Now(bus).Delivered, delivered, delivered + Flow.Window);
            }
            finally
            {
                await broker.ControlAsync("set_vm_memory_high_watermark", "0.4");
            }
        });
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
        Assert.Equal(0, flow.Status.Retried);
        Assert.Single(flow.Said, line => line.Contains("waits:", StringComparison.Ordinal));
        Assert.Single(flow.Said, line => line.Contains("takes events again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Connection_is_closed_by_the_operator()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        var flow = new Flow(broker, queue);
        await flow.RunAsync(_ => broker.ControlAsync("close_all_connections", "maintenance tonight"));
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue));
        Assert.Contains(flow.Said, line => line.Contains("was told to close the connection", StringComparison.Ordinal) && line.Contains("maintenance tonight", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Heartbeats_are_lost_while_nothing_flows_and_the_lane_is_back_before_anybody_needs_it()
    {
        var queue = await fixture.QueueAsync();
        await using var line = new FaultProxy(fixture.Need().Host, fixture.Need().Port);
        var flow = new Flow(fixture.Need(), queue) { Port = line.Port, Keys = { ["heartbeat"] = 1L } };
        await using var bus = await flow.StartAsync();
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(new BusEvent("0"), Receipt.Delivered())).Outcome);
        line.Freeze();
        await Flow.Until(() => flow.Said.Any(said => said.Contains("Nothing was under way", StringComparison.Ordinal)));
        line.Cut();
        line.Thaw();
        await Flow.Until(() => flow.Now(bus).State == LaneState.Flowing && line.Connections > 1);
        Assert.Null(flow.Now(bus).Trouble);
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(new BusEvent("1"), Receipt.Delivered())).Outcome);
        await bus.StopAsync();
        Assert.Equal(new[] { 0, 1 }, await fixture.TakeNumbersAsync(queue));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Half_open_line_in_mid_window_that_is_cut_or_answers_after_the_time_out(bool isCut)
    {
        var queue = await fixture.QueueAsync();
        await using var line = new FaultProxy(fixture.Need().Host, fixture.Need().Port);
        var flow = new Flow(fixture.Need(), queue) { Port = line.Port, Keys = { ["confirm_timeout"] = 2L } };
        await flow.RunAsync(async bus =>
        {
            line.Freeze();
            await Flow.Until(() => flow.Now(bus).State == LaneState.Retrying);
            if (isCut)
                line.Cut();
            line.Thaw();
        });
        // What was held back on the way arrives late, beside its repetition: within the window, like any other.
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue));
    }

    [Fact]
    public async Task Connection_drops_in_mid_window()
    {
        var queue = await fixture.QueueAsync();
        await using var line = new FaultProxy(fixture.Need().Host, fixture.Need().Port);
        var flow = new Flow(fixture.Need(), queue) { Port = line.Port };
        // Until something was under way when it was cut.
        await flow.RunAsync(bus => Flow.Until(() =>
        {
            if (flow.Now(bus) is { Retried: 0, Queued: > 0, State: LaneState.Flowing })
                line.Cut();
            return flow.Now(bus).Retried > 0;
        }));
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue));
        Assert.True(flow.Status.Retried > 0);
    }

    [Fact]
    public async Task Comes_and_goes_every_two_seconds()
    {
        const int Times = 4;
        var queue = await fixture.QueueAsync();
        await using var line = new FaultProxy(fixture.Need().Host, fixture.Need().Port);
        var flow = new Flow(fixture.Need(), queue) { Port = line.Port };
        await flow.RunAsync(async _ =>
        {
            for (var i = 0; i < Times; i++)
            {
                line.Refuse();
                line.Cut();
                await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System);
                line.Accept();
                await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System);
            }
        });
        flow.AssertAccounts(await fixture.TakeNumbersAsync(queue), windows: Times);
        Assert.Contains(flow.Said, said => said.Contains("Nobody listens at", StringComparison.Ordinal));
    }

    [Fact]
    public async Task One_kilobyte_a_second_is_enough()
    {
        var queue = await fixture.QueueAsync();
        await using var line = new FaultProxy(fixture.Need().Host, fixture.Need().Port);
        var flow = new Flow(fixture.Need(), queue) { Port = line.Port, Count = 200, Lane = new LaneOptions() };
        await using var bus = await flow.StartAsync();
        await Flow.Until(() => flow.Now(bus).State == LaneState.Flowing && flow.Said.Any(said => said.Contains("connected", StringComparison.Ordinal)));
        line.Throttle(1024);
        for (var i = 0; i < 60; i++)
            await bus.PutAsync(new BusEvent(i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        await Flow.Until(() => flow.Now(bus).Delivered >= 60);
        Assert.Equal(0, flow.Now(bus).Retried);
        line.Throttle(0);
        for (var i = 60; i < flow.Count; i++)
            await bus.PutAsync(new BusEvent(i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        await bus.StopAsync(Flow.Patience);
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
    }
}
