using System.Diagnostics;
using System.Globalization;
using System.Runtime.Loader;

namespace EvBus.Benchmarks;

/// <summary>How long it takes to know the plugins of a hundred folders; the first time in the process counts, as it does at a start.</summary>
internal static class PluginCase
{
    private const int Folders = 100;
    private const double Bound = 200;

    public static Row Discover(int pairs)
    {
        var root = Directory.CreateTempSubdirectory("evbus-bench-plugins-");
        try
        {
            for (var i = 0; i < Folders; i++)
                Install(Path.Combine(root.FullName, string.Create(CultureInfo.InvariantCulture, $"plugin{i:000}")), i);
            var times = new double[pairs + 1];
            for (var i = 0; i < times.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                var found = PluginFolder.Discover(root.FullName);
                times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (found.Count != Folders || found.Any(each => each.Failure is not null))
                    throw new InvalidOperationException($"{found.Count} plugins were found: {found.FirstOrDefault(each => each.Failure is not null)?.Failure?.Reason}");
            }
            if (AssemblyLoadContext.All.SelectMany(context => context.Assemblies).Any(assembly => !assembly.IsDynamic && assembly.Location.StartsWith(root.FullName, StringComparison.Ordinal)))
                throw new InvalidOperationException("An assembly of a plugin was loaded.");
            var ratios = times.Select(time => Bound / time).ToArray();
            return new Row("plugins-discover", times[0], Bound, ratios[0], ratios.Min(), ratios.Max(), 0, string.Create(CultureInfo.InvariantCulture, $"ms for {Folders} folders, the first time; {Limits.Median(times[1..]):0.0} ms again"));
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    private static void Install(string folder, int number)
    {
        Directory.CreateDirectory(folder);
        // An assembly that would load, so that "none is loaded" means something.
        File.Copy(typeof(EventBus).Assembly.Location, Path.Combine(folder, "Plugin.dll"));
        File.WriteAllText(Path.Combine(folder, PluginManifest.FileName), $$"""
            {
              "name": "plugin{{number}}", "version": "1.0.{{number}}", "kind": "ingress", "assembly": "Plugin.dll", "type": "EvBus.Plugin{{number}}",
              "contract": "1.0", "platforms": ["linux", "windows", "osx"], "description": "Number {{number}} of many.", "aliases": ["p{{number}}"]
            }
            """);
        File.WriteAllText(Path.Combine(folder, "example.yml"), $"plugin{number}:\n  default:\n    host: localhost  # where it is\n");
    }
}
