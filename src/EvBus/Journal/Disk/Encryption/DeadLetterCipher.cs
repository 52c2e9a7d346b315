using System.Buffers.Binary;
using System.Security.Cryptography;

namespace EvBus.Journal;

/// <summary>
/// Encrypts what an entry of a dead letter file says: reason and record. Its header stays as it is and is authenticated, its checksum aside.
/// <code>
///   plain       header │ reason, record
///   encrypted   header │ 12B random nonce │ ciphertext │ 16B tag        kind 3
/// </code>
/// </summary>
internal static class DeadLetterCipher
{
    private const int Extra = JournalCipher.NonceLength + JournalCipher.TagLength;
    private const int Bound = 28;

    /// <summary>The entry of another kind, as long as it has to be; not yet sealed with its checksum.</summary>
    public static byte[] Encrypt(JournalCipher keys, string laneId, byte[] entry, int headerLength, byte kind)
    {
        var secret = new byte[entry.Length + Extra];
        entry.AsSpan(0, headerLength).CopyTo(secret);
        BinaryPrimitives.WriteUInt32LittleEndian(secret, (uint)secret.Length);
        secret[8] = kind;
        var nonce = secret.AsSpan(headerLength, JournalCipher.NonceLength);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = keys.ForDeadLetters(laneId).First();
        cipher.Encrypt(nonce, entry.AsSpan(headerLength), secret.AsSpan(headerLength + JournalCipher.NonceLength, entry.Length - headerLength), secret.AsSpan(secret.Length - JournalCipher.TagLength), secret.AsSpan(8, Bound));
        return secret;
    }

    /// <summary>The plain entry; null when it is not what was written with this key.</summary>
    public static byte[]? Decrypt(JournalCipher keys, string laneId, ReadOnlySpan<byte> entry, int headerLength)
    {
        if (entry.Length < headerLength + Extra)
            return null;
        var plain = new byte[entry.Length - Extra];
        entry[..headerLength].CopyTo(plain);
        foreach (var each in keys.ForDeadLetters(laneId))
        {
            using var cipher = each;
            if (TryOpen(cipher, entry, plain, headerLength))
                return plain;
        }
        return null;
    }

    private static bool TryOpen(AesGcm cipher, ReadOnlySpan<byte> entry, byte[] plain, int headerLength)
    {
        try
        {
            cipher.Decrypt(entry.Slice(headerLength, JournalCipher.NonceLength), entry[(headerLength + JournalCipher.NonceLength)..^JournalCipher.TagLength], entry[^JournalCipher.TagLength..],
                plain.AsSpan(headerLength), entry.Slice(8, Bound));
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }
}
