using System.Globalization;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>The profile changes while events flow, and a connection is tried without an event.</summary>
[Collection(BrokerTests.Name)]
public sealed class RotationTests(BrokerFixture fixture)
{
    [Fact]
    public async Task A_changed_profile_moves_to_a_new_connection_and_loses_and_repeats_nothing()
    {
        var broker = fixture.NeedOwn();
        var queue = await fixture.QueueAsync();
        await broker.ControlAsync("add_user", "next", "next-secret");
        await broker.ControlAsync("set_permissions", "next", ".*", ".*", ".*");
        var flow = new Flow(broker, queue);
        await flow.RunAsync(async _ =>
        {
            flow.Keys["login"] = "next";
            flow.Keys["password"] = "next-secret";
            flow.ChangeProfile();
            await Flow.Until(() => flow.Said.Any(line => line.Contains("its profile has changed", StringComparison.Ordinal)));
            // Whoever still used the old login would be thrown out now.
            Assert.Contains("next", await broker.ControlAsync("list_connections", "user"), StringComparison.Ordinal);
        });
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
        Assert.Equal(0, flow.Status.Retried);
        await broker.ControlAsync("delete_user", "next");
    }

    [Fact]
    public async Task A_wrong_new_password_leaves_the_old_connection_at_work_until_it_is_corrected()
    {
        var queue = await fixture.QueueAsync();
        var flow = new Flow(fixture.Need(), queue);
        await flow.RunAsync(async bus =>
        {
            flow.Keys["password"] = "not-the-secret";
            flow.ChangeProfile();
            await Flow.Until(() => flow.Said.Any(line => line.Contains("the old one goes on", StringComparison.Ordinal) && line.Contains("refused the login", StringComparison.Ordinal)));
            var before = flow.Now(bus).Delivered;
            await bus.PutAsync(new BusEvent("-1"));
            await Flow.Until(() => flow.Now(bus).Delivered > before);
            flow.Keys.Remove("password");
            flow.Keys["heartbeat"] = 4L;
            flow.ChangeProfile();
            await Flow.Until(() => flow.Said.Any(line => line.Contains("its profile has changed", StringComparison.Ordinal)));
        }, others: 1);
        Assert.Equal(Enumerable.Range(0, flow.Count), (await fixture.TakeNumbersAsync(queue)).Where(number => number >= 0));
        Assert.Equal(0, flow.Status.Retried);
        Assert.DoesNotContain(flow.Said, line => line.Contains("not-the-secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_new_profile_gets_a_lane_and_a_vanished_one_keeps_what_it_has_until_it_is_back()
    {
        var (queue, addedQueue) = (await fixture.QueueAsync(), await fixture.QueueAsync());
        await using var line = new Testing.FaultProxy(fixture.Need().Host, fixture.Need().Port);
        var flow = new Flow(fixture.Need(), queue) { Port = line.Port, Keys = { ["confirm_timeout"] = 2L } };
        var added = new Flow(fixture.Need(), addedQueue) { Name = "added" };
        LaneStatus? missed = null;
        await flow.RunAsync(async bus =>
        {
            LaneStatus? Added() => bus.GetStatus().Lanes.SingleOrDefault(lane => lane.Id == added.LaneId);
            flow.Profiles = [flow.Profile, added.Profile];
            flow.ChangeProfile();
            await Flow.Until(() => Added()?.Delivered > 0);
            line.Freeze();
            flow.Profiles = [added.Profile];
            flow.ChangeProfile();
            await Flow.Until(() => flow.Now(bus).State == LaneState.Orphaned);
            var before = Added()!.Delivered;
            await Flow.Until(() => Added() is { } lane && (lane.Delivered > before || lane.Queued == 0));
            line.Cut();
            line.Thaw();
            missed = flow.Now(bus);
            flow.Profiles = [flow.Profile, added.Profile];
            flow.ChangeProfile();
            await Flow.Until(() => flow.Now(bus).State == LaneState.Flowing);
        });
        // Each has what was put while it was there, in order; what was under way when the line froze may be there twice.
        var numbers = (await fixture.TakeNumbersAsync(queue)).Distinct().ToArray();
        Assert.Equal(numbers.Order(), numbers);
        Assert.Equal(flow.Status.Matched, numbers.Length);
        Assert.Equal(flow.Status.Delivered, numbers.Length);
        Assert.InRange(missed!.Matched, 1, numbers.Length);
        var others = await fixture.TakeNumbersAsync(addedQueue);
        Assert.Equal(Enumerable.Range(flow.Count - others.Length, others.Length), others);
    }

    [Fact]
    public async Task A_connection_test_sends_nothing_makes_nothing_and_says_what_is_missing()
    {
        var queue = await fixture.QueueAsync();
        await TestAsync(new Flow(fixture.Need(), queue));
        await TestAsync(new Flow(fixture.Need(), $"{queue}-new") { Keys = { ["declare"] = "active" } });
        var missing = await Assert.ThrowsAsync<EvBusException>(() => TestAsync(new Flow(fixture.Need(), $"{queue}-new")));
        Assert.Contains($"no queue '{queue}-new'", missing.Message, StringComparison.Ordinal);
        var wrong = await Assert.ThrowsAsync<EvBusException>(() => TestAsync(new Flow(fixture.Need(), queue) { Keys = { ["password"] = "topsecret" } }));
        Assert.Contains("refused the login", wrong.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("topsecret", wrong.ToString(), StringComparison.Ordinal);
        Assert.Empty(await fixture.TakeAllAsync(queue));
    }

    [Fact]
    public async Task A_connection_test_ends_when_it_is_cancelled()
    {
        await using var line = new Testing.FaultProxy(fixture.Need().Host, fixture.Need().Port);
        line.Freeze();
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TestAsync(new Flow(fixture.Need(), "q") { Port = line.Port }, patience.Token).WaitAsync(Flow.Patience));
    }

    [Fact]
    public async Task Several_hosts_are_tried_until_one_answers()
    {
        var queue = await fixture.QueueAsync();
        var broker = fixture.Need();
        var flow = new Flow(broker, queue)
        {
            Count = 200,
            Keys = { ["host"] = null, ["port"] = null, ["hosts"] = new object?[] { "127.0.0.1:1", string.Create(CultureInfo.InvariantCulture, $"{broker.Host}:{broker.Port}"), "127.0.0.1:2" } },
        };
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
    }

    private static async Task TestAsync(Flow flow, CancellationToken cancellationToken = default)
    {
        var context = new IngressContext(flow.LaneId, flow.Profile, flow.Profile.GetStrings("ingress_channels")[0], null, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, TimeProvider.System);
        await using var publisher = RabbitMqIngress.Descriptor.Create(context);
        await Assert.IsType<IConnectionTest>(publisher, exactMatch: false).TestAsync(cancellationToken);
    }
}
