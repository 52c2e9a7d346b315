namespace EvBus.Testing;

/// <summary>What happens to the bytes.</summary>
internal static class BodyFacts
{
    public static IReadOnlyList<PublisherFact> All { get; } =
    [
        new("An_empty_body_arrives_as_one_or_is_rejected", trial => CheckAsync(trial, trial.Event(Array.Empty<byte>(), Binary), trial.Harness.Limits.EmptyBodies)),
        new("A_binary_body_arrives_byte_for_byte_or_is_rejected", trial => CheckAsync(trial, trial.Event(Bytes(256), Binary), trial.Harness.Limits.BinaryBodies)),
        new("A_body_of_1_MB_arrives_or_is_rejected", trial => CheckAsync(trial, trial.Event($"{{\"n\":\"{new string('x', (1 << 20) - 8)}\"}}"), trial.Harness.Limits.LargeBodies)),
        new("Unicode_attributes_arrive_as_they_are", UnicodeAsync),
        new("Bodies_are_left_as_they_were", UntouchedAsync),
        new("Nothing_of_a_batch_is_used_after_its_call", BorrowedAsync),
    ];

    private static EventAttributes Binary => new() { ContentType = "application/octet-stream" };

    private static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)i)];

    private static async Task CheckAsync(PublisherTrial trial, BusEvent evt, string? limit)
    {
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var verdict = (await trial.PublishAsync(publisher, [evt]).ConfigureAwait(false))[0];
        var wanted = limit is null ? Verdict.Delivered : Verdict.Rejected;
        if (verdict.Verdict != wanted)
            throw new ContractViolationException($"It was answered with {verdict.Verdict} ({verdict.Reason}); {(limit is null ? "a destination that cannot take it says so in Limits" : $"it cannot arrive ({limit}), so only Rejected is true")}.");
        if (limit is null)
            await trial.ExpectAsync([evt], "byte for byte").ConfigureAwait(false);
    }

    private static async Task UnicodeAsync(PublisherTrial trial)
    {
        PublisherTrial.Need(trial, "", trial.Harness.Limits.Attributes);
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        await DeliveryFacts.CheckAttributesAsync(trial, publisher, new EventAttributes
        {
            Id = "ü-1",
            Source = "quelle/ä",
            Type = "typ.ß",
            Subject = "東京 🚌 100 %",
            Key = "clé, \"quoted\"",
            Extensions = new Dictionary<string, string> { ["region"] = "Größe=ж; \\x" },
        }).ConfigureAwait(false);
    }

    private static async Task UntouchedAsync(PublisherTrial trial)
    {
        // Each call of a trial compares its batch with what it was; here with all kinds of bodies.
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        await trial.PublishAsync(publisher, [trial.Event(), trial.Event("{\n \"a\":\t[1, 2]\r\n}"), trial.Event(Bytes(256), Binary), trial.Event("\"ü\"")]).ConfigureAwait(false);
    }

    private static async Task BorrowedAsync(PublisherTrial trial)
    {
        // Each call of a trial wipes its batch when it has ended; here something that was kept has time to do harm.
        var publisher = await trial.ConnectAsync().ConfigureAwait(false);
        var events = trial.Events(20);
        foreach (var chunk in events.Chunk(5))
            await trial.DeliverAsync(publisher, chunk).ConfigureAwait(false);
        await trial.DisposeAsync(publisher).ConfigureAwait(false);
        var there = await trial.ExpectAsync(events, "after its batches were used for something else").ConfigureAwait(false);
        var strangers = there.Count(each => !events.Any(evt => evt.Body.Span.SequenceEqual(each.Body.Span)));
        if (strangers > 0)
            throw new ContractViolationException($"{strangers} events at the destination were never put: memory of a batch was read after its call had ended. Copy what has to last with ToEvent.");
    }
}
