using System.Diagnostics;
using EvBus.Tools.Tester;

namespace EvBus.Tools.Tests.Tester;

/// <summary>A line of bash in which TESTER and ACCT are the tools as processes of their own.</summary>
internal static class Shell
{
    public static async Task<Ran> RunAsync(string line, string folder)
    {
        var text = line.Replace("TESTER", $"dotnet '{typeof(TesterCommand).Assembly.Location}'", StringComparison.Ordinal)
            .Replace("ACCT ", $"dotnet '{typeof(EvBus.Tools.Acct.ToolConsole).Assembly.Location}' ", StringComparison.Ordinal);
        var start = new ProcessStartInfo("bash", ["-c", text]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var name in new[] { "ACCT_KEY", "ACCT_FILE", "ACCT_KEY_FILE", "INGRESS_PROFILES" })
            start.Environment.Remove(name);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(90));
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(90));
        return new Ran(process.ExitCode, output, await error);
    }
}
