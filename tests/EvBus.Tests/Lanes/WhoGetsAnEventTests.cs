using EvBus.Lanes;
using EvBus.Testing;
using FsCheck;
using FsCheck.Fluent;

namespace EvBus.Tests.Lanes;

public class WhoGetsAnEventTests
{
    [Theory]
    [InlineData("idem-*", "idem-state", true)]
    [InlineData("idem-*", "idem", false)]
    [InlineData("*", "", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "ac", false)]
    [InlineData("[ab]x", "bx", true)]
    [InlineData("[!ab]x", "cx", true)]
    [InlineData("[!ab]x", "ax", false)]
    [InlineData("[a-c]", "b", true)]
    [InlineData("[]]", "]", true)]
    [InlineData("[!]]", "]", false)]
    [InlineData("[z-a]", "m", false)]
    [InlineData("[", "[", true)]
    [InlineData("[a", "[a", true)]
    [InlineData("Default", "default", false)]
    [InlineData("a.c", "abc", false)]
    [InlineData("a*", "a\nb", true)]
    [InlineData("[a-]", "-", true)]
    [InlineData("[\\d]", "\\", true)]
    [InlineData("?", "😀", true)]
    public void A_glob_matches_as_in_the_original(string pattern, string name, bool matches) => Assert.Equal(matches, ProfileMatch.Glob(pattern).IsMatch(name));

    [Fact]
    public void A_name_without_wildcards_matches_itself_and_a_star_matches_all() => Check.QuickThrowOnFailure(Prop.ForAll<NonNull<string>>(name =>
        ProfileMatch.Glob("*").IsMatch(name.Get) && (name.Get.AsSpan().IndexOfAny("*?[") >= 0 || ProfileMatch.Glob(name.Get).IsMatch(name.Get))));

    [Theory]
    [InlineData("idem-(state|exec)", "idem-exec", true)]
    [InlineData("idem", "idem-state", false)]
    [InlineData("a|b", "ab", false)]
    public void A_regular_expression_matches_the_whole_name(string pattern, string name, bool matches) => Assert.Equal(matches, ProfileMatch.FromRegex(pattern).IsMatch(name));

    [Fact]
    public void A_regular_expression_that_needs_backtracking_is_refused() => Assert.Throws<ArgumentException>(() => ProfileMatch.FromRegex(@"(a)\1"));

