using System.Text;
using EvBus.Testing;

namespace EvBus.Ingress.Http.Tests;

/// <summary>An event that a receiver answers with 500, each time.</summary>
public sealed class PoisonTests : IProfileSource
{
    private Profile? _profile;

    string IProfileSource.Description => "the test";

    ValueTask<IReadOnlyList<Profile>> IProfileSource.LoadAsync(CancellationToken cancellationToken) => new([_profile!]);

    [Fact]
    public async Task An_event_that_alone_is_answered_500_blocks_its_lane_until_max_age_of_the_profile_and_no_longer()
    {
        await using var server = await WebServer.StartAsync();
        server.Answer = (seen, response) =>
        {
            response.StatusCode = seen.Body.AsSpan().SequenceEqual("poison"u8) ? 500 : 204;
            return true;
        };
        _profile = new Profile("http", "hook", new Dictionary<string, object?> { ["url"] = $"http://127.0.0.1:{server.Port}/", ["max_age"] = 60L });
        var clock = new FakeClock();
        await using var bus = await EventBus.StartAsync(o => o.Use(clock, this));
        foreach (var body in new[] { "1", "2", "poison" })
            await bus.PutAsync(new BusEvent(body));
        await WaitAsync(clock, TimeSpan.Zero, () => bus.GetStatus().Lanes.Single() is { Delivered: 2, State: LaneState.Retrying });
        await WaitAsync(clock, TimeSpan.FromSeconds(10), () => bus.GetStatus().Lanes.Single().Dead == 1);
        await bus.PutAsync(new BusEvent("4"));
        await WaitAsync(clock, TimeSpan.FromSeconds(1), () => bus.GetStatus().Lanes.Single().Delivered == 3);
        Assert.Equal(["1", "2", "4"], server.Requests.Select(seen => Encoding.UTF8.GetString(seen.Body)).Where(body => body != "poison"));
    }

    [Fact]
    public async Task A_max_age_that_is_none_is_refused_at_the_start()
    {
        _profile = new Profile("http", "hook", new Dictionary<string, object?> { ["url"] = "http://127.0.0.1:1/", ["max_age"] = 0L });
        var e = await Assert.ThrowsAsync<EvBusConfigurationException>(() => EventBus.StartAsync(o => o.Use(new FakeClock(), this)));
        Assert.Contains("http/hook: max_age must be at least 1", e.Message, StringComparison.Ordinal);
    }

    private static async Task WaitAsync(FakeClock clock, TimeSpan step, Func<bool> reached)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        var end = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(60);
        while (!reached())
        {
            Assert.True(TimeProvider.System.GetUtcNow() < end, "what was waited for did not come");
            clock.Advance(step);
            await look.WaitForNextTickAsync();
        }
    }
}

file static class Uses
{
    public static void Use(this EvBusBuilder bus, FakeClock clock, IProfileSource profiles)
    {
        bus.Options = bus.Options with { Time = clock };
        bus.AddProfiles(profiles).AddHttp();
    }
}
