using System.Buffers.Binary;
using System.Security.Cryptography;

namespace EvBus.Journal;

/// <summary>
/// Encrypts and decrypts the records of one segment file. A record keeps its length and header; attributes and body become ciphertext, except for
/// the seal, an attribute of 16 bytes at the end of the attributes that records of such a journal have from the beginning (zeros in memory) and that holds the tag on disk:
/// <code>
///   in memory   header │ attributes           │ seal (zeros) │ body
///   on disk     header │ ciphertext of them   │ seal (tag)   │ ciphertext of the body      flag Encrypted, CRC over all of this
/// </code>
/// The nonce is the record's byte in the log; what is authenticated besides is the header without its checksum. Of several keys the one that a file
/// was written with is known after its first record. For one thread at a time.
/// </summary>
internal sealed class SegmentCipher : IDisposable
{
    private readonly AesGcm[] _ciphers;
    private AesGcm _fitting;
    private byte[] _plain = [];
    private byte[] _secret = [];

    /// <summary>The first one writes, all read.</summary>
    public SegmentCipher(AesGcm[] ciphers) => (_ciphers, _fitting) = (ciphers, ciphers[0]);

    /// <summary>Writes the record at that byte of the log as it is to be on disk, but for the checksum.</summary>
    public void Encrypt(ReadOnlySpan<byte> record, Span<byte> target, long at)
    {
        var (seal, rest) = Parts(record);
        if (seal < EventCodec.HeaderLength || record[seal] != (byte)EventCodec.Tag.Seal)
            throw new InvalidOperationException("A record without a seal cannot be encrypted.");
        Span<byte> nonce = stackalloc byte[JournalCipher.NonceLength];
        Span<byte> bound = stackalloc byte[EventCodec.HeaderLength - 4];
        record[..EventCodec.HeaderLength].CopyTo(target);
        target[9] |= (byte)EventCodec.RecordFlags.Encrypted;
        Prepare(target, at, nonce, bound);
        Reserve(record.Length);
        var length = Join(record, seal, rest, _plain);
        _ciphers[0].Encrypt(nonce, _plain.AsSpan(0, length), _secret.AsSpan(0, length), target.Slice(seal + 3, JournalCipher.TagLength), bound);
        record.Slice(seal, 3).CopyTo(target[seal..]);
        Split(_secret.AsSpan(0, length), target, seal, rest);
    }

    /// <summary>Makes the record plain again, in its place; false when it is not what was written with this key.</summary>
    public bool TryDecrypt(Span<byte> record, long at)
    {
        var (seal, rest) = Parts(record);
        if (seal < EventCodec.HeaderLength)
            return false;
        Span<byte> nonce = stackalloc byte[JournalCipher.NonceLength];
        Span<byte> bound = stackalloc byte[EventCodec.HeaderLength - 4];
        Prepare(record, at, nonce, bound);
        Reserve(record.Length);
        var length = Join(record, seal, rest, _secret);
        if (!TryOpen(_fitting, nonce, length, record.Slice(seal + 3, JournalCipher.TagLength), bound) && !TryOthers(nonce, length, record.Slice(seal + 3, JournalCipher.TagLength), bound))
            return false;
        Split(_plain.AsSpan(0, length), record, seal, rest);
        record.Slice(seal + 3, JournalCipher.TagLength).Clear();
        record[9] &= unchecked((byte)~EventCodec.RecordFlags.Encrypted);
        return true;
    }

    public void Dispose() => Array.ForEach(_ciphers, static cipher => cipher.Dispose());

    private bool TryOpen(AesGcm with, ReadOnlySpan<byte> nonce, int length, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> bound)
    {
        try
        {
            with.Decrypt(nonce, _secret.AsSpan(0, length), tag, _plain.AsSpan(0, length), bound);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    private bool TryOthers(ReadOnlySpan<byte> nonce, int length, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> bound)
    {
        foreach (var each in _ciphers)
        {
            if (each == _fitting || !TryOpen(each, nonce, length, tag, bound))
                continue;
            _fitting = each;
            return true;
        }
        return false;
    }

    private static (int Seal, int Body) Parts(ReadOnlySpan<byte> record)
    {
        var rest = EventCodec.HeaderLength + EventCodec.ReadAttributesLength(record);
        return (rest - EventCodec.SealLength, rest);
    }

    private static void Prepare(ReadOnlySpan<byte> header, long at, Span<byte> nonce, Span<byte> bound)
    {
        nonce.Clear();
        BinaryPrimitives.WriteInt64BigEndian(nonce[4..], at);
        header[..4].CopyTo(bound);
        header[8..EventCodec.HeaderLength].CopyTo(bound[4..]);
    }

    private static int Join(ReadOnlySpan<byte> record, int seal, int rest, Span<byte> target)
    {
        record[EventCodec.HeaderLength..seal].CopyTo(target);
        record[rest..].CopyTo(target[(seal - EventCodec.HeaderLength)..]);
        return record.Length - EventCodec.HeaderLength - EventCodec.SealLength;
    }

    private static void Split(ReadOnlySpan<byte> joined, Span<byte> record, int seal, int rest)
    {
        var attributes = seal - EventCodec.HeaderLength;
        joined[..attributes].CopyTo(record[EventCodec.HeaderLength..]);
        joined[attributes..].CopyTo(record[rest..]);
    }

    private void Reserve(int length)
    {
        if (_plain.Length < length)
            (_plain, _secret) = (new byte[Math.Max(4096, length)], new byte[Math.Max(4096, length)]);
    }
}
