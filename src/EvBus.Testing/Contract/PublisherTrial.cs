using System.Text;

namespace EvBus.Testing;

/// <summary>
/// One fact at work: makes publishers, hands them batches as a lane does, and remembers every word. A batch is wiped as soon as its call has ended, as the journal's
/// memory is used again. Not thread-safe.
/// </summary>
internal sealed class PublisherTrial(PublisherHarness harness, CancellationToken cancellationToken) : IAsyncDisposable
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    private readonly List<IPublisher> _made = [];
    private int _events;

    public PublisherHarness Harness => harness;

    public CancellationToken Token => cancellationToken;

    public SaidLogger Logger { get; } = new();

    /// <summary>The harness has what the fact needs, or says why not.</summary>
    public static void Need(object? given, string name, string? limit)
    {
        if (limit is not null)
            throw new NotShownException(limit);
        if (given is null)
            throw new ContractViolationException($"The harness gives neither {name} nor the reason why not. Give it, or say why in Limits.");
    }

    public IngressContext Context(Profile? profile = null) =>
        new($"{harness.Name}/certify", profile ?? harness.Profile, harness.Destination, null, Logger, harness.Time) { CallTimeout = harness.Patience };

    /// <param name="profile">Default: the one that works.</param>
    public IPublisher Create(Profile? profile = null)
    {
        var publisher = harness.Create(Context(profile)) ?? throw new ContractViolationException("Create returned null.");
        Logger.Add(publisher.ToString());
        _made.Add(publisher);
        return publisher;
    }

    public async Task<IPublisher> ConnectAsync()
    {
        var publisher = Create();
        await ConnectAsync(publisher).ConfigureAwait(false);
        return publisher;
    }

    public Task ConnectAsync(IPublisher publisher) => HearAsync("ConnectAsync", () => publisher.ConnectAsync(Token).AsTask());

    /// <summary>A small event that no other is equal to.</summary>
    public BusEvent Event(EventAttributes attributes = default) => Event($"{{\"n\":{_events + 1}}}", attributes);

    public BusEvent Event(string json, EventAttributes attributes = default) => Event(Encoding.UTF8.GetBytes(json), attributes with { ContentType = "application/json" });

    public BusEvent Event(byte[] body, EventAttributes attributes = default) => new(body, attributes with
    {
        Id = attributes.Id ?? $"certify-{++_events}",
        Source = attributes.Source ?? "evbus/certify",
        Type = attributes.Type ?? "evbus.certify",
    });

    public BusEvent[] Events(int count) => [.. Enumerable.Range(0, count).Select(_ => Event())];

    /// <summary>One call, and what it answered for each event.</summary>
    public async Task<EventVerdict[]> PublishAsync(IPublisher publisher, IReadOnlyList<BusEvent> events, CancellationToken? token = null)
    {
        var batch = EventBatch.Of(events);
        var before = Enumerable.Range(0, batch.Count).Select(i => batch.RecordAt(i).ToArray()).ToArray();
        PublishResult result = default;
        try
        {
            await HearAsync("PublishAsync", async () => result = await publisher.PublishAsync(batch, token ?? Token).ConfigureAwait(false)).ConfigureAwait(false);
            for (var i = 0; i < before.Length; i++)
            {
                if (!batch.RecordAt(i).Span.SequenceEqual(before[i]))
                    throw new ContractViolationException($"PublishAsync changed event {i} of its batch. A batch is borrowed memory that other lanes read.");
            }
        }
        finally
        {
            Wipe(batch);
        }
        return Judge(result, events.Count);
    }

    /// <summary>One call that has to deliver everything.</summary>
    public async Task DeliverAsync(IPublisher publisher, params BusEvent[] events)
    {
        foreach (var verdict in await PublishAsync(publisher, events).ConfigureAwait(false))
        {
            if (verdict.Verdict != Verdict.Delivered)
                throw new ContractViolationException($"A destination that works: an event was answered with {verdict.Verdict}: {verdict.Reason}");
        }
    }

    /// <summary>Goes on as a lane does until everything is delivered: connects again after Disconnected, repeats what is not delivered.</summary>
    public async Task CarryAsync(IPublisher publisher, IReadOnlyList<BusEvent> events, Task<EventVerdict[]>? first = null)
    {
        var rest = events;
        while (rest.Count > 0)
        {
            var verdicts = await AttemptAsync(publisher, rest, first).ConfigureAwait(false);
            first = null;
            if (verdicts.FirstOrDefault(each => each.Verdict == Verdict.Rejected) is { Verdict: Verdict.Rejected } rejected)
                throw new ContractViolationException($"An outage is no reason to reject an event, which makes a dead letter of it: {rejected.Reason}");
            rest = [.. rest.Where((_, i) => verdicts[i].Verdict != Verdict.Delivered)];
            if (rest.Count > 0)
                await Task.Delay(Moment, harness.Time, Token).ConfigureAwait(false);
            if (verdicts.Any(each => each.Verdict == Verdict.Disconnected))
                await ReconnectAsync(publisher).ConfigureAwait(false);
        }
    }

    public async Task ReconnectAsync(IPublisher publisher)
    {
        while (true)
        {
            try
            {
                await ConnectAsync(publisher).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is not ContractViolationException && !Token.IsCancellationRequested)
            {
                await Task.Delay(Moment, harness.Time, Token).ConfigureAwait(false);
            }
        }
    }

    public async Task<IReadOnlyList<ReceivedEvent>> ReadAsync()
    {
        Need(harness.Read, nameof(PublisherHarness.Read), harness.Limits.Reading);
        return await harness.Read!(Token).ConfigureAwait(false);
    }

    /// <summary>Everything is at the destination. What arrived.</summary>
    public async Task<IReadOnlyList<ReceivedEvent>> ExpectAsync(IReadOnlyList<BusEvent> events, string after)
    {
        var there = await ReadAsync().ConfigureAwait(false);
        var bodies = there.Select(each => Convert.ToHexString(each.Body.Span)).ToHashSet();
        var lost = events.Count(evt => !bodies.Contains(Convert.ToHexString(evt.Body.Span)));
        return lost == 0 ? there : throw new ContractViolationException($"{lost} of {events.Count} events were answered with Delivered and are not at the destination {after}.");
    }

    /// <summary>Waits until something is so, or the fact's time is over.</summary>
    public async Task<bool> WaitAsync(Func<bool> reached, TimeSpan bound)
    {
        for (var waited = TimeSpan.Zero; waited < bound; waited += Moment)
        {
            if (reached())
                return true;
            await Task.Delay(Moment, harness.Time, Token).ConfigureAwait(false);
        }
        return reached();
    }

    /// <summary>Runs a call within the harness's patience, and remembers what it throws.</summary>
    public async Task HearAsync(string call, Func<Task> run)
    {
        try
        {
            await run().WaitAsync(harness.Patience, harness.Time, CancellationToken.None).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new ContractViolationException($"{call} did not end within {harness.Patience.TotalSeconds:0.#} s.", e);
        }
        catch (Exception e)
        {
            Logger.Add(e.ToString());
            throw;
        }
    }

    /// <summary>No word may have a secret in it.</summary>
    public void CheckSecrets()
    {
        foreach (var said in Logger.Said)
        {
            // The secret itself is not repeated here either.
            if (harness.Secrets.FirstOrDefault(secret => said.Contains(secret, StringComparison.Ordinal)) is { } found)
                throw new ContractViolationException($"A secret of the profile was said: \"{said.Replace(found, "***", StringComparison.Ordinal)}\"");
        }
    }

    /// <summary>Disposes a publisher now, and forgets it.</summary>
    public Task DisposeAsync(IPublisher publisher)
    {
        _made.Remove(publisher);
        return HearAsync("DisposeAsync", () => publisher.DisposeAsync().AsTask());
    }

    /// <summary>Disposes what the fact left. How a publisher takes that has facts of its own: here it is only heard.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var publisher in _made.ToArray())
            await DisposeAsync(publisher).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task<EventVerdict[]> AttemptAsync(IPublisher publisher, IReadOnlyList<BusEvent> events, Task<EventVerdict[]>? started)
    {
        try
        {
            return await (started ?? PublishAsync(publisher, events)).ConfigureAwait(false);
        }
        catch (RejectEventException e)
        {
            return [.. events.Select(_ => new EventVerdict(Verdict.Rejected, e.Message))];
        }
        catch (Exception e) when (e is not ContractViolationException && !Token.IsCancellationRequested)
        {
            return [.. events.Select(_ => new EventVerdict(Verdict.Retry, e.Message))];
        }
    }

    private EventVerdict[] Judge(PublishResult result, int count)
    {
        Logger.Add(result.Reason);
        if (result.Each is { } list && list.Count != count)
            throw new ContractViolationException($"A batch of {count} was answered with {list.Count} verdicts. Mixed has one for each event, in the order of the batch.");
        EventVerdict[] verdicts = result.Each is { } each ? [.. each] : [.. Enumerable.Repeat(new EventVerdict(result.Verdict, result.Reason), count)];
        foreach (var verdict in verdicts)
        {
            Logger.Add(verdict.Reason);
            if (verdict.Verdict != Verdict.Delivered && string.IsNullOrWhiteSpace(verdict.Reason))
                throw new ContractViolationException($"{verdict.Verdict} was answered without a reason. An operator has to know why.");
        }
        return verdicts;
    }

    private static void Wipe(EventBatch batch)
    {
        foreach (var slot in batch.Slots)
            slot.Buffer.AsSpan(slot.Offset, slot.Length).Fill((byte)'#');
        batch.Close();
    }
}

/// <summary>A fact cannot be shown with this harness; the message is the reason.</summary>
internal sealed class NotShownException(string reason) : Exception(reason);
