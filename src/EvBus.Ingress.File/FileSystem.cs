using Microsoft.Win32.SafeHandles;

namespace EvBus.Ingress.File;

/// <summary>The disk, as far as the publisher touches it; a test puts faults in its place.</summary>
internal interface IFileSystem
{
    IOpenFile Open(string path);

    /// <summary>The length of the file at a path; null when there is none.</summary>
    long? LengthOf(string path);

    bool IsDirectory(string path);

    void Move(string from, string to);

    void Delete(string path);

    IReadOnlyList<string> List(string folder, string pattern);
}

/// <summary>An open file; one user at a time.</summary>
internal interface IOpenFile : IDisposable
{
    long Length { get; }

    int Read(Span<byte> target, long offset);

    void Write(ReadOnlySpan<byte> bytes, long offset);

    void Truncate(long length);

    void Flush();
}

internal sealed class FileSystem : IFileSystem
{
    public static FileSystem Real { get; } = new();

    public IOpenFile Open(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        // What was put on the bus may be private.
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new OpenFile(new FileStream(path, options));
    }

    public long? LengthOf(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : null;

    public bool IsDirectory(string path) => Directory.Exists(path);

    public void Move(string from, string to) => System.IO.File.Move(from, to);

    public void Delete(string path) => System.IO.File.Delete(path);

    public IReadOnlyList<string> List(string folder, string pattern) => Directory.GetFiles(folder, pattern);

    private sealed class OpenFile(FileStream stream) : IOpenFile
    {
        private SafeFileHandle Handle => stream.SafeFileHandle;

        public long Length => RandomAccess.GetLength(Handle);

        public int Read(Span<byte> target, long offset) => RandomAccess.Read(Handle, target, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(Handle, bytes, offset);

        public void Truncate(long length) => RandomAccess.SetLength(Handle, length);

        public void Flush() => RandomAccess.FlushToDisk(Handle);

        public void Dispose() => stream.Dispose();
    }
}
