using System.Globalization;

namespace EvBus.Ingress.File;

/// <summary>What a line is.</summary>
public enum FileFormat
{
    /// <summary>The body's bytes. Line breaks inside a JSON body are folded away; a body with line breaks that is no JSON is rejected.</summary>
    Body,

    /// <summary>The event as a structured CloudEvent in JSON.</summary>
    CloudEvents,
}

/// <summary>When a batch counts as delivered.</summary>
public enum FileSync
{
    /// <summary>When the operating system has it: it survives a kill of the process, not a loss of power.</summary>
    None,

    /// <summary>When fsync has returned.</summary>
    Batch,
}

/// <summary>The keys of a <c>file:</c> profile.</summary>
public sealed record FileIngressOptions
{
    /// <summary><c>path</c>: the file, or a link to it. Required; its folder must exist. Devices are refused.</summary>
    public required string Path { get; init; }

    /// <summary><c>format</c>: <c>body</c> (default) or <c>cloudevents</c>.</summary>
    public FileFormat Format { get; init; }

    /// <summary><c>rotate_bytes</c>: the file is rotated before a batch would take it beyond. At least 1; default: never. While it cannot be moved away, its lane retries.</summary>
    public long? RotateBytes { get; init; }

    /// <summary>
    /// <c>rotate_interval</c>: the file is rotated before the first batch of a new interval, counted in UTC (<c>1d</c> begins at midnight, <c>7d</c> on Mondays), also when
    /// another process wrote it. Seconds, or with s, m, h, d; 1 s to 36500d. Default: never.
    /// </summary>
    public TimeSpan? RotateInterval { get; init; }

    /// <summary><c>keep</c>: how many rotated files stay; the oldest go. At least 1, and only with one of the two above; default: all.</summary>
    public int? Keep { get; init; }

    /// <summary><c>fsync</c>: <c>none</c> (default) or <c>batch</c>.</summary>
    public FileSync Sync { get; init; }

    private const long MaxInterval = 36500L * 86400;

    private static readonly string[] s_keys = ["path", "format", "rotate_bytes", "rotate_interval", "keep", "fsync", "lane"];

    /// <summary>Reads a profile.</summary>
    /// <exception cref="EvBusConfigurationException">It cannot work; all errors at once.</exception>
    public static FileIngressOptions Read(Profile profile) =>
        TryRead(profile, out var errors) ?? throw new EvBusConfigurationException(errors);

    internal static FileIngressOptions? TryRead(Profile profile, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        foreach (var key in profile.GetKeys().Except(s_keys))
            found.Add($"Profile {profile.PathOf(key)} is no key of the file publisher. It has: {string.Join(", ", s_keys)}.");
        var options = new FileIngressOptions
        {
            Path = Get(found, () => PathOf(profile)) ?? "",
            Format = Choose(found, profile, "format", ("body", FileFormat.Body), ("cloudevents", FileFormat.CloudEvents)),
            RotateBytes = Get(found, () => Range(profile, "rotate_bytes", long.MaxValue)),
            RotateInterval = Get(found, () => Interval(profile)),
            Keep = (int?)Get(found, () => Range(profile, "keep", int.MaxValue)),
            Sync = Choose(found, profile, "fsync", ("none", FileSync.None), ("batch", FileSync.Batch)),
        };
        if (profile.Contains("keep") && !profile.Contains("rotate_bytes") && !profile.Contains("rotate_interval"))
            found.Add($"Profile {profile.PathOf("keep")} has nothing to keep, for the file is never rotated. Add rotate_bytes or rotate_interval, or remove it.");
        return found.Count == 0 ? options : null;
    }

    private static T? Get<T>(List<string> errors, Func<T> read)
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

    private static string PathOf(Profile profile) => profile.GetRequiredString("path") is var path && !path.Contains('\0', StringComparison.Ordinal)
        ? path
        : throw new EvBusConfigurationException($"Profile {profile.PathOf("path")} contains a NUL, which no path can.");

    private static long? Range(Profile profile, string key, long most) => profile.GetInt64(key) is { } number
        ? number >= 1 && number <= most ? number : throw new EvBusConfigurationException($"Profile {profile.PathOf(key)} must be at least 1 and at most {most}.")
        : null;

    private static T Choose<T>(List<string> errors, Profile profile, string key, params (string Word, T Value)[] choices)
    {
        var word = Get(errors, () => profile.GetString(key));
        if (word is null)
            return choices[0].Value;
        foreach (var choice in choices)
        {
            if (choice.Word == word)
                return choice.Value;
        }
        errors.Add($"Profile {profile.PathOf(key)} must be one of: {string.Join(", ", choices.Select(choice => choice.Word))}.");
        return choices[0].Value;
    }

    private static TimeSpan? Interval(Profile profile)
    {
        if (profile.GetString("rotate_interval") is not { } text)
            return null;
        var (digits, unit) = text.Length > 0 && char.IsAsciiLetter(text[^1]) ? (text[..^1], text[^1]) : (text, 's');
        long seconds = unit switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number * seconds is >= 1 and <= MaxInterval
            ? TimeSpan.FromSeconds(number * seconds)
            : throw new EvBusConfigurationException($"Profile {profile.PathOf("rotate_interval")} must be a number of seconds, or a number with s, m, h or d, such as 12h: at least 1 s, at most 36500d.");
    }
}
