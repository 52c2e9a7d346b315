using EvBus.Files;

namespace EvBus.Ingress.File;

/// <summary>The disk, as far as the publisher touches it; a test puts faults in its place.</summary>
internal interface IFileSystem
{
    /// <summary>Opens a file to read and write, made if there is none.</summary>
    IOpenFile Open(string path);

    /// <summary>Where a path leads when every link on the way is followed; the file itself need not be there.</summary>
    string Resolve(string path);

    /// <summary>What is at a path, behind links; null when there is nothing.</summary>
    FileState? Find(string path);

    void Move(string from, string to);

    void Delete(string path);

    IReadOnlyList<string> List(string folder, string pattern);

    /// <summary>Puts the names in a folder on the disk.</summary>
    void SyncFolder(string folder);
}

/// <summary>An open file; one user at a time.</summary>
internal interface IOpenFile : IDisposable
{
    FileState State { get; }

    /// <summary>Keeps other processes that ask from writing; false when one of them has the file. May be called again to make sure.</summary>
    bool TryLock();

    int Read(Span<byte> target, long offset);

    void Write(ReadOnlySpan<byte> bytes, long offset);

    void Truncate(long length);

    void Flush();
}
