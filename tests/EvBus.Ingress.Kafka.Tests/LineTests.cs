using EvBus.Testing;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>The broker is well, and the line to it is not.</summary>
[Collection("Kafka")]
public class LineTests(Brokers brokers)
{
    private static readonly TimeSpan s_flow = TimeSpan.FromSeconds(6);

    private async Task<(FaultProxy Line, string Servers, string Topic, string Direct)> BeginAsync()
    {
        var broker = await brokers.OwnAsync();
        return (brokers.Line!, $"127.0.0.1:{brokers.Line!.Port}", await Given.TopicAsync(broker.Address), broker.Address);
    }

    [Fact]
    public async Task A_line_that_comes_and_goes_every_two_seconds_loses_nothing()
    {
        var (line, servers, topic, direct) = await BeginAsync();
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic), Given.Quick with { MaxAttempts = 1 });
        var putting = Flow.PutAsync(bus, s_flow);
        for (var i = 0; i < 3; i++)
        {
            await Task.Delay(s_flow / 3, TimeProvider.System);
            line.Refuse();
            line.Cut();
            await Task.Delay(s_flow / 3, TimeProvider.System);
            line.Accept();
        }
        await putting;
        await Flow.AssertAllArrivedAsync(bus, direct, topic);
    }

    [Fact]
    public async Task Connections_that_are_cut_in_the_middle_of_a_window_lose_nothing()
    {
        var (line, servers, topic, direct) = await BeginAsync();
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic), Given.Quick);
        var putting = Flow.PutAsync(bus, s_flow / 2);
        for (var after = 1000; after < Flow.Events; after += 4000)
        {
            await Given.UntilAsync(() => bus.Lane().Delivered > after, () => $"nothing queued beyond {after}: {bus.Lane()}");
            line.Cut();
        }
        await putting;
        await Flow.AssertAllArrivedAsync(bus, direct, topic);
    }

    [Fact]
    public async Task A_line_that_freezes_longer_than_the_client_has_patience_loses_nothing()
    {
        var (line, servers, topic, direct) = await BeginAsync();
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic), Given.Quick with { MaxAttempts = 1 });
        var putting = Flow.PutAsync(bus, s_flow / 2);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        line.Freeze();
        try
        {
            await Given.UntilAsync(() => bus.Lane().State == LaneState.Retrying, "the lane has noticed");
        }
        finally
        {
            line.Thaw();
        }
        await putting;
        await Flow.AssertAllArrivedAsync(bus, direct, topic);
    }

    [Fact]
    public async Task A_line_of_a_kilobyte_a_second_is_slow_and_nothing_more()
    {
        var (line, servers, topic, direct) = await BeginAsync();
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic), Given.Quick with { MaxAttempts = 1 });
        await bus.PutAsync(Given.Numbered(0), Receipt.Delivered()).AsTask().Soon();
        line.Throttle(1024);
        try
        {
            for (var i = 1; i < 200; i++)
                await bus.PutAsync(new BusEvent(i.ToString("D30", System.Globalization.CultureInfo.InvariantCulture)));
            await Flow.AssertAllArrivedAsync(bus, direct, topic, events: 200);
        }
        finally
        {
            line.Throttle(0);
            line.Cut();
        }
    }

    [Fact]
    public async Task Events_that_take_longer_than_the_time_out_arrive_and_are_not_sent_for_ever()
    {
        var (line, servers, topic, direct) = await BeginAsync();
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic, ("message_timeout_ms", 1000L)), Given.Quick with { MaxAttempts = 1 });
        await bus.PutAsync(Given.Numbered(0), Receipt.Delivered()).AsTask().Soon();
        line.Throttle(60_000);
        try
        {
            // Three seconds for each of them, and the line's own buffers.
            for (var i = 1; i < 5; i++)
                await bus.PutAsync(new BusEvent(i.ToString("D200000", System.Globalization.CultureInfo.InvariantCulture)));
            await Flow.AssertAllArrivedAsync(bus, direct, topic, events: 5);
        }
        finally
        {
            line.Throttle(0);
            line.Cut();
        }
    }

    [Fact]
    public async Task Strict_order_has_one_batch_under_way()
    {
        var (line, servers, topic, direct) = await BeginAsync();
        await using var bus = await Given.BusAsync(Given.Profile(servers, topic, ("ordering", "strict")), Given.Quick with { BatchEvents = 100 });
        var putting = Flow.PutAsync(bus, s_flow / 2, events: 2000);
        await Given.UntilAsync(() => bus.Lane().Delivered > 500, "five hundred delivered");
        line.Freeze();
        try
        {
            await Given.UntilAsync(() => bus.Lane().State == LaneState.Retrying, "the lane has noticed");
        }
        finally
        {
            line.Thaw();
        }
        await putting;
        await Flow.AssertAllArrivedAsync(bus, direct, topic, events: 2000);
        var numbers = await Given.NumbersAsync(direct, topic);
        Assert.InRange(numbers.Length - numbers.Distinct().Count(), 0, 100);
    }
}
