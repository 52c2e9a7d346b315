namespace EvBus.Ingress.Kafka.Tests;

/// <summary>The acct file changes while events flow.</summary>
[Collection("Kafka")]
public class RotationTests(Brokers brokers)
{
    private static readonly TimeSpan s_flow = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task A_changed_password_moves_the_lane_to_a_new_producer_and_loses_and_repeats_nothing()
    {
        var broker = await brokers.WithLoginAsync();
        var topic = await Given.TopicAsync(broker.Address);
        var profiles = new Changing(WithLogin(broker.SaslAddress, topic, Brokers.User, Brokers.Password));
        using var logs = new Logs();
        await using var bus = await Given.BusAsync(profiles, Given.Patient, logs);
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        profiles.Set(WithLogin(broker.SaslAddress, topic, Brokers.NextUser, Brokers.NextPassword));
        await Given.UntilAsync(() => Rotations(logs) == 1, "the lane has changed over");
        await putting;
        await Flow.AssertAllArrivedAsync(bus, broker.Address, topic);
        Assert.Equal(Flow.Events, (await Given.NumbersAsync(broker.Address, topic)).Length);
        Assert.Equal(0, bus.Lane().Retried);
        Assert.DoesNotContain(logs.Lines, line => line.Text.Contains(Brokers.Password, StringComparison.Ordinal) || line.Text.Contains(Brokers.NextPassword, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wrong_new_password_leaves_the_old_producer_at_work_until_it_is_corrected()
    {
        var broker = await brokers.WithLoginAsync();
        var topic = await Given.TopicAsync(broker.Address);
        var profiles = new Changing(WithLogin(broker.SaslAddress, topic, Brokers.User, Brokers.Password));
        using var logs = new Logs();
        await using var bus = await Given.BusAsync(profiles, Given.Patient, logs);
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        profiles.Set(WithLogin(broker.SaslAddress, topic, Brokers.NextUser, "n0t-the-password"));
        await Given.UntilAsync(
            () => logs.Lines.Any(line => line.Text.Contains("the old one goes on", StringComparison.Ordinal) && line.Text.Contains("refuse the login", StringComparison.Ordinal)), "the lane says what is wrong");
        var before = bus.Lane().Delivered;
        await Given.UntilAsync(() => bus.Lane().Delivered > before || putting.IsCompleted, "the old one goes on");
        profiles.Set(WithLogin(broker.SaslAddress, topic, Brokers.NextUser, Brokers.NextPassword));
        await Given.UntilAsync(() => Rotations(logs) == 1, "the lane has changed over");
        await putting;
        await Flow.AssertAllArrivedAsync(bus, broker.Address, topic);
        Assert.Equal(Flow.Events, (await Given.NumbersAsync(broker.Address, topic)).Length);
        Assert.Equal(0, bus.Lane().Retried);
        Assert.DoesNotContain(logs.Lines, line => line.Text.Contains("n0t-the-password", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Changed_brokers_get_the_events_from_there_on_and_the_former_ones_keep_theirs()
    {
        var (former, next) = (await brokers.OwnAsync(), await brokers.WithLoginAsync());
        var topic = await Given.TopicAsync(former.Address);
        await Given.TopicAsync(next.Address, topic);
        var profiles = new Changing(Given.Profile(former.Address, topic));
        using var logs = new Logs();
        await using var bus = await Given.BusAsync(profiles, Given.Patient, logs);
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        profiles.Set(Given.Profile(next.Address, topic));
        await Given.UntilAsync(() => Rotations(logs) == 1, "the lane has changed over");
        await putting;
        await Given.UntilAsync(() => bus.Lane().Queued == 0, () => $"nothing queued: {bus.Lane()}");
        bus.AssertBalanced();
        var (first, rest) = (await Given.NumbersAsync(former.Address, topic), await Given.NumbersAsync(next.Address, topic));
        Assert.Equal(Enumerable.Range(0, Flow.Events), first.Concat(rest));
        Assert.Equal(0, bus.Lane().Retried);
    }

    [Fact]
    public async Task A_new_profile_gets_a_lane_and_a_vanished_one_keeps_what_it_has_until_it_is_back()
    {
        var (first, second) = (await brokers.OwnAsync(), await brokers.WithLoginAsync());
        var topic = await Given.TopicAsync(first.Address);
        await Given.TopicAsync(second.Address, topic);
        Profile old = Named("old", first.Address, topic), added = Named("added", second.Address, topic);
        var profiles = new Changing(old);
        await using var bus = await Given.BusAsync(profiles, Given.Quick with { MaxAttempts = 1 });
        LaneStatus? Lane(string name) => bus.GetStatus().Lanes.SingleOrDefault(lane => lane.Id == $"kafka/{name}");
        var putting = Flow.PutAsync(bus, s_flow);
        await Given.UntilAsync(() => Lane("old")!.Delivered > 1000, "a thousand delivered");
        profiles.Set(old, added);
        await Given.UntilAsync(() => Lane("added")?.Delivered > 1000, "a thousand delivered by the new lane");
        first.Pause();
        try
        {
            profiles.Set(added);
            await Given.UntilAsync(() => Lane("old")!.State == LaneState.Orphaned, () => $"the vanished one is an orphan: {Lane("old")}");
            await putting;
            await Given.UntilAsync(() => Lane("added")!.Queued == 0, () => $"the other is done: {Lane("added")}");
        }
        finally
        {
            first.Resume();
        }
        var orphan = Lane("old")!;
        profiles.Set(added, old);
        await Given.UntilAsync(() => Lane("old") is { State: LaneState.Flowing, Queued: 0 }, () => $"it is back and has sent what it had: {Lane("old")}");
        bus.AssertBalanced();
        // Each has what was put while it was there, in order; what was on its way when the broker stopped may be there twice.
        var numbers = (await Given.NumbersAsync(first.Address, topic)).Distinct().ToArray();
        Assert.Equal(Enumerable.Range(0, numbers.Length), numbers);
        Assert.Equal(orphan.Matched, numbers.Length);
        var others = await Given.NumbersAsync(second.Address, topic);
        Assert.Equal(Enumerable.Range(Flow.Events - others.Length, others.Length), others);
        Assert.Equal(Lane("added")!.Delivered, others.Length);
    }

    private static int Rotations(Logs logs) => logs.Lines.Count(line => line.Text.Contains("its profile has changed", StringComparison.Ordinal));

    private static Profile Named(string name, string servers, string topic) => new("kafka", name, new Dictionary<string, object?> { ["bootstrap_servers"] = servers, ["topics"] = topic });

    private static Profile WithLogin(string servers, string topic, string user, string password) =>
        Given.Profile(servers, topic, ("sasl_mechanism", "PLAIN"), ("sasl_plain_username", user), ("sasl_plain_password", password));

    private sealed class Changing(params Profile[] profiles) : IProfileSource, IDisposable
    {
        private volatile IReadOnlyList<Profile> _profiles = profiles;
        private Action? _changed;

        public string Description => "the test";

        public void Set(params Profile[] profiles)
        {
            _profiles = profiles;
            _changed!();
        }

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new(_profiles);

        public IDisposable? Watch(Action changed)
        {
            _changed = changed;
            return this;
        }

        public void Dispose() { }
    }
}
