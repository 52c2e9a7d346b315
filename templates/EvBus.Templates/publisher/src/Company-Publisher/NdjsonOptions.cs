using EvBus;

namespace PublisherNamespace;

/// <summary>The keys of a profile. Leave passwords and tokens in the profile: it prints as <c>***</c>, and a record does not.</summary>
public sealed record NdjsonOptions
{
    private static readonly string[] s_keys = ["path", "lane"];

    /// <summary><c>path</c>: the file that events are appended to; made if it is not there. Required; its folder must exist.</summary>
    public required string Path { get; init; }

    /// <summary>Reads a profile.</summary>
    /// <exception cref="EvBusConfigurationException">It cannot work; all errors at once.</exception>
    public static NdjsonOptions Read(Profile profile) => TryRead(profile, out var errors) ?? throw new EvBusConfigurationException(errors);

    internal static NdjsonOptions? TryRead(Profile profile, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        foreach (var key in profile.GetKeys().Except(s_keys))
            found.Add($"Profile {profile.PathOf(key)} is unknown. There are: {string.Join(", ", s_keys)}.");
        var path = "";
        try
        {
            path = profile.GetRequiredString("path");
        }
        catch (EvBusConfigurationException e)
        {
            found.AddRange(e.Errors);
        }
        return found.Count == 0 ? new NdjsonOptions { Path = path } : null;
    }
}
