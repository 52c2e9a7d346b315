using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
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
    private readonly DirectoryInfo _folder;

    public PrivateFolder()
    {
        if (!OperatingSystem.IsWindows() && Directory.Exists(Memory))
        {
            try
            {
                _folder = Directory.CreateDirectory(Path.Combine(Memory, "acct-" + Path.GetRandomFileName()), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                return;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Then the ordinary place.
            }
        }
        try
        {
            _folder = Directory.CreateTempSubdirectory("acct-");
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
            Wipe();
    }

    private void Wipe()
    {
        _folder.Refresh();
        if (!_folder.Exists)
            return;
        // The editor's own copies too.
        foreach (var file in _folder.EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }))
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
            _folder.Delete(recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Clear text may be left in '{_folder.FullName}', which cannot be removed: {exception.Message.TrimEnd('.')}. Remove it.");
        }
    }
}
