namespace EvBus.Ingress.Exec;

/// <summary>The keys of an <c>exec:</c> profile that are no secrets; <c>environment</c> stays in the profile.</summary>
public sealed record ExecIngressOptions
{
    /// <summary><c>command</c>: the program and its arguments, as a list; no shell reads it. Required. It is visible to all users of the machine: secrets belong into <c>environment</c>.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary><c>format</c>: whether a line is a structured CloudEvent (<c>cloudevents</c>, default) or the body (<c>body</c>).</summary>
    public bool IsCloudEvents { get; init; } = true;

    /// <summary><c>answers</c>: whether the program answers each event (<c>each</c>, default), or never says anything (<c>none</c>): what its input took is delivered then.</summary>
    public bool Answers { get; init; } = true;

    /// <summary><c>directory</c>: where it runs. Default: where the bus runs.</summary>
    public string? Directory { get; init; }

    /// <summary><c>start_timeout</c>: how long it may take until its first <c>credit</c>, in seconds; 1 to 600. Default: 10.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary><c>stop_timeout</c>: how long it may take to end after its input did, in seconds; 1 to 600; then it is killed. Default: 5.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(5);

    private static readonly string[] s_keys = ["command", "format", "answers", "directory", "environment", "start_timeout", "stop_timeout", "lane"];

    /// <summary>Reads a profile.</summary>
    /// <exception cref="EvBusConfigurationException">It cannot work; all errors at once.</exception>
    public static ExecIngressOptions Read(Profile profile) => TryRead(profile, out var errors) ?? throw new EvBusConfigurationException(errors);

    internal static ExecIngressOptions? TryRead(Profile profile, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        foreach (var key in profile.GetKeys().Except(s_keys))
            found.Add($"Profile {profile.PathOf(key)} is no key of the exec publisher. It has: {string.Join(", ", s_keys)}.");
        var options = new ExecIngressOptions
        {
            Command = Get(found, () => profile.GetStrings("command")) ?? [],
            IsCloudEvents = Is(found, profile, "format", "cloudevents", "body"),
            Answers = Is(found, profile, "answers", "each", "none"),
            Directory = Get(found, () => profile.GetString("directory")),
            StartTimeout = Seconds(found, profile, "start_timeout", 10),
            StopTimeout = Seconds(found, profile, "stop_timeout", 5),
        };
        if (options.Command is not [{ Length: > 0 }, ..])
            found.Add($"Profile {profile.PathOf("command")} is missing. Give the program and its arguments as a list.");
        // A text: no program of PATH is called so, and no shell takes it apart.
        else if (options.Command is [var text] && text.IndexOf(' ', StringComparison.Ordinal) is > 0 and var space && !text.AsSpan(0, space).ContainsAny('/', '\\'))
            found.Add($"Profile {profile.PathOf("command")} is one text, which no shell takes apart. Give the program and its arguments as a list, such as [python3, /opt/mine/plugin.py].");
        Get(found, () => Environment(profile));
        return found.Count == 0 ? options : null;
    }

    /// <summary>What is added to the program's environment: maybe secrets.</summary>
    internal static List<KeyValuePair<string, string>> Environment(Profile profile) =>
        profile.GetSection("environment") is { } section ? [.. section.GetKeys().Select(name => KeyValuePair.Create(name, section.GetString(name) ?? ""))] : [];

    private static bool Is(List<string> errors, Profile profile, string key, string yes, string no)
    {
        var word = Get(errors, () => profile.GetString(key)) ?? yes;
        if (word != yes && word != no)
            errors.Add($"Profile {profile.PathOf(key)} must be one of: {yes}, {no}.");
        return word == yes;
    }

    private static TimeSpan Seconds(List<string> errors, Profile profile, string key, long missing)
    {
        var number = Get(errors, () => profile.GetInt64(key)) ?? missing;
        if (number is < 1 or > 600)
            errors.Add($"Profile {profile.PathOf(key)} must be at least 1 and at most 600.");
        return TimeSpan.FromSeconds(number);
    }

    private static T? Get<T>(List<string> errors, Func<T?> read)
    {
        try
        {
            return read();
        }
        catch (EvBusConfigurationException e)
        {
            errors.AddRange(e.Errors);
            return default;
        }
    }
}
