using System.Reflection;
using System.Runtime.Loader;
using System.Text.Json;

namespace EvBus.Tests.Plugins;

/// <summary>A folder for plugin folders, filled from the plugins in tests/plugins; it goes with the test.</summary>
internal sealed class PluginBed : IDisposable
{
    private static readonly string s_outputs = typeof(PluginBed).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "PluginOutputs").Value!;

    private static readonly JsonSerializerOptions s_json = new() { ReadCommentHandling = JsonCommentHandling.Skip };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evbus-plugins-");

    public string Path => _folder.FullName;

    /// <summary>Installs <c>Plugin.One</c> or <c>Plugin.Two</c> in a folder, with some keys of its manifest changed, and those that are null left out.</summary>
    public string Install(string plugin, string? folder = null, params (string Key, object? Value)[] manifest)
    {
        var to = System.IO.Path.Combine(Path, folder ?? plugin);
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(s_outputs.Replace("{0}", plugin, StringComparison.Ordinal)))
            File.Copy(file, System.IO.Path.Combine(to, System.IO.Path.GetFileName(file)));
        var json = System.IO.Path.Combine(to, PluginManifest.FileName);
        var keys = JsonSerializer.Deserialize<Dictionary<string, object?>>(File.ReadAllText(json), s_json)!;
        foreach (var (key, value) in manifest)
            keys[key] = value;
        File.WriteAllText(json, JsonSerializer.Serialize(keys.Where(pair => pair.Value is not null).ToDictionary()));
        return to;
    }

    public PluginManifest Manifest(string folder) => PluginFolder.Discover(Path).Single(each => System.IO.Path.GetFileName(each.Folder) == folder);

    /// <summary>The assemblies of these folders that are in the process.</summary>
    public string[] LoadedAssemblies() => [.. AssemblyLoadContext.All.SelectMany(context => context.Assemblies)
        .Where(assembly => !assembly.IsDynamic && assembly.Location.StartsWith(Path, StringComparison.Ordinal)).Select(assembly => assembly.GetName().Name!).Distinct()];

    public void Dispose() => _folder.Delete(recursive: true);
}
