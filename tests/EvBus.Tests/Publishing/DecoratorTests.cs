using System.Collections.Concurrent;
using EvBus.Testing;

namespace EvBus.Tests.Publishing;

public class DecoratorTests
{
    private readonly ConcurrentQueue<string> _said = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Several_decorators_stand_around_the_publisher_in_order_before_and_after(bool isWindowed)
    {
        var publisher = Publisher(isWindowed);
        publisher.Otherwise = (_, _) =>
        {
            _said.Enqueue("published");
            return new(PublishResult.Delivered);
        };
        await using var bus = await EventBus.StartAsync(bus => bus.Publisher("x", publisher).Decorate(Around("outer")).Decorate(Around("inner")).Decorate(Around("elsewhere"), "y*"));
        var result = await bus.PutAsync(Given.Event("1"), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(PutOutcome.Delivered, result.Outcome);
        Assert.Equal(["outer before", "inner before", "published", "inner after", "outer after"], _said);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_decorator_answers_instead_of_the_publisher(bool isWindowed)
    {
        var publisher = Publisher(isWindowed);
        await using var bus = await EventBus.StartAsync(bus => bus.Publisher("x", publisher).Decorate((context, batch, _, _) =>
        {
            _said.Enqueue($"{context.LaneId}: {batch[0].ToEvent().GetText()}");
            return new(PublishResult.Delivered);
        }));
        await bus.PutAsync(Given.Event("1"), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(["x: 1"], _said);
        Assert.Equal(0, publisher.Calls);
        Assert.Equal(1, bus.Lane("x").Delivered);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_veto_rejects_with_its_reason_and_lets_the_rest_of_the_batch_through(bool isWindowed)
    {
        var publisher = Publisher(isWindowed);
        var (refused, delivered) = (new List<PutResult>(), 0);
        await using var bus = EventBus.Create(bus => bus.Publisher("x", publisher).Veto((_, evt) => evt.ToEvent().GetText() is "2" or "5" ? "it is on the list" : null));
        var puts = Enumerable.Range(0, 6).Select(i => bus.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask()).ToArray();
        await bus.StartAsync();
        foreach (var put in await Task.WhenAll(puts).Soon())
        {
            if (put.Outcome == PutOutcome.Delivered)
                delivered++;
            else
                refused.Add(put);
        }
        Assert.Equal(4, delivered);
        Assert.Equal([0, 1, 3, 4], publisher.Delivered.Numbers());
        Assert.Equal(1, publisher.Calls);
        Assert.All(refused, each => Assert.Contains("it is on the list", each.Reason, StringComparison.Ordinal));
        Assert.Equal(2, bus.Lane("x").Dead);
        bus.GetStatus().AssertBalanced();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_publisher_says_of_the_rest_of_a_batch_is_kept_for_each_event(bool isWindowed)
    {
        var clock = new FakeClock();
        var publisher = Publisher(isWindowed);
        publisher.Then(PublishResult.Disconnected("gone")).Then(PublishResult.Retry("busy")).ThenThrow(new IOException("line"))
            .Then(PublishResult.Mixed([new(Verdict.Delivered), new(Verdict.Rejected, "ugly"), new(Verdict.Delivered)]));
        await using var bus = EventBus.Create(bus =>
        {
            bus.Options = bus.Options with { Time = clock };
            bus.Publisher("x", publisher, lane: new LaneOptions { CallTimeout = TimeSpan.FromDays(1) }).Veto((_, evt) => evt.ToEvent().GetText() == "1" ? "vetoed" : null);
        });
        var puts = Enumerable.Range(0, 4).Select(i => bus.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask()).ToArray();
        await bus.StartAsync();
        await clock.DriveAsync(Task.WhenAll(puts));
        // Once more after it was gone; time that is driven may let a slow connect time out and be made again.
        Assert.InRange(publisher.Connects, 2, int.MaxValue);
        Assert.Equal((2, 2), (bus.Lane("x").Delivered, bus.Lane("x").Dead));
        Assert.Contains("ugly", (await puts[2]).Reason, StringComparison.Ordinal);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task A_batch_rejected_as_a_whole_is_looked_at_in_halves_behind_a_veto_too()
    {
        var publisher = new ScriptedPublisher
        {
            Otherwise = (batch, _) => new(batch.Any(evt => evt.ToEvent().GetText() == "3") ? PublishResult.Rejected("three") : PublishResult.Delivered),
        };
        await using var bus = EventBus.Create(bus => bus.Publisher("x", publisher).Veto((_, evt) => evt.ToEvent().GetText() == "1" ? "one" : null));
        var puts = Enumerable.Range(0, 8).Select(i => bus.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask()).ToArray();
        await bus.StartAsync();
        await Task.WhenAll(puts).Soon();
        Assert.Equal([0, 2, 4, 5, 6, 7], publisher.Delivered.Numbers());
        Assert.Equal((6, 2), (bus.Lane("x").Delivered, bus.Lane("x").Dead));
    }

    [Fact]
    public async Task A_window_stays_open_and_in_order_behind_decorators()
    {
        var (acknowledge, written) = (new TaskCompletionSource(), new ConcurrentQueue<int>());
        var publisher = new ScriptedWindowedPublisher
        {
            Window = 3,
            Otherwise = async (batch, _) =>
            {
                foreach (var evt in batch)
                    written.Enqueue(int.Parse(evt.ToEvent().GetText(), System.Globalization.CultureInfo.InvariantCulture));
                await acknowledge.Task;
                return PublishResult.Delivered;
            },
        };
        await using var bus = await EventBus.StartAsync(bus => bus.Publisher("x", publisher, lane: new LaneOptions { BatchEvents = 1 }).Decorate(async (_, batch, next, token) =>
        {
            await Task.Yield();
            return await next(batch, token);
        }));
        var puts = Enumerable.Range(0, 5).Select(i => bus.PutAsync(Given.Event(i), Receipt.Delivered()).AsTask()).ToArray();
        await Given.UntilAsync(() => written.Count == 3);
        Assert.DoesNotContain(puts, put => put.IsCompleted);
        acknowledge.SetResult();
        await Task.WhenAll(puts).Soon();
        Assert.Equal([0, 1, 2, 3, 4], written);
    }

    [Fact]
    public async Task A_decorator_that_writes_twice_behind_a_window_is_told_so()
    {
        var publisher = new ScriptedWindowedPublisher();
        var error = new TaskCompletionSource<Exception>();
        await using var bus = await EventBus.StartAsync(bus => bus.Publisher("x", publisher).Decorate(async (_, batch, next, token) =>
        {
            var result = await next(batch, token);
            try
            {
                await next(batch, token);
            }
            catch (InvalidOperationException e)
            {
                error.SetResult(e);
            }
            return result;
        }));
        await bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask().Soon();
        Assert.Contains("Return Retry instead", (await error.Task.Soon()).Message, StringComparison.Ordinal);
        Assert.Equal(1, publisher.Calls);
    }

    [Fact]
    public async Task A_decorator_that_throws_is_a_publisher_that_throws()
    {
        var clock = new FakeClock();
        var (publisher, calls) = (new ScriptedPublisher(), 0);
        await using var bus = await EventBus.StartAsync(bus =>
        {
            bus.Options = bus.Options with { Time = clock };
            bus.Publisher("x", publisher, lane: new LaneOptions { CallTimeout = TimeSpan.FromDays(1) }).Decorate((_, batch, next, token) => calls++ == 0 ? throw new TimeoutException("slow") : next(batch, token));
        });
        await clock.DriveAsync(bus.PutAsync(Given.Event(1), Receipt.Delivered()).AsTask());
        Assert.Equal(2, calls);
        Assert.Equal(1, bus.Lane("x").Delivered);
    }

    [Fact]
    public void Without_a_decorator_the_lane_has_the_publisher_itself()
    {
        var publisher = new ScriptedPublisher();
        var context = new IngressContext("x", null, null, null, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, TimeProvider.System);
        Assert.Same(publisher, DecoratedPublisher.Around(publisher, context, []));
        Assert.Same(publisher, Assert.IsType<DecoratedPublisher>(DecoratedPublisher.Around(publisher, context, [Around("x")])).Inner);
    }

    private static ScriptedPublisher Publisher(bool isWindowed) => isWindowed ? new ScriptedWindowedPublisher() : new ScriptedPublisher();

    private PublishDecorator Around(string name) => async (_, batch, next, token) =>
    {
        _said.Enqueue($"{name} before");
        var result = await next(batch, token);
        _said.Enqueue($"{name} after");
        return result;
    };
}
