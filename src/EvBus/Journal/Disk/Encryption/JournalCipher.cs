using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace EvBus.Journal;

/// <summary>What a journal's key opens: a key of its own for each segment file and each file of dead letters. Any thread.</summary>
internal sealed class JournalCipher(JournalKey key)
{
    public const int TagLength = 16;
    public const int NonceLength = 12;
    private const int KeyLength = 32;

    /// <summary>Whether there are keys that only read.</summary>
    public bool HasFormer => key.Keys.Count > 1;

    /// <summary>With the key that writes, alone.</summary>
    public JournalCipher Current => HasFormer ? new JournalCipher(key.First) : this;

    /// <summary>The cipher of a segment file. Its key is derived with the file's random salt, so that no nonce comes twice, also where a tail was cut and written again, or a copy goes on.</summary>
    public SegmentCipher ForSegment(SegmentSalt salt, long firstByte)
    {
        Span<byte> info = stackalloc byte[40];
        "evbus journal segment 1\0"u8.CopyTo(info);
        BinaryPrimitives.WriteUInt64BigEndian(info[24..], salt.Epoch);
        BinaryPrimitives.WriteInt64BigEndian(info[32..], firstByte);
        Span<byte> random = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(random, salt.Salt);
        var ciphers = new AesGcm[key.Keys.Count];
        for (var i = 0; i < ciphers.Length; i++)
            ciphers[i] = Derive(key.Keys[i], random, info);
        return new SegmentCipher(ciphers);
    }

    /// <summary>The ciphers of a lane's dead letters, which take a random nonce each: the first one writes, all read. Each is made when it is come to, and the caller's to dispose.</summary>
    public IEnumerable<AesGcm> ForDeadLetters(string laneId) => key.Keys.Select(each => Derive(each, "evbus dead letters 1"u8, Encoding.UTF8.GetBytes(laneId)));

    /// <summary>By which the key that writes is recognised, without saying anything about it.</summary>
    public byte[] Verifier(ReadOnlySpan<byte> salt) => Verifier(key.Keys[0], salt);

    /// <summary>The place of the key that is recognised by this: 0 the one that writes, -1 none.</summary>
    public int Find(ReadOnlySpan<byte> salt, ReadOnlySpan<byte> verifier)
    {
        for (var i = 0; i < key.Keys.Count; i++)
        {
            if (CryptographicOperations.FixedTimeEquals(Verifier(key.Keys[i], salt), verifier))
                return i;
        }
        return -1;
    }

    /// <summary>Proves that whoever wrote this byte had the key that writes.</summary>
    public byte[] Bound(ReadOnlySpan<byte> salt, long at) => Bound(key.Keys[0], salt, at);

    /// <summary>Whether somebody with one of the keys wrote it.</summary>
    public bool Proves(ReadOnlySpan<byte> salt, long at, ReadOnlySpan<byte> proof)
    {
        foreach (var each in key.Keys)
        {
            if (CryptographicOperations.FixedTimeEquals(Bound(each, salt, at), proof))
                return true;
        }
        return false;
    }

    private static byte[] Bound(byte[] key, ReadOnlySpan<byte> salt, long at)
    {
        Span<byte> info = stackalloc byte[19 + 8];
        "evbus plain until 1"u8.CopyTo(info);
        BinaryPrimitives.WriteInt64BigEndian(info[19..], at);
        var proof = new byte[KeyLength];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, proof, salt, info);
        return proof;
    }

    /// <summary>A salt that is none of before.</summary>
    public static ulong NewSalt()
    {
        Span<byte> random = stackalloc byte[8];
        ulong salt;
        do
        {
            RandomNumberGenerator.Fill(random);
            salt = BinaryPrimitives.ReadUInt64BigEndian(random);
        }
        while (salt == 0);
        return salt;
    }

    private static byte[] Verifier(byte[] key, ReadOnlySpan<byte> salt)
    {
        var verifier = new byte[KeyLength];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, verifier, salt, "evbus journal check 1"u8);
        return verifier;
    }

    private static AesGcm Derive(byte[] key, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> info)
    {
        Span<byte> derived = stackalloc byte[KeyLength];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, derived, salt, info);
        var cipher = new AesGcm(derived, TagLength);
        CryptographicOperations.ZeroMemory(derived);
        return cipher;
    }
}

/// <summary>What a segment file's key is derived with. It stands in the file's header and in every commit record, so damage to one costs nothing.</summary>
internal readonly record struct SegmentSalt(ulong Salt, ulong Epoch)
{
    /// <summary>The salt of a file; null when it is not encrypted, or neither header nor any commit is left.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="mark">The file's mark; asked for with the rest.</param>
    /// <param name="rest">What follows the header, read only when the header is damaged.</param>
    public static SegmentSalt? Of(ReadOnlySpan<byte> header, Func<uint> mark, Func<byte[]> rest)
    {
        if (JournalFormat.ReadSalt(header) is { } read)
            return read.Salt == 0 ? OfCommits(rest(), mark()) : read;
        return OfCommits(rest(), mark());
    }

    private static SegmentSalt? OfCommits(ReadOnlySpan<byte> data, uint mark)
    {
        for (var at = 0; at + JournalFormat.CommitLength <= data.Length;)
        {
            var length = JournalFormat.WholeRecord(data[at..], mark, out _);
            if (length == JournalFormat.CommitLength && JournalFormat.IsControl(data[at..]) && JournalFormat.ReadCommitSalt(data[at..]) is > 0 and var salt)
                return new SegmentSalt(salt, JournalFormat.ReadCommit(data[at..]).Epoch);
            at += Math.Max(1, length);
        }
        return null;
    }
}
