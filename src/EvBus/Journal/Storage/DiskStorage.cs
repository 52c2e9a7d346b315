using EvBus.Files;

namespace EvBus.Journal;

/// <summary>A folder on a real disk. Files are readable and writable by their owner alone, from the moment they are made.</summary>
internal sealed partial class DiskStorage(string path) : IStorage
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public string Path { get; } = System.IO.Path.GetFullPath(path);

    public IReadOnlyList<string> List(string folder)
    {
        var full = Full(folder);
        return Directory.Exists(full) ? [.. Directory.EnumerateFiles(full).Select(file => System.IO.Path.GetFileName(file))] : [];
    }

    public bool Exists(string name) => File.Exists(Full(name));

    public IStorageFile Open(string name, long preallocate = 0)
    {
        EnsureOwned();
        var full = Full(name);
        MakeFolder(System.IO.Path.GetDirectoryName(full)!);
        // Preallocation is only for a new file; one that is there keeps what it has, and no error deletes it.
        var isNew = !File.Exists(full);
        DiskFile? made = null;
        try
        {
            made = new DiskFile(Make(full, isNew), full);
            if (isNew && preallocate > 0)
                made.Allocate(preallocate);
            return made;
        }
        catch (Exception e)
        {
            made?.Dispose();
            if (isNew && made is not null)
                File.Delete(full);
            if (e is IOException and not StorageFullException && IsFull(e))
                throw new StorageFullException(e.Message, e);
            throw;
        }
    }

    public IStorageFile OpenRead(string name)
    {
        var full = Full(name);
        return new DiskFile(new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0), full);
    }

    public void Delete(string name)
    {
        EnsureOwned();
        try
        {
            File.Delete(Full(name));
        }
        catch (DirectoryNotFoundException)
        {
            // Gone with its folder.
        }
    }

    public void Rename(string from, string to)
    {
        EnsureOwned();
        File.Move(Full(from), Full(to), overwrite: true);
    }

    public void SyncFolder(string folder) => UnixFile.SyncFolder(Full(folder));

    /// <summary>Open for reading and writing; made readable by its owner alone where it is not there.</summary>
    private static FileStream Make(string full, bool isNew)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        var stream = new FileStream(full, options);
        if (isNew)
            KeepUsable(stream);
        return stream;
    }

    // A umask can take more than the others' rights. Where there are no modes (vfat, SMB) they cannot be set, and the file is usable as it is.
    private static void KeepUsable(FileStream stream)
    {
        if (OperatingSystem.IsWindows() || File.GetUnixFileMode(stream.SafeFileHandle) == OwnerOnly)
            return;
        try
        {
            File.SetUnixFileMode(stream.SafeFileHandle, OwnerOnly);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Whoever else may read it is said when the journal opens.
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

    // errno 28 is ENOSPC; a quota that is used up (EDQUOT) is 122 on Linux and 69 elsewhere.
    private static bool IsFull(Exception e) => e is not (FileNotFoundException or DirectoryNotFoundException)
        && (e.HResult is unchecked((int)0x80070070) or unchecked((int)0x80070027) or 28 || e.HResult == (OperatingSystem.IsLinux() ? 122 : 69)
            || e.Message.Contains("No space left", StringComparison.Ordinal));

    private string Full(string name) => name.Length == 0 ? Path : System.IO.Path.Combine(Path, name);
}
