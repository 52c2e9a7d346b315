namespace EvBus.Testing;

/// <summary>One fact of the publisher contract. Immutable.</summary>
public sealed class PublisherFact
{
    internal PublisherFact(string name, Func<PublisherTrial, Task> show)
    {
        Name = name;
        Show = show;
    }

    /// <summary>The fact, as a sentence with underscores.</summary>
    public string Name { get; }

    internal Func<PublisherTrial, Task> Show { get; }

    /// <summary>The fact's name.</summary>
    public override string ToString() => Name;
}

/// <summary>
/// The publisher contract, as facts that run without any test framework. Each fact gets a harness of its own. <c>EvBus.Testing.Xunit</c> has a base class that makes
/// tests of them, and <c>evbus-test plugin certify</c> runs them on a plugin's folder. Safe from any thread, as far as the harness is.
/// </summary>
public static class PublisherCertification
{
    /// <summary>All facts, in the order of a report.</summary>
    public static IReadOnlyList<PublisherFact> Facts { get; } = [.. DeliveryFacts.All, .. BodyFacts.All, .. OutageFacts.All, .. LifeFacts.All, .. BusFacts.All];

    /// <summary>Shows all facts, one after the other.</summary>
    /// <param name="harness">Makes the harness of one fact, with an empty destination; the fact disposes it.</param>
    /// <param name="cancellationToken">Ends the certification.</param>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static async Task<CertificationReport> RunAsync(Func<CancellationToken, ValueTask<PublisherHarness>> harness, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(harness);
        var outcomes = new List<FactOutcome>();
        var name = "";
        foreach (var fact in Facts)
        {
            outcomes.Add(await RunAsync(fact, async token =>
            {
                var made = await harness(token).ConfigureAwait(false);
                name = made.Name;
                return made;
            }, cancellationToken).ConfigureAwait(false));
        }
        return new CertificationReport(name, outcomes);
    }

    /// <summary>Shows one fact.</summary>
    /// <param name="fact">The fact.</param>
    /// <param name="harness">Makes its harness, with an empty destination; the fact disposes it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>How it ended. What the publisher throws breaks the fact; what making or disposing the harness throws is thrown on.</returns>
    public static async Task<FactOutcome> RunAsync(PublisherFact fact, Func<CancellationToken, ValueTask<PublisherHarness>> harness, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(fact);
        ArgumentNullException.ThrowIfNull(harness);
        var made = await harness(cancellationToken).ConfigureAwait(false);
        await using (made.ConfigureAwait(false))
        {
            // A fact makes several calls; each has the harness's patience, and the whole of it a few times that.
            using var end = new CancellationTokenSource(made.Patience * 3, made.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(end.Token, cancellationToken);
            var outcome = await RunAsync(fact, new PublisherTrial(made, either.Token)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            return outcome;
        }
    }

    private static async Task<FactOutcome> RunAsync(PublisherFact fact, PublisherTrial trial)
    {
        var outcome = await ShowAsync(fact, trial).ConfigureAwait(false);
        await trial.DisposeAsync().ConfigureAwait(false);
        if (outcome.State == FactState.Broken)
            return outcome;
        try
        {
            trial.CheckSecrets();
            return outcome;
        }
        catch (ContractViolationException e)
        {
            return new FactOutcome(fact.Name, FactState.Broken, e.Message);
        }
    }

    private static async Task<FactOutcome> ShowAsync(PublisherFact fact, PublisherTrial trial)
    {
        try
        {
            await fact.Show(trial).ConfigureAwait(false);
            return new FactOutcome(fact.Name, FactState.Kept, null);
        }
        catch (NotShownException e)
        {
            return new FactOutcome(fact.Name, FactState.NotShown, e.Message);
        }
        catch (OperationCanceledException) when (trial.Token.IsCancellationRequested)
        {
            return new FactOutcome(fact.Name, FactState.Broken, $"It did not come to an end within {trial.Harness.Patience.TotalSeconds * 3:0.#} s: events were repeated and never delivered, or a call waits for ever.");
        }
        catch (ContractViolationException e)
        {
            return new FactOutcome(fact.Name, FactState.Broken, e.Message);
        }
        catch (Exception e)
        {
            // Whatever a publisher throws is an answer to the question.
            return new FactOutcome(fact.Name, FactState.Broken, $"{e.GetType().Name}: {Mask(trial.Harness, e.Message)}");
        }
    }

    private static string Mask(PublisherHarness harness, string text) =>
        harness.Secrets.Aggregate(text, (masked, secret) => masked.Replace(secret, "***", StringComparison.Ordinal));
}
