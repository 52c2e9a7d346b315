namespace EvBus.Lanes;

/// <summary>A lane id, or a glob over lane ids. An id that equals the selector is meant literally, whatever characters it has.</summary>
internal static class LaneSelector
{
    public static Predicate<string> Create(string selector)
    {
        var glob = ProfileMatch.Glob(selector);
        return id => id == selector || glob.IsMatch(id);
    }
}
