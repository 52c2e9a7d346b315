using EvBus.Acct;

namespace EvBus.Tools.Acct;

/// <summary>All that the command touches besides files: so that tests run it in their own process.</summary>
internal sealed record ToolConsole(TextReader In, TextWriter Out, TextWriter Error, Func<string, string?> Environment, bool IsInteractive)
{
    /// <summary>Says so where credentials have a shape that no program finds profiles in.</summary>
    public async Task WarnIfNoMapAsync(AcctDocument document, string file)
    {
        if (document.GetRoot() is not (null or MessagePackMap))
            await Error.WriteLineAsync($"warning: '{file}' is not a map of providers (provider: {{profile: {{key: value}}}}); no program will find profiles in it.");
    }

    /// <summary>Writes a result; one that does not arrive whole is no result.</summary>
    /// <exception cref="OutputException">Standard output does not take it: a full disk, a closed pipe.</exception>
    public async Task PrintAsync(string text)
    {
        try
        {
            await Out.WriteAsync(text);
            await Out.FlushAsync();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Closed streams are said to be denied access to.
            throw new OutputException($"Standard output cannot be written: {(exception is UnauthorizedAccessException ? "it is closed" : exception.Message.TrimEnd('.'))}.");
        }
    }
}

/// <summary>Wrong use or bad input: one line, exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>A result could not be written: one line, exit code 1.</summary>
internal sealed class OutputException(string message) : Exception(message);
