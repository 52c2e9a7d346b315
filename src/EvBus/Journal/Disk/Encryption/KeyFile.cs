using System.Buffers.Binary;
using System.Security.Cryptography;

namespace EvBus.Journal;

/// <summary>
/// The file <c>key</c> of an encrypted journal, by which the right keys are recognised at opening: slots (SlotFile). Where it is lost, the log itself is asked.
/// <code>
///   one key       { u8 1, 16B random salt, 32B derived from key and salt }
///   several       { u8 2, u8 how many, each { i64 byte, 16B salt, 32B derived }, bound }    the one that writes first; a former one is needed for what lies before that byte of the log
///   bound         { i64 byte, 32B derived from key, first salt and byte } or nothing: what lies behind that byte of the log may not be plain
/// </code>
/// </summary>
internal static class KeyFile
{
    private const int SlotLength = 256;
    private const int SaltLength = 16;
    private const int VerifierLength = 32;
    private const int EntryLength = 8 + SaltLength + VerifierLength;
    private const byte OneKey = 1;
    private const byte SeveralKeys = 2;
    private const int MaxKeys = 4;

    // The byte, and what proves that whoever wrote it had the key.
    private const int BoundLength = 8 + 32;

    /// <summary>Whether the journal is encrypted, in part or whole.</summary>
    public static bool IsEncrypted(IStorage storage) => storage.Exists(JournalFormat.KeyName);

    /// <summary>Sees that the keys are the journal's; a journal without one, or whose key is a former one now, takes the first from now on.</summary>
    /// <exception cref="EvBusException">It is another's, one is missing that the journal still needs, or there is none at all.</exception>
    /// <returns>Whether the file was made by this: the journal was plain before.</returns>
    public static bool Check(IStorage storage, JournalCipher? cipher, LogFiles log)
    {
        var content = IsEncrypted(storage) ? SlotFile.Read(storage, JournalFormat.KeyName, SlotLength) : null;
        if (cipher is null)
        {
            if (IsEncrypted(storage) || log.Files.Any(file => file.IsEncrypted))
                throw new EvBusException($"The journal in '{storage.Path}' is encrypted, and no key is given. Set JournalOptions.Key; for 'evbus journal', set {JournalKey.Variable} or --key-file.");
            return false;
        }
        if (content is null)
        {
            if (log.Files.Select(file => file.OpensWith(cipher)).FirstOrDefault(opens => opens is not null) == false)
                throw Wrong(storage);
            Write(storage, [New(cipher)], bound: null);
            return true;
        }
        var known = Needed(storage, content, cipher);
        Recognise(storage, known, cipher);
        var kept = known;
        if (cipher.Find(known[0].Salt, known[0].Verifier) > 0)
            kept = [New(cipher), known[0] with { Until = log.Files is [.., var last] ? last.EndByte : 0 }, .. known[1..]];
        if (kept.Count > MaxKeys)
            throw new EvBusException($"The journal in '{storage.Path}' holds what was encrypted with {MaxKeys} keys already. Give the one that it writes with until every lane is through with more of it; nothing was changed.");
        if (kept.Count != Parse(content).Count || kept != known)
            Write(storage, kept, BoundOf(content, cipher) is { } bound ? Bound(kept, cipher, bound) : null);
        return false;
    }

    /// <summary>The byte of the log from which on nothing may be plain; null where the file does not say it, or says it without having had the key.</summary>
    /// <param name="storage">The journal.</param>
    /// <param name="cipher">What proves it; without a key it is taken as it stands.</param>
    public static long? PlainUntil(IStorage storage, JournalCipher? cipher) =>
        IsEncrypted(storage) && SlotFile.Read(storage, JournalFormat.KeyName, SlotLength) is { } content ? BoundOf(content, cipher) : null;

    /// <summary>Keeps up to where the log may be plain: what lay there when the journal became encrypted.</summary>
    public static void SetPlainUntil(IStorage storage, JournalCipher cipher, long bound)
    {
        if (SlotFile.Read(storage, JournalFormat.KeyName, SlotLength) is { } content && Parse(content) is var entries)
            Write(storage, entries, Bound(entries, cipher, bound));
    }

    private static byte[] Bound(List<Entry> entries, JournalCipher cipher, long bound)
    {
        var said = new byte[BoundLength];
        BinaryPrimitives.WriteInt64LittleEndian(said, bound);
        cipher.Bound(entries[0].Salt, bound).CopyTo(said, 8);
        return said;
    }

