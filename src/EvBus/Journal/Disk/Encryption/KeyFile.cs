using System.Security.Cryptography;

namespace EvBus.Journal;

/// <summary>
/// The file <c>key</c> of an encrypted journal, by which the right key is recognised at opening: slots (SlotFile) with
/// <c>{ u8 version = 1, 16B random salt, 32B derived from key and salt }</c>. Where it is lost, the log itself is asked.
/// </summary>
internal static class KeyFile
{
    private const int SlotLength = 256;
    private const int SaltLength = 16;
    private const byte Version = 1;

    /// <summary>Whether the journal is encrypted, in part or whole.</summary>
    public static bool IsEncrypted(IStorage storage) => storage.Exists(JournalFormat.KeyName);

    /// <summary>Sees that the key is the journal's; a journal without one takes it from now on.</summary>
    /// <exception cref="EvBusException">It is another's, or there is none and the journal needs one.</exception>
    public static void Check(IStorage storage, JournalCipher? cipher, LogFiles log)
    {
        var content = IsEncrypted(storage) ? SlotFile.Read(storage, JournalFormat.KeyName, SlotLength) : null;
        if (cipher is null)
        {
            if (IsEncrypted(storage) || log.Files.Any(file => file.IsEncrypted))
                throw new EvBusException($"The journal in '{storage.Path}' is encrypted, and no key is given. Set JournalOptions.Key; for 'evbus journal', set {JournalKey.Variable} or --key-file.");
            return;
        }
        if (content is not null)
        {
            if (!Fits(content, cipher))
                throw Wrong(storage);
            return;
        }
        if (log.Files.Select(file => file.OpensWith(cipher)).FirstOrDefault(opens => opens is not null) == false)
            throw Wrong(storage);
        Write(storage, cipher);
    }

    /// <summary>Whether the key is the one that the file knows; true when the file does not know any.</summary>
    /// <exception cref="EvBusException">It is another's.</exception>
    public static void Check(IStorage storage, JournalCipher cipher)
    {
        if (IsEncrypted(storage) && SlotFile.Read(storage, JournalFormat.KeyName, SlotLength) is { } content && !Fits(content, cipher))
            throw Wrong(storage);
    }

    private static bool Fits(byte[] content, JournalCipher cipher)
    {
        if (content[0] != Version)
            throw new EvBusException($"The journal's file 'key' has format {content[0]}; this version of EvBus reads format {Version}. Open it with the version that wrote it, or a newer one.");
        return CryptographicOperations.FixedTimeEquals(cipher.Verifier(content.AsSpan(1, SaltLength)), content.AsSpan(1 + SaltLength));
    }

    private static void Write(IStorage storage, JournalCipher cipher)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        using (var slots = SlotFile.Open(storage, JournalFormat.KeyName, SlotLength, out _))
        {
            // Every slot: two of them may rot.
            for (var slot = 0; slot < 3; slot++)
            {
                slots.Write([Version, .. salt, .. cipher.Verifier(salt)]);
                if (slot != 1)
                    slots.Sync();
            }
        }
        storage.SyncFolder("");
    }

    private static EvBusException Wrong(IStorage storage) =>
        new($"The key given for the journal in '{storage.Path}' is not the one it is encrypted with. Give the key it was made with; nothing was changed.");
}
