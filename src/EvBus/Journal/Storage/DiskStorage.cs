using System.Globalization;
using System.Runtime.InteropServices;
using EvBus.Files;
using Microsoft.Win32.SafeHandles;

namespace EvBus.Journal;

/// <summary>A folder on a real disk. Files are readable and writable by their owner alone.</summary>
internal sealed class DiskStorage(string path) : IStorage
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const string LockName = "lock";
    private const string OwnerName = "lock.owner";

    public string Path { get; } = System.IO.Path.GetFullPath(path);

    public IReadOnlyList<string> List(string folder)
    {
        var full = Full(folder);
        return Directory.Exists(full) ? [.. Directory.EnumerateFiles(full).Select(file => System.IO.Path.GetFileName(file))] : [];
    }

    public bool Exists(string name) => File.Exists(Full(name));

    public IStorageFile Open(string name, long preallocate = 0)
    {
        var full = Full(name);
        MakeFolder(System.IO.Path.GetDirectoryName(full)!);
        try
        {
            // Preallocation is only for a new file; one that is there keeps what it has.
            var isNew = !File.Exists(full);
            var handle = File.OpenHandle(full, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
            if (isNew && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(handle, OwnerOnly);
            return new DiskFile(handle, full, isNew ? preallocate : 0);
        }
        catch (IOException e) when (IsFull(e))
        {
            File.Delete(full);
            throw new StorageFullException(e.Message, e);
        }
    }

    public IStorageFile OpenRead(string name)
    {
        var full = Full(name);
        return new DiskFile(File.OpenHandle(full, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete), full, 0);
    }

    public void Delete(string name) => File.Delete(Full(name));

    public void Rename(string from, string to) => File.Move(Full(from), Full(to), overwrite: true);

    public void SyncFolder(string folder)
    {
        UnixFile.SyncFolder(Full(folder));
    }

    public IDisposable Lock(string owner)
    {
        MakeFolder(Path);
        var full = Full(LockName);
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(full, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsShared(e))
        {
            throw new EvBusException($"The journal in '{Path}' is in use by {ReadOwner()}. Stop that process first, or choose another directory.", e);
        }
        try
        {
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(handle, OwnerOnly);
            File.WriteAllText(Full(OwnerName), owner);
        }
        catch (IOException e) when (IsFull(e))
        {
            // A courtesy to whoever is refused: a full disk must not keep a journal from delivering what it has.
        }
        catch
        {
            handle.Dispose();
            throw;
        }
        return handle;
    }

    /// <summary>Who holds the lock, as it wrote itself.</summary>
    private string ReadOwner()
    {
        try
        {
            return File.ReadAllText(Full(OwnerName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "another process";
        }
    }

    private static void MakeFolder(string full)
    {
        if (Directory.Exists(full))
            return;
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(full);
        else
            Directory.CreateDirectory(full, OwnerOnly | UnixFileMode.UserExecute);
    }

    // What .NET says of a file that another has locked: the errno of flock, or Windows' sharing violation.
    private static bool IsShared(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020);

    private static bool IsFull(IOException e) => e is not (FileNotFoundException or DirectoryNotFoundException)
        && (e.HResult is unchecked((int)0x80070070) or unchecked((int)0x80070027) || e.HResult == 28 || e.Message.Contains("No space left", StringComparison.Ordinal));

    private string Full(string name) => name.Length == 0 ? Path : System.IO.Path.Combine(Path, name);

    private sealed class DiskFile : IStorageFile
    {
        private readonly SafeFileHandle _handle;
        private readonly string _path;

        public DiskFile(SafeFileHandle handle, string path, long preallocate)
        {
            _handle = handle;
            _path = path;
            if (preallocate == 0)
                return;
            try
            {
                if (OperatingSystem.IsLinux())
                    Native.Allocate(handle, preallocate, path);
                else
                    RandomAccess.SetLength(handle, preallocate);
            }
            catch
            {
                handle.Dispose();
                File.Delete(path);
                throw;
            }
        }

        public long Length => RandomAccess.GetLength(_handle);

        public int Read(long offset, Span<byte> target)
        {
            var total = 0;
            while (total < target.Length)
            {
                var read = RandomAccess.Read(_handle, target[total..], offset + total);
                if (read == 0)
                    break;
                total += read;
            }
            return total;
        }

        public void Write(long offset, ReadOnlySpan<byte> data)
        {
            try
            {
                RandomAccess.Write(_handle, data, offset);
            }
            catch (IOException e) when (IsFull(e))
            {
                throw new StorageFullException(e.Message, e);
            }
        }

        public void Sync() => RandomAccess.FlushToDisk(_handle);

        public void SetLength(long length) => RandomAccess.SetLength(_handle, length);

        public void Dispose() => _handle.Dispose();

        public override string ToString() => _path;
    }
}

/// <summary>What .NET has no call for: reservation of disk space that fails now rather than later.</summary>
internal static class Native
{
    private const int NoSpace = 28, QuotaExceeded = 122, NotSupported = 95, Interrupted = 4;

    public static void Allocate(SafeFileHandle handle, long length, string path)
    {
        int error;
        do
            error = PosixFallocate(handle, 0, length);
        while (error == Interrupted);
        if (error is NoSpace or QuotaExceeded)
            throw new StorageFullException(string.Create(CultureInfo.InvariantCulture, $"There is no room for the {length} bytes of '{path}'."));
        if (error == NotSupported)
            RandomAccess.SetLength(handle, length);
        else if (error != 0)
            throw new IOException($"'{path}' cannot be allocated: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    [DllImport("libc", EntryPoint = "posix_fallocate"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int PosixFallocate(SafeFileHandle handle, long offset, long length);
}
