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
    private const int CurrentFolder = -100;
    private const int EmptyPath = 0x1000;
    private const uint TypeAndModeAndTimeAndInodeAndSize = 0x1 | 0x2 | 0x40 | 0x100 | 0x200;
    private const int NoSuchFile = 2;
    private const int NotADirectory = 20;
    private const int Invalid = 22;
    private const int NotPermitted = 1;
    private const int NoSuchCall = 38;
    private const int CloseOnExec = 0x80000;

    [ThreadStatic]
    private static byte[]? s_answer;

    // Older systems lack the call; then names and lengths have to do.
    private static volatile bool s_isMissing = !OperatingSystem.IsLinux();

    /// <summary>False when the system cannot tell; <paramref name="state"/> is null when there is no such file.</summary>
    public static bool TryFind(string path, out FileState? state) => TryAsk(CurrentFolder, path, 0, out state);

    public static bool TryDescribe(SafeFileHandle file, out FileState? state) => TryAsk((int)file.DangerousGetHandle(), "", EmptyPath, out state);

    /// <summary>Puts a folder's names on the disk, where the system needs to be asked for that.</summary>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        var handle = Open(folder, OperatingSystem.IsLinux() ? CloseOnExec : 0);
        if (handle < 0)
            throw Failure(folder);
        try
        {
            // Some network file systems cannot be asked.
            if (Sync(handle) != 0 && Marshal.GetLastPInvokeError() != Invalid)
                throw Failure(folder);
        }
        finally
        {
            _ = Close(handle);
        }
    }

    private static bool TryAsk(int folder, string path, int flags, out FileState? state)
    {
        state = null;
        if (s_isMissing)
            return false;
        var answer = s_answer ??= new byte[256];
        try
        {
            if (Ask(folder, path, flags, TypeAndModeAndTimeAndInodeAndSize, answer) != 0)
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
            new FileId(Read64(136), Read64(32)));
        return true;

        ulong Read64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(answer.AsSpan(at));
    }

    private static IOException Failure(string path) => new($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");

    [DllImport("libc", EntryPoint = "statx", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Ask(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] answer);

    [DllImport("libc", EntryPoint = "open", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Sync(int handle);

    [DllImport("libc", EntryPoint = "close"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int handle);
}
