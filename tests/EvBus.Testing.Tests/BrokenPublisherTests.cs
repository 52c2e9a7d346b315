namespace EvBus.Testing.Tests;

/// <summary>A fact that no publisher can break shows nothing.</summary>
public class BrokenPublisherTests
{
    public static TheoryData<string> Facts => [.. PublisherCertification.Facts.Select(fact => fact.Name)];

    [Theory]
    [MemberData(nameof(Facts))]
    public async Task A_publisher_that_breaks_a_fact_is_found_out(string name)
    {
        var fact = PublisherCertification.Facts.Single(each => each.Name == name);
        var outcome = await PublisherCertification.RunAsync(fact, _ => new(new MemoryDestination().Harness(BrokenPublishers.All[name])), TestContext.Current.CancellationToken);
        Assert.Equal(FactState.Broken, outcome.State);
        Assert.False(string.IsNullOrWhiteSpace(outcome.Reason));
        Assert.DoesNotContain(MemoryDestination.Secret, outcome.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_tells_what_is_kept_what_is_broken_and_what_could_not_be_shown()
    {
        var destination = new MemoryDestination();
        var full = destination.Harness();
        var report = await PublisherCertification.RunAsync(
            _ => new(new PublisherHarness
            {
                Name = "void",
                Profile = full.Profile,
                Create = c => BrokenPublishers.All["Disposing_twice_is_harmless"](c, destination),
                Patience = TimeSpan.FromSeconds(3),
                Limits = new PublisherLimits
                {
                    Reading = "nobody can read it", Cut = "nothing to cut", Refusal = "no credentials", Missing = "always there", Unwanted = "it wants all", Hold = "never slow",
                    OpenConnections = "nobody counts", Secrets = "it has none",
                },
            }),
            TestContext.Current.CancellationToken);
        Assert.False(report.IsCertified);
        var text = report.ToString();
        Assert.Contains("not shown  Delivered means readable at the destination", text, StringComparison.Ordinal);
        Assert.Contains("nobody can read it", text, StringComparison.Ordinal);
        Assert.Equal("Disposing_twice_is_harmless", Assert.Single(report.Outcomes, outcome => outcome.State == FactState.Broken).Name);
        Assert.EndsWith("1 broken, 20 not shown: refused", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_harness_that_gives_neither_a_hook_nor_a_reason_is_told_so()
    {
        var fact = PublisherCertification.Facts.Single(each => each.Name == "Nothing_is_lost_when_the_connection_is_cut");
        var outcome = await PublisherCertification.RunAsync(
            fact, _ => new(new PublisherHarness { Name = "void", Create = c => new MemoryPublisher(c, new MemoryDestination()) }), TestContext.Current.CancellationToken);
        Assert.Equal(FactState.Broken, outcome.State);
        Assert.Contains("neither Cut nor the reason why not", outcome.Reason, StringComparison.Ordinal);
    }
}
