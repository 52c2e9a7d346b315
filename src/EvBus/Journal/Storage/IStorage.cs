namespace EvBus.Journal;

/// <summary>
/// The disk, as the journal sees it: files in one folder, named relative to it. Behind a seam, so that a storage that fails, forgets or
/// lies can drive the very same code. Thread-safe; of a file, writes come from one thread at a time.
/// </summary>
internal interface IStorage
{
    /// <summary>Where it is, for messages.</summary>
    string Path { get; }

    /// <summary>Names of the files in a folder, in no order; empty when there is no such folder.</summary>
    IReadOnlyList<string> List(string folder);

    bool Exists(string name);

    /// <summary>Opens a file, made when it is not there, and reserves <paramref name="preallocate"/> bytes for it on disk (zeros to its reader). Folders are made as needed.</summary>
    /// <exception cref="StorageFullException">The disk has no room for it; the file is then not there.</exception>
    IStorageFile Open(string name, long preallocate = 0);

    /// <summary>Opens a file that is there, for reading only.</summary>
    IStorageFile OpenRead(string name);

    void Delete(string name);

    void Rename(string from, string to);

    /// <summary>Makes the entries of a folder durable: files made, renamed and deleted in it.</summary>
    void SyncFolder(string folder);

    /// <summary>Keeps every other process out of the folder until disposed.</summary>
    /// <exception cref="EvBusException">Another process has it; the message names it.</exception>
    IDisposable Lock(string owner);

    /// <summary>Makes sure that the folder is still the one that was locked.</summary>
    /// <exception cref="StorageLostException">It was removed, renamed or replaced.</exception>
    void EnsureOwned() { }

    /// <summary>What is to be said of the folder once it is locked, one sentence each; empty when all is well.</summary>
    IReadOnlyList<string> Warnings() => [];
}

/// <summary>One open file.</summary>
internal interface IStorageFile : IDisposable
{
    long Length { get; }

    /// <summary>Reads until <paramref name="target"/> is full or the file ends; how many bytes came.</summary>
    int Read(long offset, Span<byte> target);

    /// <summary>Writes all of it; durable only after <see cref="Sync"/>.</summary>
    /// <exception cref="StorageFullException">The disk has no room.</exception>
    void Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>Returns when all that was written is on the disk, under the file's name.</summary>
    /// <exception cref="IOException">It may not be, and a second try that succeeds would prove nothing.</exception>
    void Sync();

    void SetLength(long length);
}

/// <summary>A file cannot be made now, and nothing was written: worth another try.</summary>
internal class StorageUnavailableException(string message, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>
    /// Whether a file could not be opened for a reason that passes: no room, no descriptors (EMFILE, ENFILE), no memory, a folder that may not be
    /// written (EACCES, EROFS). A failed fsync never is: it carries no errno.
    /// </summary>
    public static bool IsForNow(Exception e) => e is StorageUnavailableException or UnauthorizedAccessException
        || (e is IOException and not StorageLostException && e.HResult is 11 or 12 or 23 or 24 or 30);
}

/// <summary>The disk is full: worth another try when there is room again.</summary>
internal sealed class StorageFullException(string message, Exception? inner = null) : StorageUnavailableException(message, inner);

/// <summary>The journal's folder or file is not there any more: whatever is written would be nowhere, or in somebody else's folder.</summary>
internal sealed class StorageLostException(string message) : IOException(message);

/// <summary>A part of the log cannot be read now. It may be readable later, so nothing is passed over.</summary>
internal sealed class LogReadException(string file, long offset, Exception inner)
    : IOException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the journal's file '{file}' cannot be read at byte {offset}: {inner.Message}"), inner);
