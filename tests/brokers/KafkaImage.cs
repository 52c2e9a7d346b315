using System.ComponentModel;
using System.Diagnostics;

namespace EvBus.Brokers;

/// <summary>
/// The jars of Kafka out of a container image that is on this machine already: nothing is pulled, and no container runs. So the broker is a child process as any
/// other, which can be paused and killed.
/// </summary>
internal static class KafkaImage
{
    private const string Name = "apache/kafka";
    private const string Libraries = "/opt/kafka/libs";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <param name="docker">The command.</param>
    /// <param name="cache">Where the jars are put, by the image's id; they are taken out once.</param>
    /// <returns>The folder with the jars; null without the command, the engine or the image.</returns>
    public static string? Jars(string docker, string cache)
    {
        if (Run(docker, "image", "ls", "--quiet", "--no-trunc", Name)?.Split('\n', StringSplitOptions.RemoveEmptyEntries) is not [var image, ..])
            return null;
        var jars = Path.Combine(cache, image.Replace(':', '-'));
        if (Directory.Exists(jars))
            return jars;
        if (Run(docker, "create", image)?.Trim() is not { Length: > 0 } container)
            return null;
        // Moved there when it is whole: several test projects may look at once.
        var taken = Directory.CreateTempSubdirectory("evbus-kafka-jars-").FullName;
        try
        {
            if (Run(docker, "cp", $"{container}:{Libraries}", taken) is null)
                return null;
            Directory.CreateDirectory(cache);
            try
            {
                Directory.Move(Path.Combine(taken, Path.GetFileName(Libraries)), jars);
            }
            catch (IOException) when (Directory.Exists(jars))
            {
                // Another one was there first, with the same jars.
            }
            return jars;
        }
        finally
        {
            Directory.Delete(taken, recursive: true);
            Run(docker, "rm", container);
        }
    }

    /// <returns>What it printed; null when there is no such command, or it failed, as without an engine.</returns>
    private static string? Run(string docker, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(docker, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEndAsync();
            if (process.WaitForExit(s_patience) && Task.WaitAll([errors, output], s_patience))
                return process.ExitCode == 0 ? output.Result : null;
            process.Kill(entireProcessTree: true);
            return null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
