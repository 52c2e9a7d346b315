using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace EvBus.Acct;

/// <summary>
/// Reads and writes acct files: YAML → MessagePack → cipher, to the byte of the Python original. What is wrong comes as an
/// <see cref="AcctException"/> that names the file, the cipher, the fault and the remedy.
/// </summary>
/// <remarks>Safe from any thread. Two saves of one file at a time: the later rename wins, and the file is whole at any moment.</remarks>
public static class AcctFile
{
    /// <summary>The largest file that is read, unless the options say otherwise: 16 MiB.</summary>
    public const int DefaultMaxBytes = 16 << 20;

    /// <summary>Reads the file that the options name, with the key from where they say. Without a key it is read as plain YAML, with a warning.</summary>
    /// <param name="options">Which file, which key.</param>
    /// <param name="logger">Where warnings go: files that others can read, a key on the command line, plain text. Default: nowhere.</param>
    /// <param name="cancellationToken">Cancels reading and the key command.</param>
    /// <exception cref="AcctException">The file, the key or the contents are wrong.</exception>
    /// <exception cref="EvBusConfigurationException">The options name no file, or more than one key.</exception>
    public static async Task<AcctDocument> LoadAsync(AcctOptions options, ILogger? logger = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (string.IsNullOrEmpty(options.File))
            throw new EvBusConfigurationException("No acct file is given. Name one by --acct-file, ACCT_FILE or EvBus:Acct:File.");
        var contents = await SafeFile.ReadAsync(options.File, options.MaxFileBytes, "acct file", logger, cancellationToken).ConfigureAwait(false);
        try
        {
            using var key = await AcctKeySource.ResolveAsync(options, logger, cancellationToken).ConfigureAwait(false);
            return Open(options.File, contents, key, options.Cipher, logger);
        }
        finally
        {
            // It may have been plain text.
            CryptographicOperations.ZeroMemory(contents);
        }
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">The key; null reads it as plain YAML, with a warning. Stays the caller's.</param>
    /// <param name="cipher">The cipher. Default: by the file's extension, else by its contents.</param>
    /// <param name="logger">Where warnings go. Default: nowhere.</param>
    /// <exception cref="AcctException">The file, the key or the contents are wrong.</exception>
    public static AcctDocument Load(string path, AcctKey? key, AcctCipher? cipher = null, ILogger? logger = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var contents = SafeFile.Read(path, DefaultMaxBytes, "acct file", logger);
        try
        {
            return Open(path, contents, key, cipher, logger);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(contents);
        }
    }

    /// <summary>Encrypts a document and puts it in place of the file in one step: readable by its owner only, the old one whole until the new one is on disk.</summary>
    /// <param name="path">The file; a symbolic link keeps pointing where it points.</param>
    /// <param name="document">What to write.</param>
    /// <param name="key">The key. Stays the caller's.</param>
    /// <param name="cipher">The cipher.</param>
    /// <param name="time">The clock for the token's time stamp. Default: the system's.</param>
    /// <exception cref="AcctException">The file cannot be written, and the old one is as it was; or the document has no MessagePack form.</exception>
    public static void Save(string path, AcctDocument document, AcctKey key, AcctCipher cipher = AcctCipher.Fernet, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafeFile.Replace(path, Encrypt(document, key, cipher, time));
    }

    /// <summary>Encrypts a document.</summary>
    /// <returns>The bytes of the file: a Fernet token as ASCII, or raw bytes.</returns>
    /// <exception cref="AcctException">The document has no MessagePack form (<see cref="AcctFault.BadContent"/>).</exception>
    public static byte[] Encrypt(AcctDocument document, AcctKey key, AcctCipher cipher = AcctCipher.Fernet, TimeProvider? time = null)
    {
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        return Encrypt(document, key, cipher, (time ?? TimeProvider.System).GetUtcNow(), random);
    }

    /// <summary>Decrypts the bytes of a file.</summary>
    /// <param name="contents">The bytes.</param>
    /// <param name="key">The key. Stays the caller's.</param>
    /// <param name="cipher">The cipher. Default: by the contents.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="AcctException">The bytes do not open, or what is inside cannot be read.</exception>
    public static AcctDocument Decrypt(ReadOnlySpan<byte> contents, AcctKey key, AcctCipher? cipher = null, string name = "the acct data")
    {
        ArgumentNullException.ThrowIfNull(key);
        var used = cipher ?? AcctCiphers.Detect(name, contents);
        try
        {
            using var plain = used == AcctCipher.Fernet ? FernetCipher.Decrypt(contents, key) : AesGcmCipher.Decrypt(contents, key);
            return Inner(plain.Span, name);
        }
        catch (CipherException exception)
        {
            throw new AcctException(exception.Fault, Explain(exception, name, used), exception);
        }
    }

    /// <summary>With everything that is random given: the seam of the tests.</summary>
    internal static byte[] Encrypt(AcctDocument document, AcctKey key, AcctCipher cipher, DateTimeOffset time, ReadOnlySpan<byte> random)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(key);
        byte[] plain;
        try
        {
            plain = MessagePackCodec.Encode(document.GetRoot());
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw new AcctException(AcctFault.BadContent, $"The document cannot be encoded: {exception.Message}", exception);
        }
        try
        {
            return cipher == AcctCipher.Fernet
                ? FernetCipher.Encrypt(plain, key, time.ToUnixTimeSeconds(), random[..16])
                : AesGcmCipher.Encrypt(plain, key, random[..AesGcmCipher.NonceLength]);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private static AcctDocument Open(string path, ReadOnlySpan<byte> contents, AcctKey? key, AcctCipher? cipher, ILogger? logger)
    {
        var name = $"acct file '{path}'";
        if (key is not null)
            return Decrypt(contents, key, cipher ?? AcctCiphers.Detect(path, contents), name);
        var used = cipher ?? AcctCiphers.Detect(path, contents);
        if (cipher is not null || used == AcctCipher.AesGcm256 || FernetCipher.LooksLikeToken(contents))
            throw new AcctException(AcctFault.NoKey, $"The {name} is encrypted ({AcctCiphers.NameOf(used)}), and no key is given. Give it by ACCT_KEY, --acct-key-file or --acct-key-command.");
        if (logger is not null)
            AcctLog.PlainText(logger, path);
        return AcctDocument.ParseYaml(contents, name);
    }

    private static AcctDocument Inner(ReadOnlySpan<byte> plain, string name)
    {
        try
        {
            return new AcctDocument(plain.IsEmpty ? null : MessagePackCodec.Decode(plain));
        }
        catch (EvBusException) when (plain[0] is (byte)'{' or (byte)'[')
        {
            // The original can be configured to JSON inside, and nothing in the file says so.
            return AcctDocument.ParseJson(plain, $"{name}, decrypted");
        }
        catch (EvBusException exception)
        {
            throw new AcctException(AcctFault.BadContent, $"The {name} opens with this key, but what is inside is not acct data: {exception.Message}", exception);
        }
    }

    private static string Explain(CipherException exception, string name, AcctCipher cipher) =>
        $"Cannot open {name} ({AcctCiphers.NameOf(cipher)}): " + exception.Fault switch
        {
            AcctFault.WrongKey => $"wrong key, or the file was changed after it was encrypted ({exception.Message}). Give the key that was printed when this file was encrypted.",
            AcctFault.Damaged => $"damaged ({exception.Message}). Copy the file again from where it came, or encrypt the plain file anew.",
            _ => $"not a token ({exception.Message}). If it is plain YAML, encrypt it with 'acct encrypt', or give no key; if it is of another cipher, name that cipher.",
        };
}
