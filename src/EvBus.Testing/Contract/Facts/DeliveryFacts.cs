namespace EvBus.Testing;

/// <summary>What delivered means.</summary>
internal static class DeliveryFacts
{
    /// <summary>Without it the others say little.</summary>
    public const string Readable = "Delivered_means_readable_at_the_destination";

    public static IReadOnlyList<PublisherFact> All { get; } =
    [
        new(Readable, ReadableAsync),
        new("Events_arrive_in_the_order_of_the_calls", OrderAsync),
        new("Attributes_arrive", AttributesAsync),
        new("A_batch_of_one_and_a_batch_of_a_thousand_are_carried", SizesAsync),
        new("Every_event_has_a_verdict", VerdictsAsync),
        new("An_event_that_the_destination_refuses_is_rejected_alone", UnwantedAsync),
        new("Several_batches_on_their_way_arrive_in_order", WindowAsync),
        new("What_is_prepared_and_not_sent_stays_here_and_can_be_prepared_again", PrepareAsync),
        new("Publishing_before_connecting_is_an_error_and_no_loss", UnconnectedAsync),
    ];

    private static async Task ReadableAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        for (var i = 0; i < 3; i++)
        {
            var events = trial.Events(3);
            await trial.DeliverAsync(publisher, events).ConfigureAwait(false);
            await trial.ExpectAsync(events, "when PublishAsync has returned").ConfigureAwait(false);
        }
    }

    private static async Task OrderAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial, "", trial.Harness.Limits.Order);
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var events = trial.Events(100);
        foreach (var chunk in events.Chunk(10))
            await trial.DeliverAsync(publisher, chunk).ConfigureAwait(false);
        ExpectOrder(events, await trial.ExpectAsync(events, "after ten calls").ConfigureAwait(false));
    }

    private static async Task WindowAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        if (publisher is not IWindowedPublisher windowed)
            throw new NotShownException("It is no IWindowedPublisher: one batch is on its way at a time.");
        var answers = new List<Task<PublishResult>>();
        var events = trial.Events(Math.Min(50, windowed.Window) / 5 * 5);
        if (windowed.Window < 1 || events.Length == 0)
            throw new NotShownException($"Its window of {windowed.Window} has no room for five batches.");
        foreach (var chunk in events.Chunk(events.Length / 5))
            answers.Add(await windowed.WriteAsync(EventBatch.Of(chunk), trial.Token).ConfigureAwait(false));
        await trial.HearAsync("The acknowledgement of WriteAsync", async () =>
        {
            foreach (var answer in answers)
            {
                if (await answer.ConfigureAwait(false) is { Each: null, Verdict: not Verdict.Delivered } bad)
                    throw new ContractViolationException($"A destination that works: a batch was answered with {bad}.");
            }
        }).ConfigureAwait(false);
        var there = await trial.ExpectAsync(events, "after five batches were acknowledged").ConfigureAwait(false);
        if (trial.Harness.Limits.Order is null)
            ExpectOrder(events, there);
    }

    private static async Task PrepareAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        if (publisher is not IPreparingPublisher preparing)
            throw new NotShownException("It is no IPreparingPublisher: what it sends is made when it is sent.");
        var (first, second) = (trial.Events(5), trial.Events(5));
        await SendAsync(trial, preparing.Prepare(EventBatch.Of(first)), meanwhile: () => preparing.Prepare(EventBatch.Of(second))).ConfigureAwait(false);
        var there = await trial.ExpectAsync(first, "after the first batch was sent").ConfigureAwait(false);
        if (there.Any(each => second.Any(evt => each.Body.Span.SequenceEqual(evt.Body.Span))))
            throw new ContractViolationException("A batch that was only prepared is at the destination. Send nothing before the send is called: the batch in front of it may fail.");
        await SendAsync(trial, preparing.Prepare(EventBatch.Of(second))).ConfigureAwait(false);
        await trial.ExpectAsync([.. first, .. second], "after the second batch was prepared again and sent").ConfigureAwait(false);
    }

    private static Task SendAsync(PublisherTrial trial, PreparedSend send, Action? meanwhile = null) => trial.HearAsync("What Prepare returned", async () =>
    {
        var answer = send(trial.Token).AsTask();
        meanwhile?.Invoke();
        if (await answer.ConfigureAwait(false) is { Each: null, Verdict: not Verdict.Delivered } bad)
            throw new ContractViolationException($"A destination that works: a prepared batch was answered with {bad}.");
    });

    private static async Task AttributesAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial, "", trial.Harness.Limits.Attributes);
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        await CheckAttributesAsync(trial, publisher, new EventAttributes
        {
            Id = "an-id",
            Source = "a/source",
            Type = "a.type",
            Subject = "a-subject",
            Key = "a-key",
            Extensions = new Dictionary<string, string> { ["region"] = "north" },
        }).ConfigureAwait(false);
    }

    public static async Task CheckAttributesAsync(PublisherTrial trial, IPublisher publisher, EventAttributes attributes)
    {
        var evt = trial.Event(attributes);
        await trial.DeliverAsync(publisher, evt).ConfigureAwait(false);
        var there = await trial.ExpectAsync([evt], "when PublishAsync has returned").ConfigureAwait(false);
        var received = there.First(each => each.Body.Span.SequenceEqual(evt.Body.Span));
        foreach (var name in trial.Harness.Attributes)
        {
            var sent = name switch
            {
                "id" => attributes.Id,
                "source" => attributes.Source,
                "type" => attributes.Type,
                "subject" => attributes.Subject,
                "partitionkey" => attributes.Key,
                "region" => attributes.Extensions?["region"],
                _ => throw new ContractViolationException($"The harness names the attribute '{name}'. There are: {string.Join(", ", PublisherHarness.AllAttributes)}."),
            };
            if (sent is not null && received.Attributes.GetValueOrDefault(name) is var arrived && arrived != sent)
                throw new ContractViolationException($"The attribute {name} was '{sent}' and arrived as {(arrived is null ? "nothing" : $"'{arrived}'")}.");
        }
    }

    private static async Task SizesAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var one = trial.Events(1);
        var many = trial.Events(1000);
        await trial.DeliverAsync(publisher, one).ConfigureAwait(false);
        await trial.DeliverAsync(publisher, many).ConfigureAwait(false);
        if (trial.Harness.Limits.Reading is null)
            await trial.ExpectAsync([.. one, .. many], "after both calls").ConfigureAwait(false);
    }

    private static async Task VerdictsAsync(PublisherTrial trial)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var unwanted = trial.Harness.Unwanted;
        BusEvent[] events = [trial.Event(), trial.Event(Array.Empty<byte>()), trial.Event(new byte[] { 0xFF, 0, 10, 13 }), .. unwanted is null ? [] : new[] { unwanted }, trial.Event()];
        var verdicts = await trial.PublishAsync(publisher, events).ConfigureAwait(false);
        // A rejected batch of several is bisected by the lane, so the answer for all of it is no mistake yet.
        if (verdicts.All(each => each.Verdict == Verdict.Rejected))
        {
            var each = new List<EventVerdict>();
            foreach (var evt in events)
                each.AddRange(await trial.PublishAsync(publisher, [evt]).ConfigureAwait(false));
            verdicts = [.. each];
        }
        if (trial.Harness.Limits.Reading is null)
            await trial.ExpectAsync([.. events.Where((_, i) => verdicts[i].Verdict == Verdict.Delivered)], "when PublishAsync has returned").ConfigureAwait(false);
        if (verdicts[0].Verdict != Verdict.Delivered || verdicts[^1].Verdict != Verdict.Delivered)
            throw new ContractViolationException($"An ordinary event between odd ones was answered with {verdicts[0].Verdict} and {verdicts[^1].Verdict}: {verdicts[0].Reason ?? verdicts[^1].Reason}");
    }

    private static async Task UnwantedAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial.Harness.Unwanted, nameof(PublisherHarness.Unwanted), trial.Harness.Limits.Unwanted);
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var verdict = Verdict.Rejected;
        try
        {
            verdict = (await trial.PublishAsync(publisher, [trial.Harness.Unwanted!]).ConfigureAwait(false))[0].Verdict;
        }
        catch (RejectEventException)
        {
            // The other way to say so.
        }
        if (verdict != Verdict.Rejected)
            throw new ContractViolationException($"An event that the destination will never take was answered with {verdict}; Rejected makes a dead letter of it, {verdict} {(verdict == Verdict.Delivered ? "loses it" : "holds up the lane")}.");
        var next = trial.Event();
        await trial.DeliverAsync(publisher, next).ConfigureAwait(false);
        if (trial.Harness.Limits.Reading is null)
            await trial.ExpectAsync([next], "after a neighbour was rejected").ConfigureAwait(false);
    }

    private static async Task UnconnectedAsync(PublisherTrial trial)
    {
        var evt = trial.Event();
        EventVerdict[] verdicts;
        try
        {
            verdicts = await trial.PublishAsync(trial.Create(), [evt]).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (ContractViolationException or RejectEventException or OperationCanceledException))
        {
            return;
        }
        if (verdicts[0].Verdict == Verdict.Rejected)
            throw new ContractViolationException($"Without a connection the event was rejected, which makes a dead letter of it: {verdicts[0].Reason}. Answer Disconnected, or throw.");
        if (verdicts[0].Verdict == Verdict.Delivered)
            await trial.ExpectAsync([evt], "though it was answered with Delivered before ConnectAsync").ConfigureAwait(false);
    }

    private static void ExpectOrder(BusEvent[] events, IReadOnlyList<ReceivedEvent> there)
    {
        var places = there.Select((each, at) => (Body: Convert.ToHexString(each.Body.Span), At: at)).DistinctBy(each => each.Body).ToDictionary(each => each.Body, each => each.At);
        for (var i = 1; i < events.Length; i++)
        {
            if (places[Convert.ToHexString(events[i].Body.Span)] < places[Convert.ToHexString(events[i - 1].Body.Span)])
                throw new ContractViolationException($"Event {i} is at the destination before event {i - 1}. If the destination has no order, say so in Limits.Order.");
        }
    }
}