    private static long? BoundOf(byte[] content, JournalCipher? cipher)
    {
        var at = content[0] == SeveralKeys ? 2 + (Parse(content).Count * EntryLength) : content.Length;
        if (content.Length < at + BoundLength)
            return null;
        var bound = BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(at));
        var salt = content.AsSpan(2 + 8, SaltLength);
        return cipher is null || cipher.Proves(salt, bound, content.AsSpan(at + 8, BoundLength - 8)) ? bound : null;
    }

    /// <summary>Whether the keys are those that the file knows; true when the file does not know any.</summary>
    /// <exception cref="EvBusException">It is another's.</exception>
    public static void Check(IStorage storage, JournalCipher cipher)
    {
        if (IsEncrypted(storage) && SlotFile.Read(storage, JournalFormat.KeyName, SlotLength) is { } content)
            Recognise(storage, Needed(storage, content, cipher), cipher);
    }

    private static void Recognise(IStorage storage, List<Entry> known, JournalCipher cipher)
    {
        if (cipher.Find(known[0].Salt, known[0].Verifier) < 0)
            throw Wrong(storage);
        if (known.Skip(1).Any(entry => cipher.Find(entry.Salt, entry.Verifier) < 0))
            throw new EvBusException($"The journal in '{storage.Path}' still holds what was encrypted with a former key, and that is not given. Give it as well, behind the new one (JournalKey.WithFormer, or both in the key file), until every lane is through with it; nothing was changed.");
    }

    /// <summary>The keys without those that nothing is left of.</summary>
    private static List<Entry> Needed(IStorage storage, byte[] content, JournalCipher cipher)
    {
        var entries = Parse(content);
        if (entries.Count == 1)
            return entries;
        var first = storage.List(JournalFormat.LogFolder).Select(static name => JournalFormat.TryParseName(name, out var at, out _) ? at : long.MaxValue).DefaultIfEmpty(long.MaxValue).Min();
        var current = cipher.Find(entries[0].Salt, entries[0].Verifier) == 0 ? cipher.Current : cipher;
        var areLettersOpen = LaneIds(storage).All(lane => !storage.Exists(DeadLetterFile.NameOf(lane)) || AreOpen(storage, lane, current));
        return [entries[0], .. entries.Skip(1).Where(entry => entry.Until > first || !areLettersOpen)];
    }

    private static bool AreOpen(IStorage storage, string lane, JournalCipher current)
    {
        using var letters = DeadLetterFile.OpenRead(storage, lane, current);
        return letters.Damaged == 0;
    }

    private static IEnumerable<string> LaneIds(IStorage storage)
    {
        foreach (var file in storage.List(JournalFormat.LaneFolder).Where(static file => file.EndsWith(".cursor", StringComparison.Ordinal)))
        {
            var name = $"{JournalFormat.LaneFolder}/{file}";
            if (SlotFile.Read(storage, name, LaneCursor.SlotLength) is { } content)
                yield return LaneCursor.Decode(content, name).LaneId;
        }
    }

    private static List<Entry> Parse(byte[] content)
    {
        if (content.Length > 0 && content[0] > SeveralKeys)
            throw new EvBusException($"The journal's file 'key' has format {content[0]}; this version of EvBus reads formats up to {SeveralKeys}. Open it with the version that wrote it, or a newer one.");
        return StateContent.Decode(content, JournalFormat.KeyName, static (content, _) => Read(content));
    }

    private static List<Entry> Read(byte[] content)
    {
        if (content[0] == OneKey)
        {
            StateContent.Require(content.Length == 1 + SaltLength + VerifierLength);
            return [new Entry(0, content[1..(1 + SaltLength)], content[(1 + SaltLength)..])];
        }
        StateContent.Require(content is [SeveralKeys, > 0 and <= MaxKeys, ..] && content.Length >= 2 + (content[1] * EntryLength));
        var entries = new List<Entry>();
        for (var at = 2; entries.Count < content[1]; at += EntryLength)
            entries.Add(new Entry(BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(at)), content[(at + 8)..(at + 8 + SaltLength)], content[(at + 8 + SaltLength)..(at + EntryLength)]));
        return entries;
    }

    private static Entry New(JournalCipher cipher)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        return new Entry(0, salt, cipher.Verifier(salt));
    }

    private static void Write(IStorage storage, List<Entry> entries, byte[]? bound)
    {
        byte[] content = entries is [var only] && bound is null ? [OneKey, .. only.Salt, .. only.Verifier] : [SeveralKeys, (byte)entries.Count, .. entries.SelectMany(static entry => entry.Encode())];
        // Beside the most keys there is no room for it: it is made again when fewer are needed.
        if (bound is not null && entries.Count < MaxKeys)
            content = [.. content, .. bound];
        using (var slots = SlotFile.Open(storage, JournalFormat.KeyName, SlotLength, out _))
        {
            // Every slot: two of them may rot.
            for (var slot = 0; slot < 3; slot++)
            {
                slots.Write(content);
                if (slot != 1)
                    slots.Sync();
            }
        }
        storage.SyncFolder("");
    }

    private static EvBusException Wrong(IStorage storage) =>
        new($"The key given for the journal in '{storage.Path}' is not the one it is encrypted with. Give the key it was made with (to change it: the new one with that one behind it); nothing was changed.");

    private sealed record Entry(long Until, byte[] Salt, byte[] Verifier)
    {
        public byte[] Encode()
        {
            var entry = new byte[EntryLength];
            BinaryPrimitives.WriteInt64LittleEndian(entry, Until);
            Salt.CopyTo(entry, 8);
            Verifier.CopyTo(entry, 8 + SaltLength);
            return entry;
        }
    }
}
