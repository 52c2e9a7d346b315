using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using EvBus.Files;
using EvBus.Processes;

namespace EvBus.Tools.Acct;

/// <summary>Runs the editor on this terminal.</summary>
internal static class Editor
{
    /// <param name="editor">The command.</param>
    /// <param name="path">The file.</param>
    /// <param name="signals">Who ends it.</param>
    public static int Run(string editor, string path, EditorSignals signals)
    {
        // By the shell, because EDITOR may hold arguments ("code --wait").
        var start = OperatingSystem.IsWindows() ? ChildProgram.PrepareShell($"{editor} \"{path}\"") : ChildProgram.PrepareShell(editor + " \"$@\"", "sh", path);
        try
        {
            using var process = Process.Start(start)!;
            signals.Running = process;
            try
            {
                process.WaitForExit();
            }
            finally
            {
                signals.Running = null;
            }
            return process.ExitCode;
        }
        catch (Win32Exception exception)
        {
            throw new UsageException($"The editor '{editor}' cannot be started: {exception.Message}. Set EDITOR, or name one by --editor.");
        }
    }
}

/// <summary>
/// What signals do while clear text lies on disk. With an editor running they end the editor and not us; otherwise they end us, but not
/// before the clear text is wiped.
/// </summary>
internal sealed class EditorSignals : IDisposable
{
    private readonly PrivateFolder _folder;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private volatile Process? _running;

    public EditorSignals(PrivateFolder folder)
    {
        _folder = folder;
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
            _registrations.Add(PosixSignalRegistration.Create(signal, Handle));
    }

    public Process? Running
    {
        get => _running;
        set => _running = value;
    }

    internal void Handle(PosixSignalContext context)
    {
        if (_running is not { } editor)
        {
            // Not cancelled: the runtime ends the process as the signal asks.
            _folder.Dispose();
            return;
        }
        context.Cancel = true;
        // The terminal sends Ctrl-C to the editor as well, which may want it; the other signals reach only us.
        if (context.Signal is not (PosixSignal.SIGINT or PosixSignal.SIGQUIT))
        {
            try
            {
                editor.Kill(entireProcessTree: true);
            }
            catch (InvalidOperationException)
            {
                // It has just ended by itself.
            }
        }
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
    }
}

/// <summary>A folder that only its owner can enter, in memory where the system has such a place. Its files are overwritten before they are removed.</summary>
internal sealed class PrivateFolder : IDisposable
{
    private const string Memory = "/dev/shm";
    private const string Prefix = "acct-";
    private const string LockName = ".acct-in-use";
    private readonly DirectoryInfo _folder;
    private readonly FileStream? _inUse;

    public PrivateFolder()
    {
        _folder = Make();
        try
        {
            _inUse = Lock(_folder.FullName, FileMode.CreateNew);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A file system without locks: nobody may take the folder for one that was left.
        }
    }

    /// <summary>
    /// Overwrites and removes the folders of edits that were killed. One that is in use is locked, and a lock ends with its process. Folders of others, and links, are
    /// left alone.
    /// </summary>
    /// <param name="left">Is told each of them.</param>
    public static void RemoveLeft(Action<string> left)
    {
        // Whoever could enter such a folder could lead the overwriting to another file by a link: its owner alone can, and that must be this user, root too.
        foreach (var place in new[] { Memory, Path.GetTempPath() }.Where(Directory.Exists))
        {
            foreach (var folder in Directory.EnumerateDirectories(place, Prefix + "*"))
            {
                try
                {
                    if (!File.Exists(Path.Combine(folder, LockName)) || !IsOurs(folder))
                        continue;
                    // Fails where somebody uses it.
                    using (Lock(folder, FileMode.Open))
                    {
                        left(folder);
                        Wipe(new DirectoryInfo(folder));
                    }
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or OutputException)
                {
                    // In use, or not ours.
                }
            }
        }
    }

    private static bool IsOurs(string folder) => OperatingSystem.IsWindows()
        || (new DirectoryInfo(folder).LinkTarget is null && UnixOwner.IsOurs(folder) && File.GetUnixFileMode(folder) == (UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));

    private static FileStream Lock(string folder, FileMode mode) => new(Path.Combine(folder, LockName), mode, FileAccess.Write, FileShare.None);

    private static DirectoryInfo Make()
    {
        if (!OperatingSystem.IsWindows() && Directory.Exists(Memory))
        {
            try
            {
                return Directory.CreateDirectory(Path.Combine(Memory, Prefix + Path.GetRandomFileName()), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Then the ordinary place.
            }
        }
        try
        {
            return Directory.CreateTempSubdirectory(Prefix);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(exception);
        }
    }

    public string Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using var stream = new FileStream(path, options);
            stream.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(exception);
        }
        return path;
    }

    private static OutputException NotWritten(Exception exception) =>
        new($"The private copy for the editor cannot be written: {exception.Message.TrimEnd('.')}. Nothing was changed. Set TMPDIR to a folder with room.");

    public void Dispose()
    {
        lock (_folder)
        {
            Wipe(_folder);
            _inUse?.Dispose();
        }
    }

    private static void Wipe(DirectoryInfo folder)
    {
        folder.Refresh();
        if (!folder.Exists)
            return;
        // The editor's own copies too.
        foreach (var file in folder.EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }))
        {
            try
            {
                using var stream = file.Open(FileMode.Open, FileAccess.Write);
                var zeros = new byte[4096];
                for (var left = stream.Length; left > 0; left -= zeros.Length)
                    stream.Write(zeros, 0, (int)Math.Min(left, zeros.Length));
                EvBus.Acct.SafeFile.Sync(stream);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It is removed in any case.
            }
        }
        try
        {
            folder.Delete(recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Clear text may be left in '{folder.FullName}', which cannot be removed: {exception.Message.TrimEnd('.')}. Remove it.");
        }
    }
}
