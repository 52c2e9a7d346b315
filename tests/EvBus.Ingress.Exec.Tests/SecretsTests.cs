namespace EvBus.Ingress.Exec.Tests;

/// <summary>The values of <c>environment:</c> are secrets, whatever they are called.</summary>
public sealed class SecretsTests
{
    [Fact]
    public async Task Values_of_the_environment_are_hidden_in_reasons_whatever_their_names()
    {
        var profile = new Profile("exec", "p", new Dictionary<string, object?>
        {
            ["command"] = new List<object?> { "sh", "-c", "echo credit 10; while read l; do echo \"reject bad login $DB and $API_TOKEN\"; done" },
            ["environment"] = new Dictionary<string, object?> { ["DB"] = "postgres-hunter2hunter2", ["API_TOKEN"] = "tokTOKtok123" },
        });
        await using var bus = await EventBus.StartAsync(o => o.AddExec().AddProfiles(new One(profile)), TestContext.Current.CancellationToken);
        var result = await bus.PutAsync(new BusEvent("x", new EventAttributes { Profile = "p" }), Receipt.Delivered()).AsTask().WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.Contains("bad login *** and ***", result.Reason, StringComparison.Ordinal);
    }

    private sealed class One(Profile profile) : IProfileSource
    {
        public string Description => "a test";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new([profile]);
    }
}
