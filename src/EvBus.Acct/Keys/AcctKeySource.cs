using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using EvBus.Processes;
using Microsoft.Extensions.Logging;

namespace EvBus.Acct;

/// <summary>The key, from where the options say: a value, a file, or a command. Never logs or throws a key.</summary>
internal static class AcctKeySource
{
    private const int MaxKeyBytes = 4096;
    private const int MaxErrorCharacters = 500;

    // Far more than is shown: masking comes before cutting, or half a key at the cut would pass.
    private const int MaxKeptCharacters = 16 * 1024;

    /// <returns>The key, for the caller to dispose; null if the options name none.</returns>
    /// <exception cref="AcctException">The source gives no key, or a malformed one.</exception>
    public static async Task<AcctKey?> ResolveAsync(AcctOptions options, ILogger? logger, CancellationToken cancellationToken)
    {
        options.Checked();
        if (options.Key is { } text)
        {
            if (options.KeyOnCommandLine && logger is not null)
                AcctLog.KeyOnCommandLine(logger);
            return AcctKey.Parse(text);
        }
        byte[] bytes;
        if (options.KeyFile is { } file)
            bytes = await SafeFile.ReadAsync(file, MaxKeyBytes, "acct key file", logger, cancellationToken).ConfigureAwait(false);
        else if (options.KeyCommand is { } command)
            bytes = await RunAsync(command, options.KeyCommandTimeout, cancellationToken).ConfigureAwait(false);
        else
            return null;
        try
        {
            return AcctKey.Parse(bytes);
        }
        catch (AcctException exception)
        {
            var where = options.KeyFile is { } name ? $"Key file '{name}'" : "Key command";
            throw new AcctException(AcctFault.BadKey, $"{where}: {exception.Message}");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static async Task<byte[]> RunAsync(string command, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var start = ChildProgram.PrepareShell(command);
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new AcctException(AcctFault.BadKey, $"The acct key command cannot be started: {exception.Message}.", exception);
        }
        using (process)
        {
            var output = new byte[MaxKeyBytes];
            deadline.CancelAfter(timeout);
            try
            {
                var errors = ReadErrorsAsync(process.StandardError, deadline.Token);
                var count = await process.StandardOutput.BaseStream.ReadAtLeastAsync(output, MaxKeyBytes, throwOnEndOfStream: false, deadline.Token).ConfigureAwait(false);
                if (count == MaxKeyBytes)
                    throw new AcctException(AcctFault.BadKey, $"The acct key command printed {MaxKeyBytes} bytes or more; it must print the key and nothing else.");
                await process.WaitForExitAsync(deadline.Token).ConfigureAwait(false);
                if (process.ExitCode != 0)
                    throw Failed(process.ExitCode, await errors.ConfigureAwait(false), output.AsSpan(0, count));
                if (count == 0)
                    throw new AcctException(AcctFault.BadKey, "The acct key command printed nothing; it must print the key to its standard output.");
                return output.AsSpan(0, count).ToArray();
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new AcctException(AcctFault.BadKey, $"The acct key command did not end within {timeout.TotalSeconds:0.###} s and was killed. If it waits for input, run it by hand once.") { IsTransient = true };
            }
            finally
            {
                CryptographicOperations.ZeroMemory(output);
                if (!process.HasExited)
                    process.Kill(entireProcessTree: true);
            }
        }
    }

    // Bounded, but read to its end, so that the command never stops at a full pipe.
    private static async Task<string> ReadErrorsAsync(StreamReader errors, CancellationToken cancellationToken)
    {
        var kept = new StringBuilder();
        var buffer = new char[1024];
        for (int read; (read = await errors.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
            kept.Append(buffer.AsSpan(0, Math.Min(read, MaxKeptCharacters - kept.Length)));
        return kept.ToString();
    }

    // A careless command may print the key to both streams, or to the wrong one.
    private static AcctException Failed(int code, string errors, ReadOnlySpan<byte> output)
    {
        // What was cut in the middle cannot be recognised as a key any more.
        if (errors.Length == MaxKeptCharacters)
            errors = errors[..(errors.LastIndexOfAny([' ', '\t', '\r', '\n']) + 1)];
        foreach (var word in Encoding.UTF8.GetString(output).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).OrderByDescending(word => word.Length))
            errors = errors.Replace(word, "***", StringComparison.Ordinal);
        errors = SecretText.Mask(errors);
        errors = string.Join(' ', errors.Split((char[])['\r', '\n'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        if (errors.Length > MaxErrorCharacters)
            errors = errors[..MaxErrorCharacters] + "…";
        return new AcctException(AcctFault.BadKey, $"The acct key command ended with exit code {code}{(errors.Length > 0 ? $" and said: {errors}" : " and said nothing on standard error")}.");
    }
}
