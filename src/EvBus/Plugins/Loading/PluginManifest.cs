using System.Runtime.InteropServices;
using System.Text.Json;

namespace EvBus;

/// <summary>A plugin folder's <c>plugin.json</c>: what is known of the plugin before any of its code is loaded. Immutable.</summary>
public sealed record PluginManifest : PluginDescriptor
{
    /// <summary>The name of the file in a plugin's folder.</summary>
    public const string FileName = "plugin.json";

    private static readonly JsonDocumentOptions s_json = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>The folder, as a full path.</summary>
    public required string Folder { get; init; }

    /// <summary>The plugin's assembly: the name of a file in the folder.</summary>
    public string Assembly { get; init; } = "";

    /// <summary>The full name of the plugin's type in it.</summary>
    public string Type { get; init; } = "";

    /// <summary>The contract it was built against, such as <c>1.0</c>; see <see cref="PluginLoader.Contract"/>.</summary>
    public Version? Contract { get; init; }

    /// <summary>The platforms it is for: <c>linux</c>, <c>windows</c>, <c>osx</c>, with an architecture if need be (<c>linux-x64</c>). Default: all.</summary>
    public IReadOnlyList<string> Platforms { get; init; } = [];

    /// <summary>What the manifest alone says against the plugin: it cannot be read, or is for another platform or contract. Null when nothing does.</summary>
    public PluginFailure? Failure { get; init; }

    /// <summary>What makes it unsafe although it can be used: others may write its files, or put new ones beside them. Null when nothing does, and on Windows.</summary>
    public string? Warning { get; init; }

    /// <summary>Reads the manifest of a folder. Never throws for what is in it: see <see cref="Failure"/>.</summary>
    internal static PluginManifest Read(string folder)
    {
        var manifest = new PluginManifest { Name = Path.GetFileName(folder), Folder = folder, Origin = folder };
        try
        {
            var file = Path.Combine(folder, FileName);
            if (!File.Exists(file))
                throw new FormatException($"there is no {FileName} in '{folder}'");
            using var document = JsonDocument.Parse(PluginFile.ReadText(file), s_json);
            manifest = document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.EnumerateObject().Aggregate(manifest, Take)
                : throw new FormatException("it is no JSON object");
            Require(manifest.Kind, "kind");
            Require(manifest.Type, "type");
            Require(manifest.Assembly, "assembly");
            Require(manifest.Contract?.ToString(), "contract");
            if (manifest.Assembly != Path.GetFileName(manifest.Assembly) || manifest.Assembly.Contains('\\', StringComparison.Ordinal))
                throw new FormatException($"'assembly' is '{manifest.Assembly}', but must be the name of a file in its folder");
            var example = Path.Combine(folder, "example.yml");
            manifest = manifest with { Example = File.Exists(example) ? PluginFile.ReadText(example) : "", Failure = Check(manifest), Warning = PluginFile.OpenToAll(folder, manifest.Assembly) };
        }
        // Half a surrogate pair is JSON, and no text.
        catch (Exception e) when (e is FormatException or JsonException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            manifest = manifest with { Failure = new(PluginFailureKind.BadManifest, $"its manifest cannot be used: {e.Message.TrimEnd('.')}. Correct {FileName} in '{folder}'.") };
        }
        return manifest;
    }

    private static PluginManifest Take(PluginManifest manifest, JsonProperty property) => property.Name switch
    {
        "name" => manifest with { Name = Require(Text(property), "name") },
        "version" => manifest with { Version = Text(property) },
        "kind" => manifest with { Kind = Text(property) },
        "assembly" => manifest with { Assembly = Text(property) },
        "type" => manifest with { Type = Text(property) },
        "contract" => manifest with { Contract = System.Version.TryParse(Text(property), out var version) ? version : throw new FormatException($"'contract' is '{Text(property)}', but must be a version such as {PluginLoader.Contract}") },
        "platforms" => manifest with { Platforms = Array.TrueForAll(Texts(property), IsPlatform) ? Texts(property) : throw new FormatException("'platforms' must name systems such as linux or linux-x64") },
        "description" => manifest with { Description = Text(property) },
        "aliases" => manifest with { Aliases = Texts(property) },
        "needs_profile" => manifest with { NeedsProfile = property.Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? property.Value.GetBoolean() : throw new FormatException("'needs_profile' must be true or false") },
        _ => throw new FormatException($"'{property.Name}' is unknown; there are: name, version, kind, assembly, type, contract, platforms, description, aliases, needs_profile"),
    };

