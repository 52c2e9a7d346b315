namespace EvBus;

/// <summary>What became of an event at its destination.</summary>
public enum Verdict : byte
{
    /// <summary>The destination confirmed it.</summary>
    Delivered,

    /// <summary>Not now; the lane tries again with back-off.</summary>
    Retry,

    /// <summary>Never: a batch of more than one is bisected, a batch of one becomes a dead letter.</summary>
    Rejected,

    /// <summary>The connection is gone; the lane connects again and sends the batch again. Uses up no attempt.</summary>
    Disconnected,
}

/// <summary>One event's verdict inside a <see cref="PublishResult.Mixed"/> result.</summary>
/// <param name="Verdict">What became of the event.</param>
/// <param name="Reason">Why, in words for an operator; no secret.</param>
public readonly record struct EventVerdict(Verdict Verdict, string? Reason = null);

/// <summary>What a publisher says about a batch: one verdict for all of it, or one for each event.</summary>
public readonly struct PublishResult : IEquatable<PublishResult>
{
    private PublishResult(Verdict verdict, string? reason, TimeSpan? after, IReadOnlyList<EventVerdict>? each)
    {
        Verdict = verdict;
        Reason = reason;
        RetryAfter = after;
        Each = each;
    }

    /// <summary>The whole batch is confirmed.</summary>
    public static PublishResult Delivered => default;

    /// <summary>The verdict on the whole batch; meaningless when <see cref="Each"/> is set.</summary>
    public Verdict Verdict { get; }

    /// <summary>Why, in words for an operator; null when delivered.</summary>
    public string? Reason { get; }

    /// <summary>How long the destination asks to be left alone; the lane waits at least that long.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>One verdict per event, in the order of the batch; null when one verdict covers all.</summary>
    public IReadOnlyList<EventVerdict>? Each { get; }

    /// <summary>Try the whole batch again.</summary>
    /// <param name="reason">Why, in words for an operator.</param>
    /// <param name="after">How long the destination asks to be left alone. Default: the lane's back-off alone.</param>
    public static PublishResult Retry(string reason, TimeSpan? after = null) => new(Verdict.Retry, reason, after, null);

    /// <summary>The destination will never take this batch as it is.</summary>
    /// <param name="reason">Why, in words for an operator; it stays with the dead letter.</param>
    public static PublishResult Rejected(string reason) => new(Verdict.Rejected, reason, null, null);

    /// <summary>The connection is gone; <see cref="IPublisher.ConnectAsync"/> is called again before the batch is sent again.</summary>
    /// <param name="reason">Why, in words for an operator.</param>
    public static PublishResult Disconnected(string reason) => new(Verdict.Disconnected, reason, null, null);

    /// <summary>One verdict per event, as many as the batch has and in its order. A list of another length counts as <see cref="Verdict.Retry"/> of the whole batch.</summary>
    /// <param name="each">The verdicts. Read before the lane goes on, not kept.</param>
    /// <param name="retryAfter">How long the destination asks to be left alone before what is to be retried.</param>
    public static PublishResult Mixed(IReadOnlyList<EventVerdict> each, TimeSpan? retryAfter = null) => new(Verdict.Retry, null, retryAfter, each);

    /// <summary>The same result, without the secrets in its reasons, and with a list of verdicts that is the lane's own.</summary>
    internal PublishResult Without(ProfileSecrets secrets)
    {
        var each = Each is null || (Each is EventVerdict[] && secrets.IsEmpty)
            ? Each
            : Each.Select(verdict => verdict.Reason is null ? verdict : verdict with { Reason = secrets.Mask(verdict.Reason) }).ToArray();
        return new(Verdict, Reason is null ? null : secrets.Mask(Reason), RetryAfter, each);
    }

    /// <inheritdoc/>
    public bool Equals(PublishResult other) =>
        Verdict == other.Verdict && Reason == other.Reason && RetryAfter == other.RetryAfter && ReferenceEquals(Each, other.Each);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PublishResult other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Verdict, Reason, RetryAfter, Each);

    /// <summary>Equality of verdict, reason, wait and list instance.</summary>
    public static bool operator ==(PublishResult left, PublishResult right) => left.Equals(right);

    /// <summary>The opposite of equality.</summary>
    public static bool operator !=(PublishResult left, PublishResult right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString() => Each is not null ? $"Mixed({Each.Count})" : Reason is null ? Verdict.ToString() : $"{Verdict}({Reason})";
}