    [Theory]
    [InlineData(UnaddressedRule.All, null, "all, default, idem")]
    [InlineData(UnaddressedRule.All, "default", "all, default")]
    [InlineData(UnaddressedRule.All, "idem-x", "all, idem")]
    [InlineData(UnaddressedRule.All, "other", "all")]
    [InlineData(UnaddressedRule.Default, null, "all, default")]
    public async Task An_event_goes_to_every_lane_whose_pattern_matches_its_profile(UnaddressedRule rule, string? profile, string expected)
    {
        var publishers = new Dictionary<string, ScriptedPublisher> { ["all"] = new(), ["default"] = new(), ["idem"] = new() };
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Unaddressed = rule };
            o.Publisher("all", publishers["all"]).Publisher("default", publishers["default"], "default").Publisher("idem", publishers["idem"], "idem-*");
        });
        await bus.PutAsync(Given.Event(1, profile), Receipt.Delivered());
        await bus.StopAsync();
        Assert.Equal(expected, string.Join(", ", publishers.Where(pair => pair.Value.Delivered.Count == 1).Select(pair => pair.Key)));
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task An_event_that_nobody_wants_is_counted_by_name_and_its_receipt_says_unmatched()
    {
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", new ScriptedPublisher(), "only-this"));
        Assert.Equal(PutOutcome.Unmatched, (await bus.PutAsync(Given.Event(1, "other"), Receipt.Delivered())).Outcome);
        bus.TryPut(Given.Event(2, "other"));
        bus.TryPut(Given.Event(3, "only-this"));
        var status = bus.GetStatus();
        Assert.Equal((3, 2, 2), (status.Accepted, status.Unmatched, status.UnmatchedProfiles["other"]));
        Assert.Equal(1, status.Lanes[0].Matched);
    }

    [Fact]
    public async Task Names_from_outside_are_kept_up_to_a_thousand()
    {
        await using var bus = await EventBus.StartAsync(o => o.Publisher("a", new ScriptedPublisher(), "only-this"));
        for (var i = 0; i < 1500; i++)
            bus.TryPut(Given.Event(i, $"name-{i}"));
        var status = bus.GetStatus();
        Assert.Equal((1500, 500), (status.Unmatched, status.UnmatchedProfiles["other"]));
        Assert.Equal(1001, status.UnmatchedProfiles.Count);
    }

    [Fact]
    public async Task A_lane_may_filter_by_attributes_beside_its_pattern()
    {
        var publisher = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(o => o.Publisher("all", new ScriptedPublisher()));
        await bus.Lanes.AddAsync(new LaneDefinition
        {
            Id = "filtered", Pattern = "p*", Filter = evt => evt.Key == "yes", CreatePublisher = _ => new(publisher),
        });
        foreach (var (profile, key, body) in new[] { ("p1", "yes", 1), ("p1", "no", 2), ("q", "yes", 3), ("p2", "yes", 4) })
            bus.TryPut(new BusEvent(body.ToString(), new EventAttributes { Profile = profile, Key = key }));
        await bus.StopAsync();
        Assert.Equal([1, 4], publisher.Delivered.Numbers());
        Assert.Equal(2, bus.Lane("filtered").Matched);
        bus.GetStatus().AssertBalanced();
    }

    [Fact]
    public async Task Each_profile_and_each_of_its_destinations_has_a_lane()
    {
        var made = new List<string>();
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.AddProfiles(new Profiles(
                new Profile("pika", "one", new Dictionary<string, object?> { ["ingress_channels"] = new List<object?> { "q1", "q2" } }),
                new Profile("rabbitmq", "two", new Dictionary<string, object?> { ["ingress_channels"] = new List<object?> { "q3" } }),
                new Profile("rabbitmq", "two", new Dictionary<string, object?>(), occurrence: 2),
                new Profile("rabbitmq", "three", new Dictionary<string, object?> { ["lane"] = "mine" }),
                new Profile("unheard", "of", new Dictionary<string, object?>())));
            o.AddIngress(new IngressDescriptor
            {
                Name = "rabbitmq", Aliases = ["pika", "amqp"], Destinations = profile => profile.GetStrings("ingress_channels"),
                Create = context =>
                {
                    lock (made)
                        made.Add($"{context.LaneId}:{context.Destination}");
                    return new ScriptedPublisher();
                },
            });
        });
        Assert.Equal(["rabbitmq/one#q1", "rabbitmq/one#q2", "rabbitmq/two", "rabbitmq/two~2", "rabbitmq/mine"], bus.Lanes.Ids);
        await bus.PutAsync(Given.Event(1), Receipt.Delivered());
        Assert.Contains("rabbitmq/one#q2:q2", made);
        Assert.Contains("rabbitmq/two:q3", made);
    }

    [Fact]
    public async Task A_publisher_that_needs_a_profile_and_finds_none_has_no_lane()
    {
        await using var bus = await EventBus.StartAsync(o => o.AddIngress("mine", (IngressContext _, BusEvent _, CancellationToken _) => ValueTask.CompletedTask));
        Assert.Empty(bus.Lanes.Ids);
    }

    [Fact]
    public async Task The_allow_list_leaves_other_profiles_out()
    {
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { AllowedProfiles = ["b"] };
            o.AddProfiles(new Profiles(new Profile("mine", "a", new Dictionary<string, object?>()), new Profile("mine", "b", new Dictionary<string, object?>())));
            o.AddIngress("mine", (IngressContext _, BusEvent _, CancellationToken _) => ValueTask.CompletedTask);
        });
        Assert.Equal(["mine/b"], bus.Lanes.Ids);
    }

    internal sealed class Profiles(params Profile[] profiles) : IProfileSource
    {
        public string Description => "a test";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new(profiles);
    }
}