    private static PluginFailure? Check(PluginManifest manifest)
    {
        if (manifest.Platforms.Count > 0 && !manifest.Platforms.Any(IsHere))
            return new(PluginFailureKind.WrongPlatform, $"it is for {string.Join(", ", manifest.Platforms)}, and this is {RuntimeInformation.RuntimeIdentifier}. Install the build for this platform.");
        var (theirs, ours) = (manifest.Contract!, PluginLoader.Contract);
        return theirs.Major == ours.Major && theirs.Minor <= ours.Minor
            ? null
            : new(PluginFailureKind.WrongContract, $"contract {theirs}, host {ours}. Use a build of it for contract {ours.Major}.{ours.Minor} or an earlier {ours.Major}.x.");
    }

    private static bool IsPlatform(string platform) => platform.Length > 0 && platform.Split('-').All(part => part.Length > 0);

    private static bool IsHere(string platform)
    {
        var parts = platform.ToLowerInvariant().Split('-', 2);
        var system = parts[0] switch { "win" => "windows", "macos" => "osx", var other => other };
        return RuntimeInformation.IsOSPlatform(OSPlatform.Create(system.ToUpperInvariant()))
            && (parts.Length == 1 || string.Equals(parts[1], RuntimeInformation.ProcessArchitecture.ToString(), StringComparison.OrdinalIgnoreCase));
    }

    private static string Require(string? value, string key) => string.IsNullOrEmpty(value) ? throw new FormatException($"'{key}' is missing") : value;

    private static string Text(JsonProperty property) =>
        property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : throw new FormatException($"'{property.Name}' must be a text");

    private static string[] Texts(JsonProperty property) =>
        property.Value.ValueKind == JsonValueKind.Array && property.Value.EnumerateArray().All(each => each.ValueKind == JsonValueKind.String)
            ? [.. property.Value.EnumerateArray().Select(each => each.GetString()!)]
            : throw new FormatException($"'{property.Name}' must be a list of texts");
}

/// <summary>Finds plugins on disk without loading any of their code.</summary>
public static class PluginFolder
{
    /// <summary>The manifests below some folders: of each folder in them, or of the folder itself where it is a plugin's own. In the order given, then by name.</summary>
    /// <param name="paths">Folders that hold plugin folders.</param>
    /// <returns>One for each plugin folder. One that cannot be used is there too, with its <see cref="PluginManifest.Failure"/>; a folder with neither manifest nor assembly is no plugin's.</returns>
    /// <exception cref="EvBusConfigurationException">One of the paths is no folder, or cannot be read.</exception>
    public static IReadOnlyList<PluginManifest> Discover(params IEnumerable<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var found = new List<PluginManifest>();
        foreach (var path in paths.Select(Path.GetFullPath).Distinct())
        {
            try
            {
                if (!Directory.Exists(path))
                    throw new DirectoryNotFoundException("there is no such folder");
                var folders = File.Exists(Path.Combine(path, PluginManifest.FileName)) ? [path] : Directory.GetDirectories(path);
                Array.Sort(folders, StringComparer.Ordinal);
                found.AddRange(folders.Where(IsPlugin).Select(PluginManifest.Read));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new EvBusConfigurationException($"The plugin path '{path}' cannot be read: {e.Message.TrimEnd('.')}. Name a folder that holds plugin folders.", e);
            }
        }
        return found;
    }

    private static bool IsPlugin(string folder) =>
        File.Exists(Path.Combine(folder, PluginManifest.FileName)) || Directory.EnumerateFiles(folder, "*.dll").Any();
}
