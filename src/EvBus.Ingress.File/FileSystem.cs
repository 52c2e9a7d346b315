using EvBus.Files;
using Microsoft.Win32.SafeHandles;

namespace EvBus.Ingress.File;

internal sealed class FileSystem : IFileSystem
{
    private const int MaxLinks = 40;

    public static FileSystem Real { get; } = new();

    public IOpenFile Open(string path)
    {
        UnixFile.SurviveFileSizeLimit();
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        // What was put on the bus may be private.
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new OpenFile(new FileStream(path, options));
    }

    public string Resolve(string path)
    {
        var current = Path.GetPathRoot(path)!;
        var left = new Stack<string>();
        Push(path[current.Length..]);
        var links = 0;
        while (left.TryPop(out var part))
        {
            if (part == ".")
                continue;
            var next = part == ".." ? Path.GetDirectoryName(current) ?? current : Path.Combine(current, part);
            if (part == ".." || new FileInfo(next).LinkTarget is not { } target)
            {
                current = next;
                continue;
            }
            if (UnixOwner.StrangerOf(next) is { } stranger)
                throw new IOException($"{next} is a link that another user (uid {stranger}) put there, and is not followed. Name the file itself, or remove the link.");
            if (++links > MaxLinks)
                throw new IOException("Its links lead round in a circle.");
            if (Path.IsPathRooted(target))
                current = Path.GetPathRoot(Path.GetFullPath(target))!;
            Push(Path.IsPathRooted(target) ? Path.GetFullPath(target)[current.Length..] : target);
        }
        return current;

        void Push(string parts)
        {
            foreach (var each in parts.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries).Reverse())
                left.Push(each);
        }
    }

    public FileState? Find(string path)
    {
        if (UnixFile.TryFind(path, out var state))
            return state;
        if (Directory.Exists(path))
            return new FileState(0, FileKind.Directory, default, null);
        var file = new FileInfo(Resolve(path));
        return file.Exists ? new FileState(file.Length, KindOf(file), file.LastWriteTimeUtc, null) : null;
    }

    // A rename, which is there or not; without leave to overwrite it would be a link and an unlink with a moment between them.
    public void Move(string from, string to) => System.IO.File.Move(from, to, overwrite: true);

    public void Delete(string path) => System.IO.File.Delete(path);

    public IReadOnlyList<string> List(string folder, string pattern) => Directory.GetFiles(folder, pattern);

    public void SyncFolder(string folder) => UnixFile.SyncFolder(folder);

    private static FileKind KindOf(FileInfo file) => file.Attributes.HasFlag(FileAttributes.Device) ? FileKind.Device : FileKind.Plain;

    private sealed class OpenFile(FileStream stream) : IOpenFile
    {
        // Beyond any line: where locks are mandatory, readers must not run into it.
        private const long LockAt = long.MaxValue - 1;
        private const int TryAgain = 11;
        private const int AccessDenied = 13;
        private const int LockViolation = unchecked((int)0x80070021);
        private bool _isLocked;

        private SafeFileHandle Handle => stream.SafeFileHandle;

        public FileState State => UnixFile.TryDescribe(Handle, out var state)
            ? state!.Value
            : new FileState(RandomAccess.GetLength(Handle), FileKind.Plain, System.IO.File.GetLastWriteTimeUtc(Handle), null);

        public bool TryLock()
        {
            // On Linux the system takes the lock away when this process closes the same file somewhere else, so that asking again is worth it.
            if (!(OperatingSystem.IsLinux() || (OperatingSystem.IsWindows() && !_isLocked)))
                return true;
            try
            {
                stream.Lock(LockAt, 1);
                _isLocked = true;
                return true;
            }
            catch (IOException e) when (e.HResult is TryAgain or AccessDenied or LockViolation)
            {
                return false;
            }
        }

        public int Read(Span<byte> target, long offset) => RandomAccess.Read(Handle, target, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(Handle, bytes, offset);

        public void Truncate(long length) => RandomAccess.SetLength(Handle, length);

        // A pipe or a device keeps nothing, so there is nothing to wait for.
        public void Flush()
        {
            if (State.Kind == FileKind.Plain)
                UnixFile.Sync(Handle, stream.Name);
        }

        public void Dispose() => stream.Dispose();
    }
}
