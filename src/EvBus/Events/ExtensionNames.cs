using System.Buffers;
using System.Collections.Frozen;

namespace EvBus;

/// <summary>What an extension attribute may be called: by CloudEvents' rule, so that no destination takes it for something else. A header's name knows no case, so <c>Type</c> would pass for the event's type.</summary>
internal static class ExtensionNames
{
    private static readonly SearchValues<char> s_allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789");

    private static readonly FrozenSet<string> s_attributes = new[] { "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64" }
        .ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether CloudEvents calls an attribute, or the data, so; in whatever case.</summary>
    public static bool IsAttribute(string name) => s_attributes.Contains(name);

    /// <summary>What is wrong with one of the names, and what to do; null when nothing is.</summary>
    public static string? Fault(IReadOnlyDictionary<string, string> extensions)
    {
        // A dictionary's own enumerator is no object.
        if (extensions is Dictionary<string, string> usual)
        {
            foreach (var pair in usual)
            {
                if (Fault(pair.Key) is { } fault)
                    return fault;
            }
            return null;
        }
        foreach (var pair in extensions)
        {
            if (Fault(pair.Key) is { } fault)
                return fault;
        }
        return null;
    }

    private static string? Fault(string name)
    {
        if (name.Length == 0)
            return "an extension has no name: give it one of lower-case letters and digits";
        if (name.AsSpan().IndexOfAnyExcept(s_allowed) >= 0)
            return $"the extension '{PlainText.OneLine(name, 100)}' cannot be called so: use lower-case letters and digits only";
        if (IsAttribute(name))
            return $"the extension '{name}' has the name of an attribute: give it another name, or set the attribute itself";
        return null;
    }
}
