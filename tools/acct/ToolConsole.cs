namespace EvBus.Tools.Acct;

/// <summary>All that the command touches besides files: so that tests run it in their own process.</summary>
internal sealed record ToolConsole(TextReader In, TextWriter Out, TextWriter Error, Func<string, string?> Environment, bool IsInteractive);

/// <summary>Wrong use or bad input: one line, exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
