using System.Security.Cryptography;

namespace EvBus.Acct;

/// <summary>nonce(12) ‖ ciphertext ‖ tag(16), AES-256-GCM without associated data, raw bytes.</summary>
internal static class AesGcmCipher
{
    public const int NonceLength = 12;
    private const int TagLength = 16;

    public static byte[] Encrypt(ReadOnlySpan<byte> plain, AcctKey key, ReadOnlySpan<byte> nonce)
    {
        var file = new byte[NonceLength + plain.Length + TagLength];
        nonce.CopyTo(file);
        using var aes = new AesGcm(key.Bytes, TagLength);
        aes.Encrypt(nonce, plain, file.AsSpan(NonceLength, plain.Length), file.AsSpan(NonceLength + plain.Length));
        return file;
    }

    /// <exception cref="CipherException">The file does not open.</exception>
    public static SecretBytes Decrypt(ReadOnlySpan<byte> file, AcctKey key)
    {
        if (file.Length < NonceLength + TagLength)
            throw new CipherException(file.IsEmpty ? AcctFault.NotAToken : AcctFault.Damaged, file.IsEmpty
                ? "it is empty"
                : $"it has {file.Length} bytes, and nonce and tag alone have {NonceLength + TagLength}");
        var plain = new SecretBytes(file.Length - NonceLength - TagLength);
        try
        {
            using var aes = new AesGcm(key.Bytes, TagLength);
            aes.Decrypt(file[..NonceLength], file[NonceLength..^TagLength], file[^TagLength..], plain.Buffer);
            plain.SetLength(plain.Buffer.Length);
            return plain;
        }
        catch (AuthenticationTagMismatchException exception)
        {
            plain.Dispose();
            throw System.Text.Unicode.Utf8.IsValid(file)
                ? new CipherException(AcctFault.NotAToken, "it is text, and a file of this cipher is not", exception)
                : new CipherException(AcctFault.WrongKey, "the authentication tag does not fit the key", exception);
        }
    }
}

/// <summary>What a cipher found; the caller knows the file's name and makes an <see cref="AcctException"/> of it.</summary>
internal sealed class CipherException(AcctFault fault, string reason, Exception? innerException = null) : Exception(reason, innerException)
{
    public AcctFault Fault { get; } = fault;
}
