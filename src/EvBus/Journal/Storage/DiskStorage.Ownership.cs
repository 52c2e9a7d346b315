using EvBus.Files;
using Microsoft.Win32.SafeHandles;

namespace EvBus.Journal;

// Whose the folder is. The lock is on the folder itself, which nobody removes by mistake while tidying up, and on the file `lock`, for versions
// that know only that. Both are taken by system calls of our own: .NET's lock can be switched off by an environment variable.
internal sealed partial class DiskStorage
{
    private const string LockName = "lock";
    private const string OwnerName = "lock.owner";
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private SafeFileHandle? _folder;
    private bool _isLockless;

    public IDisposable Lock(string owner)
    {
        UnixFile.SurviveFileSizeLimit();
        MakeFolder(Path);
        FileStream? file = null;
        SafeFileHandle? folder = null;
        try
        {
            var onFolder = (bool?)null;
            if (!OperatingSystem.IsWindows())
            {
                folder = UnixFile.OpenFolder(Path);
                onFolder = UnixFile.TryLock(folder);
            }
            file = OpenLock();
            var onFile = OperatingSystem.IsWindows() ? true : UnixFile.TryLock(file.SafeFileHandle);
            if (onFolder == false || onFile == false)
                throw InUse(null);
            _isLockless = onFolder is null && onFile is null;
            KeepUsable(file);
            WriteOwner(owner);
        }
        catch (Exception e)
        {
            folder?.Dispose();
            file?.Dispose();
            if (e is IOException && IsShared(e))
                throw InUse(e);
            throw;
        }
        _folder = folder;
        return new Ownership(this, folder, file);
    }

    /// <summary>Fails when the name leads to another folder than the one that was locked: then its files are somebody else's, and not to be deleted.</summary>
    public void EnsureOwned()
    {
        if (_folder is not { IsClosed: false } folder || !UnixFile.TryDescribe(folder, out var ours) || !UnixFile.TryFind(Path, out var there) || there?.Id == ours!.Value.Id)
            return;
        throw new StorageLostException($"the folder '{Path}' was {(there is null ? "removed or renamed" : "replaced by another")} while the journal was open in it");
    }

    public IReadOnlyList<string> Warnings()
    {
        var said = new List<string>();
        if (UnixFile.NetworkFileSystem(Path) is { } kind)
            said.Add($"'{Path}' is on a network file system ({kind}): what its fsync and its locks promise is for its server to keep, and a lock may not keep out a process of another machine. Use a local disk");
        if (_isLockless)
            said.Add($"the file system of '{Path}' has no locks, so nothing keeps a second process out. Make sure that there is none, or use a local disk");
        string[] folders = ["", JournalFormat.LogFolder, JournalFormat.LaneFolder, JournalFormat.DeadFolder, JournalFormat.AsideFolder];
        var wide = folders.Select(Full).Where(static each => Directory.Exists(each) && !OperatingSystem.IsWindows() && (File.GetUnixFileMode(each) & Others) != 0).ToList();
        // Behind a folder that is closed to others the rest is as well.
        if (wide.Count > 0 && wide[0] == Path)
            said.Add($"others than its owner may look into {string.Join(", ", wide.Select(static each => $"'{each}'"))}. The journal makes its own files for its owner alone, but what was put there otherwise may be read. Run: chmod -R go= '{Path}'");
        return said;
    }

    private FileStream OpenLock()
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        return new FileStream(Full(LockName), options);
    }

    // A courtesy to whoever is refused: neither a full disk nor a file that is somebody else's must keep a journal from delivering what it has.
    private void WriteOwner(string owner)
    {
        try
        {
            var isNew = !File.Exists(Full(OwnerName));
            using var stream = Make(Full(OwnerName), isNew);
            stream.SetLength(0);
            stream.Write(System.Text.Encoding.UTF8.GetBytes(owner));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then the one who is refused is told "another process".
        }
    }

    private EvBusException InUse(Exception? inner) =>
        new($"The journal in '{Path}' is in use by {ReadOwner()}. Stop that process first, or choose another directory.", inner);

    /// <summary>Who holds the lock, as it wrote itself, in one line.</summary>
    private string ReadOwner()
    {
        try
        {
            var text = File.ReadAllText(Full(OwnerName));
            return text.Length is 0 or > 500 || text.Any(char.IsControl) ? "another process" : text;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "another process";
        }
    }

    // What .NET says of a file that another has locked: the errno of flock, or Windows' sharing violation.
    private static bool IsShared(Exception e) => e.HResult is 11 or 35 or unchecked((int)0x80070020);

    private sealed class Ownership(DiskStorage storage, SafeFileHandle? folder, FileStream file) : IDisposable
    {
        public void Dispose()
        {
            storage._folder = null;
            file.Dispose();
            folder?.Dispose();
        }
    }
}
