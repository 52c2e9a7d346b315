using EvBus.Testing;

namespace EvBus.Tools.Tester.Certify;

/// <summary>What the command line says a destination cannot do.</summary>
internal static class Limits
{
    private static readonly Dictionary<string, Func<PublisherLimits, string, PublisherLimits>> s_all = new()
    {
        ["order"] = (limits, reason) => limits with { Order = reason },
        ["attributes"] = (limits, reason) => limits with { Attributes = reason },
        ["empty_bodies"] = (limits, reason) => limits with { EmptyBodies = reason },
        ["binary_bodies"] = (limits, reason) => limits with { BinaryBodies = reason },
        ["large_bodies"] = (limits, reason) => limits with { LargeBodies = reason },
        ["early_refusal"] = (limits, reason) => limits with { EarlyRefusal = reason },
        ["second_instance"] = (limits, reason) => limits with { SecondInstance = reason },
    };

    public static IEnumerable<string> Names => s_all.Keys;

    /// <exception cref="EvBusException">One is no <c>WHAT=REASON</c>.</exception>
    public static PublisherLimits Of(IEnumerable<string> texts)
    {
        var limits = new PublisherLimits();
        foreach (var text in texts)
        {
            var at = text.IndexOf('=', StringComparison.Ordinal);
            if (at < 1 || at == text.Length - 1 || !s_all.TryGetValue(text[..at], out var set))
                throw new EvBusException($"--lacks takes WHAT=REASON, and WHAT is one of: {string.Join(", ", Names)}.");
            limits = set(limits, text[(at + 1)..]);
        }
        return limits;
    }
}
