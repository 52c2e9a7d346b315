using System.Globalization;
using System.Runtime.InteropServices;
using EvBus.Files;
using Microsoft.Win32.SafeHandles;

namespace EvBus.Journal;

// One open file.
internal sealed partial class DiskStorage
{
    private sealed class DiskFile(FileStream stream, string path) : IStorageFile
    {
        private SafeFileHandle Handle { get; } = stream.SafeFileHandle;

        public long Length => RandomAccess.GetLength(Handle);

        public int Read(long offset, Span<byte> target)
        {
            var total = 0;
            while (total < target.Length)
            {
                var read = RandomAccess.Read(Handle, target[total..], offset + total);
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
                RandomAccess.Write(Handle, data, offset);
            }
            catch (IOException e) when (IsFull(e))
            {
                throw new StorageFullException(e.Message, e);
            }
        }

        public void Sync()
        {
            UnixFile.Sync(Handle, path);
            // It is on the disk, and goes with its last handle: that is not what durable means.
            if (UnixFile.TryDescribe(Handle, out var state) && state!.Value.Links == 0)
                throw new StorageLostException($"'{path}' was removed while it was being written");
        }

        public void Allocate(long length)
        {
            if (OperatingSystem.IsLinux())
                Native.Allocate(Handle, length, path);
            else
                RandomAccess.SetLength(Handle, length);
        }

        public void SetLength(long length) => RandomAccess.SetLength(Handle, length);

        public void Dispose() => stream.Dispose();

        public override string ToString() => path;
    }
}

/// <summary>What .NET has no call for: reservation of disk space that fails now rather than later.</summary>
internal static class Native
{
    private const int NoSpace = 28, QuotaExceeded = 122, NotSupported = 95, Interrupted = 4, TooLarge = 27;

    public static void Allocate(SafeFileHandle handle, long length, string path)
    {
        int error;
        do
            error = PosixFallocate(handle, 0, length);
        while (error == Interrupted);
        switch (error)
        {
            case 0:
                return;
            case NoSpace or QuotaExceeded:
                throw new StorageFullException(string.Create(CultureInfo.InvariantCulture, $"There is no room for the {length} bytes of '{path}'."));
            case TooLarge:
                throw new StorageFullException(string.Create(CultureInfo.InvariantCulture, $"'{path}' may not have {length} bytes: this process or the file system has a smaller limit for a file (ulimit -f)."));
            case NotSupported:
                RandomAccess.SetLength(handle, length);
                return;
            default:
                throw new IOException($"'{path}' cannot be allocated: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }
    }

    [DllImport("libc", EntryPoint = "posix_fallocate"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int PosixFallocate(SafeFileHandle handle, long offset, long length);
}
