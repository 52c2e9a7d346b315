using System.Diagnostics;
using System.Reflection;

namespace EvBus.House.Tests;

/// <summary>The repository the tests were built from.</summary>
internal static class House
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    public static string Root { get; } = Path.GetFullPath(Metadata("RepositoryRoot"));

    public static string Configuration { get; } = Metadata("BuiltConfiguration");

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>Source files below some folders, by their path from the root; nothing that was built.</summary>
    public static IEnumerable<string> Sources(params string[] folders) => folders
        .SelectMany(folder => Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories))
        .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
        .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));

    public static (int Code, string Output) Run(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder ?? Root, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        // Also when it has ended: whom it started may hold its output open.
        if (process.WaitForExit(s_patience) && Task.WaitAll([output, errors], s_patience))
            return (process.ExitCode, output.Result + errors.Result);
        process.Kill(entireProcessTree: true);
        throw new TimeoutException($"{program} {string.Join(' ', arguments)} has not ended within {s_patience}.");
    }

    internal static string Metadata(string key) =>
        typeof(House).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == key).Value!;
}
