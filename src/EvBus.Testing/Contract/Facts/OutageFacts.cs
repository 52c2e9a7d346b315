namespace EvBus.Testing;

/// <summary>What a publisher does when its destination does not work.</summary>
internal static class OutageFacts
{
    public static IReadOnlyList<PublisherFact> All { get; } =
    [
        new("Nothing_is_lost_when_the_connection_is_cut", CutAsync),
        new("A_connection_that_was_cut_while_idle_is_no_loss", CutIdleAsync),
        new("Refused_credentials_are_said_at_connect", RefusedAsync),
        new("A_missing_destination_is_said_and_no_event_is_given_up", MissingAsync),
        new("A_slow_destination_is_left_when_the_call_is_cancelled", SlowAsync),
        new("A_call_that_is_cancelled_already_ends_soon", CancelledAsync),
        new("No_secret_is_said", SecretsAsync),
    ];

    private static async Task CutAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial.Harness.Cut, nameof(PublisherHarness.Cut), trial.Harness.Limits.Cut);
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var all = new List<BusEvent>();
        for (var round = 0; round < 5; round++)
        {
            var events = trial.Events(200);
            all.AddRange(events);
            var call = trial.PublishAsync(publisher, events);
            await trial.Harness.Cut!().ConfigureAwait(false);
            await trial.CarryAsync(publisher, events, call).ConfigureAwait(false);
        }
        await trial.ExpectAsync(all, "after five cuts").ConfigureAwait(false);
    }

    private static async Task CutIdleAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial.Harness.Cut, nameof(PublisherHarness.Cut), trial.Harness.Limits.Cut);
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var events = trial.Events(2);
        await trial.DeliverAsync(publisher, events[0]).ConfigureAwait(false);
        await trial.Harness.Cut!().ConfigureAwait(false);
        await trial.CarryAsync(publisher, [events[1]]).ConfigureAwait(false);
        await trial.ExpectAsync(events, "after a cut between two calls").ConfigureAwait(false);
    }

    private static async Task RefusedAsync(PublisherTrial trial)
    {
        var limits = trial.Harness.Limits;
        PublisherTrial.Need(trial.Harness.RefusedProfile, nameof(PublisherHarness.RefusedProfile), limits.Refusal);
        var publisher = trial.Create(trial.Harness.RefusedProfile);
        var isSaid = await TryConnectAsync(trial, publisher).ConfigureAwait(false);
        if (!isSaid && limits.EarlyRefusal is null)
            throw new ContractViolationException("ConnectAsync succeeded with credentials that the destination refuses. If only a batch can show that, say so in Limits.EarlyRefusal.");
        if (!isSaid)
            await ExpectNotGivenUpAsync(trial, publisher, "With refused credentials").ConfigureAwait(false);
    }

    private static async Task MissingAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial.Harness.MissingProfile, nameof(PublisherHarness.MissingProfile), trial.Harness.Limits.Missing);
        var publisher = trial.Create(trial.Harness.MissingProfile);
        if (!await TryConnectAsync(trial, publisher).ConfigureAwait(false))
            await ExpectNotGivenUpAsync(trial, publisher, "Without a destination").ConfigureAwait(false);
    }

    private static async Task SlowAsync(PublisherTrial trial)
    {
        var harness = trial.Harness;
        PublisherTrial.Need(harness.Hold, nameof(PublisherHarness.Hold), harness.Limits.Hold);
        PublisherTrial.Need(harness.Release, nameof(PublisherHarness.Release), harness.Limits.Hold);
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var events = trial.Events(5);
        await harness.Hold!().ConfigureAwait(false);
        using var cancel = new CancellationTokenSource();
        var call = trial.PublishAsync(publisher, events, cancel.Token);
        if (await trial.WaitAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(200)).ConfigureAwait(false) && call.IsCompletedSuccessfully
            && (await call.ConfigureAwait(false)).Any(each => each.Verdict == Verdict.Delivered))
        {
            throw new ContractViolationException("Delivered was answered while the destination had acknowledged nothing.");
        }
        await cancel.CancelAsync().ConfigureAwait(false);
        try
        {
            var verdicts = await call.ConfigureAwait(false);
            if (verdicts.FirstOrDefault(each => each.Verdict is Verdict.Delivered or Verdict.Rejected) is { Reason: not null } or { Verdict: Verdict.Rejected })
                throw new ContractViolationException($"A cancelled call was answered with {verdicts[0].Verdict}; nobody knows what became of its events, so only Retry and Disconnected are true.");
        }
        catch (Exception e) when (e is not (ContractViolationException or RejectEventException))
        {
            // Cancelled, or whatever the client says then: the lane tries again.
        }
        await harness.Release!().ConfigureAwait(false);
        // The lane gives an instance up whose call ended that way, or connects it again.
        await trial.ReconnectAsync(publisher).ConfigureAwait(false);
        await trial.CarryAsync(publisher, events).ConfigureAwait(false);
        if (harness.Limits.Reading is null)
            await trial.ExpectAsync(events, "after it was slow").ConfigureAwait(false);
    }

    private static async Task CancelledAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync().ConfigureAwait(false);
        var events = trial.Events(3);
        try
        {
            var verdicts = await trial.PublishAsync(publisher, events, cancelled.Token).ConfigureAwait(false);
            if (verdicts.Any(each => each.Verdict == Verdict.Rejected))
                throw new ContractViolationException("A cancelled call rejected its events, which makes dead letters of them.");
            if (verdicts.All(each => each.Verdict == Verdict.Delivered) && trial.Harness.Limits.Reading is null)
                await trial.ExpectAsync(events, "though the cancelled call answered with Delivered").ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (ContractViolationException or RejectEventException))
        {
            // Cancelled, or whatever the client says then: the lane tries again.
        }
    }

    private static async Task SecretsAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial.Harness.Secrets is [] ? null : trial, nameof(PublisherHarness.Secrets), trial.Harness.Limits.Secrets);
        var good = await trial.ConnectAsync().ConfigureAwait(false);
        await trial.DeliverAsync(good, trial.Event()).ConfigureAwait(false);
        foreach (var profile in new[] { trial.Harness.RefusedProfile, trial.Harness.MissingProfile })
        {
            if (profile is null)
                continue;
            var bad = trial.Create(profile);
            if (!await TryConnectAsync(trial, bad).ConfigureAwait(false))
                await ExpectNotGivenUpAsync(trial, bad, "With a profile that cannot work").ConfigureAwait(false);
        }
        trial.CheckSecrets();
    }

    /// <summary>Whether connecting failed, in words for an operator.</summary>
    private static async Task<bool> TryConnectAsync(PublisherTrial trial, IPublisher publisher)
    {
        try
        {
            await trial.ConnectAsync(publisher).ConfigureAwait(false);
            return false;
        }
        catch (Exception e) when (e is not ContractViolationException)
        {
            if (string.IsNullOrWhiteSpace(e.Message))
                throw new ContractViolationException($"ConnectAsync failed with {e.GetType().Name} and no word of what to do about it.");
            return true;
        }
    }

    private static async Task ExpectNotGivenUpAsync(PublisherTrial trial, IPublisher publisher, string when)
    {
        Verdict verdict;
        try
        {
            verdict = (await trial.PublishAsync(publisher, [trial.Event()]).ConfigureAwait(false))[0].Verdict;
        }
        catch (RejectEventException)
        {
            verdict = Verdict.Rejected;
        }
        catch (Exception e) when (e is not ContractViolationException)
        {
            return;
        }
        if (verdict is Verdict.Delivered or Verdict.Rejected)
            throw new ContractViolationException($"{when} an event was answered with {verdict}; only Retry and Disconnected keep it.");
    }
}
