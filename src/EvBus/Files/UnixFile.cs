using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EvBus.Files;

/// <summary>
/// What Linux knows of a file and .NET does not say: which one it is, whatever it is called, whether it is a plain one at all,
/// and that its name is on the disk. The layout of <c>statx</c> is the same on every processor.
/// </summary>
internal static class UnixFile
{
    internal const int CurrentFolder = -100;
    private const int EmptyPath = 0x1000;
    private const uint TypeAndModeAndLinksAndTimeAndInodeAndSize = 0x1 | 0x2 | 0x4 | 0x40 | 0x100 | 0x200;
    private const int NoSuchFile = 2;
    private const int NotADirectory = 20;
    private const int Invalid = 22;
    private const int NotPermitted = 1;
    private const int NoSuchCall = 38;
    private const int CloseOnExec = 0x80000;
    private const int Interrupted = 4;
    private const int LockAlone = 2;
    private const int LockAtOnce = 4;
    private const PosixSignal FileSizeSignal = (PosixSignal)25;

    // The lambda is for a process that has a limit at all; without one it is never called.
    private static readonly Lazy<PosixSignalRegistration?> s_fileSizeSignal = new(static () =>
    {
        try
        {
            return PosixSignalRegistration.Create(FileSizeSignal, static context => context.Cancel = true);
        }
        catch (Exception e) when (e is IOException or PlatformNotSupportedException or ArgumentOutOfRangeException)
        {
            // The system does not know it: then it does not send it.
            return null;
        }
    });

    [ThreadStatic]
    private static byte[]? s_answer;

    // Older systems lack the call; then names and lengths have to do.
    private static volatile bool s_isMissing = !OperatingSystem.IsLinux();

    /// <summary>False when the system cannot tell; <paramref name="state"/> is null when there is no such file.</summary>
    public static bool TryFind(string path, out FileState? state) => TryAsk(CurrentFolder, path, 0, out state);

    public static bool TryDescribe(SafeFileHandle file, out FileState? state) => TryAsk((int)file.DangerousGetHandle(), "", EmptyPath, out state);

    /// <summary>
    /// Returns when what was written to the file is on the disk. .NET's own calls (<c>RandomAccess.FlushToDisk</c>, <c>FileStream.Flush(true)</c>) never
    /// fail on Linux, whatever the disk answers, so nothing that is said to be durable may depend on them.
    /// </summary>
    /// <param name="file">The file, open for writing.</param>
    /// <param name="path">Its name, for the message.</param>
    /// <exception cref="IOException">The disk refused it. What was written may be lost, and a second try that succeeds would prove nothing.</exception>
    public static void Sync(SafeFileHandle file, string path)
    {
#pragma warning disable RS0030 // Windows' call fails as it should; macOS needs it to empty the disk's own cache as well.
        if (OperatingSystem.IsWindows())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }
        if (TrySync(file) is not 0 and var error)
            throw new IOException($"fsync of '{path}': {Marshal.GetPInvokeErrorMessage(error)}");
        if (OperatingSystem.IsMacOS())
            RandomAccess.FlushToDisk(file);
#pragma warning restore RS0030
    }

    /// <summary>Puts a folder's names on the disk, where the system needs to be asked for that.</summary>
    /// <exception cref="IOException">The disk refused it.</exception>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        using var handle = OpenFolder(folder);
        // Some network file systems cannot be asked.
        if (TrySync(handle) is not (0 or Invalid) and var error)
            throw new IOException($"fsync of the folder '{folder}': {Marshal.GetPInvokeErrorMessage(error)}");
    }

    /// <summary>A folder, open: it stays the same one whatever becomes of its name.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static SafeFileHandle OpenFolder(string folder)
    {
        var handle = Open(folder, OperatingSystem.IsLinux() ? CloseOnExec : 0);
        return handle < 0 ? throw Failure(folder) : new SafeFileHandle(handle, ownsHandle: true);
    }

    /// <summary>
    /// Takes the lock of a file or folder for this process until the handle is closed: true when it has it, false when somebody else has, null where the
    /// file system has no such locks. Not to be switched off by DOTNET_SYSTEM_IO_DISABLEFILELOCKING, unlike .NET's own.
    /// </summary>
    public static bool? TryLock(SafeFileHandle file)
    {
        while (AskLock(file, LockAlone | LockAtOnce) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error != Interrupted)
                return error == (OperatingSystem.IsLinux() ? 11 : 35) ? false : null;
        }
        return true;
    }

    /// <summary>What kind of network file system a path is on, by name; null when it is on a local one, or cannot be known.</summary>
    public static string? NetworkFileSystem(string path)
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
            return null;
        var answer = new byte[512];
        return AskFileSystem(path, answer) != 0 ? null : (uint)BinaryPrimitives.ReadUInt64LittleEndian(answer) switch
        {
            0x6969 => "NFS",
            0xFF534D42 or 0xFE534D42 or 0x517B => "SMB",
            0x5346414F or 0x6B414653 => "AFS",
            0x00C36400 => "Ceph",
            0x01021997 => "9p",
            0x0BD00BD0 => "Lustre",
            0x47504653 => "GPFS",
            _ => null,
        };
    }

    /// <summary>
    /// From now on a write beyond <c>ulimit -f</c> fails with "File too large" instead of ending the process without a word (SIGXFSZ). Any number of times.
    /// </summary>
    public static void SurviveFileSizeLimit()
    {
        if (!OperatingSystem.IsWindows())
            _ = s_fileSizeSignal.Value;
    }

    // 0, or the errno. A signal that came in between is no failure.
    private static int TrySync(SafeFileHandle file)
    {
        while (AskSync(file) != 0)
        {
            if (Marshal.GetLastPInvokeError() is not Interrupted and var error)
                return error;
        }
        return 0;
    }

    private static bool TryAsk(int folder, string path, int flags, out FileState? state)
    {
        state = null;
        if (s_isMissing)
            return false;
        var answer = s_answer ??= new byte[256];
        try
        {
            if (Ask(folder, path, flags, TypeAndModeAndLinksAndTimeAndInodeAndSize, answer) != 0)
            {
                switch (Marshal.GetLastPInvokeError())
                {
                    case NoSuchFile or NotADirectory:
                        return true;
                    // An old kernel, or an old sandbox around a new one.
                    case NoSuchCall or NotPermitted:
                        s_isMissing = true;
                        return false;
                    default:
                        throw Failure(path);
                }
            }
        }
        catch (EntryPointNotFoundException)
        {
            s_isMissing = true;
            return false;
        }
        var type = BinaryPrimitives.ReadUInt16LittleEndian(answer.AsSpan(28)) & 0xF000;
        state = new FileState(
            (long)Read64(40),
            type switch { 0x8000 => FileKind.Plain, 0x4000 => FileKind.Directory, _ => FileKind.Device },
            DateTimeOffset.FromUnixTimeSeconds((long)Read64(112)),
            new FileId(Read64(136), Read64(32)))
        {
            Links = BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(16)),
        };
        return true;

        ulong Read64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(answer.AsSpan(at));
    }

    private static IOException Failure(string path) => new($"{path}: {Marshal.GetLastPInvokeErrorMessage()}", Marshal.GetLastPInvokeError());

    [DllImport("libc", EntryPoint = "statx", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    internal static extern int Ask(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] answer);

    [DllImport("libc", EntryPoint = "open", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int AskSync(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "flock", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int AskLock(SafeFileHandle file, int operation);

    [DllImport("libc", EntryPoint = "statfs", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int AskFileSystem([MarshalAs(UnmanagedType.LPUTF8Str)] string path, byte[] answer);
}
