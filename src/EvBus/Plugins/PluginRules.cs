using EvBus.Lanes;

namespace EvBus;

/// <summary>Which plugins may be used, by name or glob (<c>kafka</c>, <c>http*</c>, <c>ingress/*</c>): what is denied is denied, whatever else is allowed.</summary>
public sealed record PluginRules
{
    /// <summary>Names and globs of plugins that are not used. Default: none.</summary>
    public IReadOnlyList<string> Deny { get; init; } = [];

    /// <summary>
    /// Names and globs of the only plugins that are used. With <c>!</c> before it one is denied instead (<c>["!http*"]</c>: all but those), wherever it stands in the list.
    /// Default: none, which means all that are not denied.
    /// </summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>What is wrong with the rules, each with its remedy: <c>!</c> in <see cref="Deny"/>, or both forms of denying at once.</summary>
    internal IEnumerable<string> Errors()
    {
        foreach (var pattern in Deny.Where(IsNegated))
            yield return $"Deny has '{pattern}', which would deny what is not denied. Leave the '!' out, or write '{pattern}' into Allow.";
        if (Deny.Count > 0 && Allow.FirstOrDefault(IsNegated) is { } negated)
            yield return $"Plugins are denied in two ways: Deny, and '{negated}' in Allow. Use one of them.";
    }

    /// <summary>Why a plugin may not be used; null when it may. A name without <c>/</c> means every kind.</summary>
    public string? WhyNot(PluginDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        if (Deny.FirstOrDefault(pattern => Names(pattern, descriptor)) is { } denied)
            return $"denied by '{denied}' in the configuration";
        if (Allow.FirstOrDefault(pattern => IsNegated(pattern) && Names(pattern[1..], descriptor)) is { } negated)
            return $"denied by '{negated}' in the configuration";
        return Allow.All(IsNegated) || Allow.Any(pattern => Names(pattern, descriptor)) ? null : "not among the plugins that the configuration allows";
    }

    private static bool IsNegated(string pattern) => pattern.StartsWith('!');

    private static bool Names(string pattern, PluginDescriptor descriptor)
    {
        var glob = ProfileMatch.Glob(pattern);
        return descriptor.Aliases.Prepend(descriptor.Name).Any(name => glob.IsMatch(pattern.Contains('/', StringComparison.Ordinal) ? $"{descriptor.Kind}/{name}" : name));
    }
}

/// <summary>There is no plugin of that name.</summary>
public sealed class PluginNotFoundException : EvBusException
{
    /// <summary>Makes one without words; prefer the others.</summary>
    public PluginNotFoundException() { }

    /// <summary>Makes one that names what there is.</summary>
    public PluginNotFoundException(string message) : base(message) { }

    /// <summary>Makes one with the exception behind it.</summary>
    public PluginNotFoundException(string message, Exception? innerException) : base(message, innerException) { }
}

/// <summary>There are several plugins of a name where exactly one is needed.</summary>
public sealed class AmbiguousPluginException : EvBusException
{
    /// <summary>Makes one without words; prefer the others.</summary>
    public AmbiguousPluginException() { }

    /// <summary>Makes one that names where they came from.</summary>
    public AmbiguousPluginException(string message) : base(message) { }

    /// <summary>Makes one with the exception behind it.</summary>
    public AmbiguousPluginException(string message, Exception? innerException) : base(message, innerException) { }
}

/// <summary>What somebody who mistyped a name may have meant.</summary>
internal static class NearestName
{
    /// <summary>The name with the fewest letters to change, if those are few: a third of it, two (two letters in each other's place), one in a short name. The first of several.</summary>
    public static string? Of(string name, IEnumerable<string> names) =>
        names.Select(each => (Name: each, Distance: Distance(name.ToLowerInvariant(), each.ToLowerInvariant())))
            .Where(each => each.Distance <= Math.Max(name.Length < 4 ? 1 : 2, Math.Max(name.Length, each.Name.Length) / 3))
            .OrderBy(each => each.Distance).Select(each => each.Name).FirstOrDefault();

    private static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (one[i - 1] == other[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
