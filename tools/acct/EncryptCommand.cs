using System.Security.Cryptography;
using EvBus.Acct;

namespace EvBus.Tools.Acct;

/// <summary>Plain YAML → an encrypted file beside it.</summary>
internal sealed class EncryptCommand(ToolConsole console)
{
    /// <summary>The old form: three lines, or one when the key was given. Scripts read them.</summary>
    public async Task<int> RunOldFormAsync(string? input, AcctOptions options, CancellationToken cancellationToken)
    {
        var (path, made) = await EncryptAsync(input, null, options, cancellationToken);
        await PrintAsync($"New encrypted file created at: {path}\n" + (made is null ? "" : $"The file was encrypted with this key:\n{made}\n"), path, made);
        return 0;
    }

    /// <summary>The new form: only the key, and only if it was made here.</summary>
    public async Task<int> RunAsync(string? input, string? output, AcctOptions options, CancellationToken cancellationToken)
    {
        var (path, made) = await EncryptAsync(input, output, options, cancellationToken);
        if (made is not null)
            await PrintAsync(made + "\n", path, made);
        return 0;
    }

    private async Task PrintAsync(string text, string path, string? made)
    {
        try
        {
            await console.PrintAsync(text);
        }
        catch (OutputException exception) when (made is not null)
        {
            throw new OutputException($"{exception.Message} The key is lost with it, and nobody can open '{path}': encrypt again.");
        }
    }

    private async Task<(string Path, string? MadeKey)> EncryptAsync(string? input, string? output, AcctOptions options, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(input))
            throw new UsageException("No file is named. Name the YAML file to encrypt: acct encrypt credentials.yml");
        var warnings = AcctWarnings.WriteTo(console.Error);
        var plain = await SafeFile.ReadAsync(input, options.MaxFileBytes, "credentials file", warnings, cancellationToken);
        try
        {
            if (FernetCipher.LooksLikeToken(plain))
                throw new UsageException($"'{input}' is encrypted already. To change it: acct edit '{input}'");
            var document = AcctDocument.ParseYaml(plain, $"'{input}'");
            await console.WarnIfNoMapAsync(document, input);
            var cipher = options.Cipher ?? AcctCipher.Fernet;
            if (output is "")
                throw new UsageException("--output-file names no file.");
            var path = output ?? $"{input}.{AcctCiphers.NameOf(cipher)}";
            if (SafeFile.FinalPath(path) == SafeFile.FinalPath(input))
                throw new UsageException($"'{path}' is the input itself. Name another file by --output-file.");

            using var given = await AcctKeySource.ResolveAsync(options, warnings, cancellationToken);
            using var made = given is null ? AcctKey.Generate() : null;
            AcctFile.Save(path, document, given ?? made!, cipher);
            return (path, made?.Reveal(cipher));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }
}

/// <summary>An encrypted file → clear text on standard output.</summary>
internal sealed class DecryptCommand(ToolConsole console)
{
    public async Task<int> RunAsync(string? input, string format, AcctOptions options, CancellationToken cancellationToken)
    {
        using var opened = await OpenedFile.OpenAsync(console, input, options, cancellationToken);
        await console.PrintAsync(format == "json" ? opened.Document.ToJson() : opened.Document.ToYaml());
        return 0;
    }
}

/// <summary>
/// An encrypted file, opened. File and key are each read once, since either may be a pipe, and asking for the key may be work for somebody.
/// </summary>
internal sealed record OpenedFile(string Path, AcctDocument Document, AcctKey Key, AcctCipher Cipher) : IDisposable
{
    public static async Task<OpenedFile> OpenAsync(ToolConsole console, string? input, AcctOptions options, CancellationToken cancellationToken)
    {
        var file = string.IsNullOrEmpty(input) ? options.File : input;
        if (string.IsNullOrEmpty(file))
            throw new UsageException("No file is named. Name the encrypted file, or set --acct-file or ACCT_FILE.");
        if (!options.HasKey)
            throw new UsageException($"No key is given for '{file}'. Give it by ACCT_KEY, --acct-key-file or --acct-key-command.");
        var warnings = AcctWarnings.WriteTo(console.Error);
        var contents = await SafeFile.ReadAsync(file, options.MaxFileBytes, "acct file", warnings, cancellationToken);
        var cipher = options.Cipher ?? AcctCiphers.Detect(file, contents);
        var key = (await AcctKeySource.ResolveAsync(options, warnings, cancellationToken))!;
        try
        {
            return new OpenedFile(file, AcctFile.Decrypt(contents, key, cipher, $"acct file '{file}'"), key, cipher);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    public void Dispose() => Key.Dispose();
}
