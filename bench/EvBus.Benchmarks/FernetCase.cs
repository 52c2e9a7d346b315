using System.Buffers.Text;
using System.Diagnostics;
using System.Security.Cryptography;
using EvBus.Acct;

/// <summary>
/// Decrypting a token of 1 MB: ours, with its checks, against the three primitives it is made of, on the same bytes. Both take their
/// buffers from where they cost nothing; run them in alternating pairs and compare the medians.
/// </summary>
internal static class FernetCase
{
    private const int PlainLength = 1 << 20;
    private static readonly byte[] KeyBytes = [.. Enumerable.Range(0, AcctKey.Length).Select(i => (byte)i)];
    private static readonly byte[] Token = MakeToken();

    /// <summary>Seconds for that many decryptions by EvBus.Acct.</summary>
    public static double Ours(int iterations)
    {
        using var key = AcctKey.Parse(Convert.ToBase64String(KeyBytes));
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < iterations; i++)
        {
            using var plain = FernetCipher.Decrypt(Token, key);
            if (plain.Span.Length != PlainLength)
                throw new InvalidOperationException("Decrypted to the wrong length.");
        }
        return watch.Elapsed.TotalSeconds;
    }

    /// <summary>Seconds for that many times base64, HMAC and AES of the runtime.</summary>
    public static double Raw(int iterations)
    {
        var bytes = new byte[Token.Length];
        var plain = new byte[Token.Length];
        Span<byte> mac = stackalloc byte[32];
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < iterations; i++)
        {
            Base64Url.DecodeFromUtf8(Token, bytes, out _, out var length);
            HMACSHA256.HashData(KeyBytes.AsSpan(0, 16), bytes.AsSpan(0, length - 32), mac);
            using var aes = Aes.Create();
            aes.SetKey(KeyBytes.AsSpan(16));
            if (aes.DecryptCbc(bytes.AsSpan(25, length - 57), bytes.AsSpan(9, 16), plain) != PlainLength)
                throw new InvalidOperationException("Decrypted to the wrong length.");
        }
        return watch.Elapsed.TotalSeconds;
    }

    private static byte[] MakeToken()
    {
        using var key = AcctKey.Parse(Convert.ToBase64String(KeyBytes));
        return FernetCipher.Encrypt(new byte[PlainLength], key, 1_600_000_000, new byte[16]);
    }
}
