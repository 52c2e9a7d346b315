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

    void Sync();

    void SetLength(long length);
}

/// <summary>The disk is full: worth another try when there is room again.</summary>
internal sealed class StorageFullException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>A part of the log cannot be read now. It may be readable later, so nothing is passed over.</summary>
internal sealed class LogReadException(string file, long offset, Exception inner)
    : IOException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the journal's file '{file}' cannot be read at byte {offset}: {inner.Message}"), inner);
