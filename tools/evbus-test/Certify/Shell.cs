using System.Diagnostics;
using System.Text;
using System.Text.Json;
using EvBus.Processes;
using EvBus.Testing;

namespace EvBus.Tools.Tester.Certify;

/// <summary>The commands that look at a destination, and hurt it.</summary>
internal static class Shell
{
    /// <summary>What a command prints, a line each: structured CloudEvents, or bodies.</summary>
    public static async Task<List<ReceivedEvent>> ReadAsync(string command, CancellationToken cancellationToken)
    {
        var bytes = await RunAsync(command, cancellationToken);
        var events = new List<ReceivedEvent>();
        for (var from = 0; from < bytes.Length;)
        {
            var end = Array.IndexOf(bytes, (byte)'\n', from) is >= 0 and var at ? at : bytes.Length;
            events.Add(Parse(bytes[from..end]));
            from = end + 1;
        }
        return events;
    }

    /// <exception cref="EvBusException">The command failed.</exception>
    public static async Task<byte[]> RunAsync(string command, CancellationToken cancellationToken)
    {
        var start = ChildProgram.PrepareShell(command);
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        try
        {
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            using var output = new MemoryStream();
            await process.StandardOutput.BaseStream.CopyToAsync(output, cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0
                ? output.ToArray()
                : throw new EvBusException($"A command of the certification ended with exit code {process.ExitCode}: {(await errors).Trim()}");
        }
        finally
        {
            // Nobody waits for it any more.
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static ReceivedEvent Parse(byte[] line)
    {
        if (!line.AsSpan().StartsWith("{"u8) || !Encoding.UTF8.GetString(line).Contains("\"specversion\"", StringComparison.Ordinal))
            return new ReceivedEvent(line);
        try
        {
            return ReceivedEvent.FromCloudEvent(line);
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            return new ReceivedEvent(line);
        }
    }
}
