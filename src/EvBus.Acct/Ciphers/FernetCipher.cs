using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace EvBus.Acct;

/// <summary>
/// Fernet: base64url( 0x80 ‖ u64 time ‖ 16 bytes of IV ‖ AES-128-CBC with PKCS7 ‖ HMAC-SHA256 over all before it ).
/// Invariants: nothing is decrypted before its HMAC was compared, in constant time; no two texts open as the same token; no time to live
/// is ever checked, as in acct.
/// </summary>
internal static class FernetCipher
{
    private const byte Version = 0x80;
    private const int HeaderLength = 1 + 8 + 16;
    private const int MacLength = 32;
    private const int Shortest = HeaderLength + 16 + MacLength;

    /// <summary>Whether it begins as every Fernet token of the last and the next centuries does.</summary>
    public static bool LooksLikeToken(ReadOnlySpan<byte> contents) => WithoutMark(contents).TrimStart(" \t\r\n"u8).StartsWith("gAAAA"u8);

    // Editors and PowerShell put it in front of a text, and the original reads over it.
    private static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> text) => text.StartsWith("\uFEFF"u8) ? text[3..] : text;

    public static byte[] Encrypt(ReadOnlySpan<byte> plain, AcctKey key, long unixSeconds, ReadOnlySpan<byte> iv)
    {
        var length = HeaderLength + (plain.Length / 16 * 16) + 16 + MacLength;
        var token = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            var bytes = token.AsSpan(0, length);
            bytes[0] = Version;
            BinaryPrimitives.WriteInt64BigEndian(bytes[1..], unixSeconds);
            iv.CopyTo(bytes[9..]);
            using (var aes = Aes.Create())
            {
                aes.SetKey(key.Bytes[16..]);
                aes.EncryptCbc(plain, iv, bytes[HeaderLength..^MacLength]);
            }
            HMACSHA256.HashData(key.Bytes[..16], bytes[..^MacLength], bytes[^MacLength..]);

            // Base64Url writes no padding; acct's tokens have it.
            var text = new byte[(length + 2) / 3 * 4];
            text.AsSpan().Fill((byte)'=');
            Base64Url.EncodeToUtf8(bytes, text, out _, out _);
            return text;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(token);
        }
    }

    /// <exception cref="CipherException">The token does not open.</exception>
    public static SecretBytes Decrypt(ReadOnlySpan<byte> text, AcctKey key)
    {
        text = WithoutMark(text);
        if (AcctBase64.IsUtf16(text))
            throw new CipherException(AcctFault.NotAToken, "it is UTF-16, as '>' of PowerShell 5 writes it; save it as UTF-8");
        var rented = ArrayPool<byte>.Shared.Rent(AcctBase64.MaxLength(text.Length));
        try
        {
            var result = AcctBase64.Decode(text, rented, out var length, strict: true);
            var token = rented.AsSpan(0, length);
            if (result != AcctBase64.Result.Ok)
            {
                throw LooksLikeToken(text)
                    ? new CipherException(AcctFault.Damaged, result == AcctBase64.Result.WrongEnd
                        ? "it ends in the middle of a base64 group or lacks its '=' at the end"
                        : "it holds a character that is not base64")
                    : new CipherException(AcctFault.NotAToken, "it is not base64");
            }
            if (length == 0 || token[0] != Version)
                throw new CipherException(AcctFault.NotAToken, length == 0 ? "it is empty" : "it does not begin with Fernet's version byte 0x80");
            if (length < Shortest)
                throw new CipherException(AcctFault.Damaged, $"it has {length} bytes, and the shortest token has {Shortest}");
            if ((length - HeaderLength - MacLength) % 16 != 0)
                throw new CipherException(AcctFault.Damaged, "its ciphertext is not a whole number of blocks");

            Span<byte> mac = stackalloc byte[MacLength];
            HMACSHA256.HashData(key.Bytes[..16], token[..^MacLength], mac);
            if (!CryptographicOperations.FixedTimeEquals(mac, token[^MacLength..]))
                throw new CipherException(AcctFault.WrongKey, "the signature does not fit the key");
            return Open(token, key);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static SecretBytes Open(ReadOnlySpan<byte> token, AcctKey key)
    {
        var cipher = token[HeaderLength..^MacLength];
        var plain = new SecretBytes(cipher.Length);
        try
        {
            using var aes = Aes.Create();
            aes.SetKey(key.Bytes[16..]);
            plain.SetLength(aes.DecryptCbc(cipher, token.Slice(9, 16), plain.Buffer));
            return plain;
        }
        catch (CryptographicException exception)
        {
            plain.Dispose();
            throw new CipherException(AcctFault.Damaged, "its padding is wrong, although its signature is right", exception);
        }
    }
}
