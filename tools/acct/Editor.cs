using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace EvBus.Tools.Acct;

/// <summary>Runs the editor on this terminal. While it runs, signals end the editor and not us, so that the clear text is always wiped.</summary>
internal static class Editor
{
    public static int Run(string editor, string path)
    {
        // By the shell, because EDITOR may hold arguments ("code --wait").
        var start = OperatingSystem.IsWindows()
            ? new ProcessStartInfo("cmd.exe") { ArgumentList = { "/d", "/c", $"{editor} \"{path}\"" } }
            : new ProcessStartInfo("/bin/sh") { ArgumentList = { "-c", editor + " \"$@\"", "sh", path } };
        start.UseShellExecute = false;
        start.Environment.Remove("ACCT_KEY");
        try
        {
            using var process = Process.Start(start)!;
            // The terminal sends Ctrl-C to the editor as well; the other signals reach only us.
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
            using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, context => context.Cancel = true);
            void End(PosixSignalContext context)
            {
                context.Cancel = true;
                process.Kill(entireProcessTree: true);
            }
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
            using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, End);
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (Win32Exception exception)
        {
            throw new UsageException($"The editor '{editor}' cannot be started: {exception.Message}. Set EDITOR, or name one by --editor.");
        }
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
        _folder = Directory.CreateTempSubdirectory("acct-");
    }

    public string Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(path, options);
        stream.Write(Encoding.UTF8.GetBytes(text));
        return path;
    }

    public void Dispose()
    {
        // The editor's own copies too.
        foreach (var file in _folder.EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }))
        {
            try
            {
                using var stream = file.Open(FileMode.Open, FileAccess.Write);
                var zeros = new byte[4096];
                for (var left = stream.Length; left > 0; left -= zeros.Length)
                    stream.Write(zeros, 0, (int)Math.Min(left, zeros.Length));
                stream.Flush(flushToDisk: true);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It is removed in any case.
            }
        }
        _folder.Delete(recursive: true);
    }
}
