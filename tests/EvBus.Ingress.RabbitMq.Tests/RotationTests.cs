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
