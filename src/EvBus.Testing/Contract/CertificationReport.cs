using System.Text;

namespace EvBus.Testing;

/// <summary>A publisher broke a promise of the contract; the message says which and what was seen.</summary>
public sealed class ContractViolationException : Exception
{
    /// <summary>Makes one without words; prefer the others.</summary>
    public ContractViolationException() { }

    /// <summary>Makes one that says what was seen.</summary>
    public ContractViolationException(string message) : base(message) { }

    /// <summary>Makes one with the exception behind it.</summary>
    public ContractViolationException(string message, Exception? innerException) : base(message, innerException) { }
}

/// <summary>How a fact ended.</summary>
public enum FactState
{
    /// <summary>The publisher keeps it.</summary>
    Kept,

    /// <summary>The publisher breaks it.</summary>
    Broken,

    /// <summary>It could not be shown, for a reason that the harness gives.</summary>
    NotShown,
}

/// <summary>One fact of the contract, and how a publisher stands to it.</summary>
/// <param name="Name">The fact, as a sentence.</param>
/// <param name="State">How it ended.</param>
/// <param name="Reason">What was seen, or why it could not be shown; null when kept.</param>
public sealed record FactOutcome(string Name, FactState State, string? Reason);

/// <summary>How a publisher stands to all facts of the contract. Immutable.</summary>
/// <param name="Publisher">Its name.</param>
/// <param name="Outcomes">One for each fact, in the order of <see cref="PublisherCertification.Facts"/>.</param>
public sealed record CertificationReport(string Publisher, IReadOnlyList<FactOutcome> Outcomes)
{
    /// <summary>Whether no fact is broken, and what is said to be delivered was read at the destination: without that nothing else says much.</summary>
    public bool IsCertified => Count(FactState.Broken) == 0 && !Outcomes.Any(outcome => outcome is { Name: DeliveryFacts.Readable, State: FactState.NotShown });

    /// <summary>One line for each fact, then the sum.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var outcome in Outcomes)
        {
            var mark = outcome.State switch { FactState.Kept => "kept     ", FactState.Broken => "BROKEN   ", _ => "not shown" };
            text.Append(mark).Append("  ").AppendLine(outcome.Name.Replace('_', ' '));
            if (outcome.Reason is not null)
                text.Append("           ").AppendLine(outcome.Reason.ReplaceLineEndings(" "));
        }
        return text.Append(Publisher).Append(": ").Append(Count(FactState.Kept)).Append(" kept, ").Append(Count(FactState.Broken)).Append(" broken, ")
            .Append(Count(FactState.NotShown)).Append(" not shown: ").Append(IsCertified ? "certified" : Count(FactState.Broken) > 0 ? "refused" : "not certified, for nobody read what was delivered").ToString();
    }

    private int Count(FactState state) => Outcomes.Count(outcome => outcome.State == state);
}
