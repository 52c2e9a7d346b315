using System.Diagnostics;

namespace EvBus.Tests.Journal.Faults;

/// <summary>
/// A real file system of 8 MB (tmpfs), for one test: mounted here where this process may, else in a name space of its own, which is seen
/// through /proc. With CI=true there must be a way.
/// </summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _folder;
    private readonly Process? _holder;

    private SmallDisk(string folder, Process? holder)
    {
        _folder = folder;
        _holder = holder;
        Path = holder is null ? folder : $"/proc/{holder.Id}/root{folder}";
    }

    public string Path { get; }

    public string Journal => System.IO.Path.Combine(Path, "j");

    public static SmallDisk Mount()
    {
        var folder = Directory.CreateTempSubdirectory("evbus-small-").FullName;
        if (OperatingSystem.IsLinux())
        {
            if (Run("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "evbus-test", folder))
                return new SmallDisk(folder, null);
            if (Hold(folder) is { } holder)
                return new SmallDisk(folder, holder);
        }
        Directory.Delete(folder);
        const string None = "No file system of 8 MB can be mounted here: it needs Linux and root, or unprivileged user name spaces.";
        Assert.SkipUnless(Environment.GetEnvironmentVariable("CI") == "true", None);
        throw new InvalidOperationException(None);
    }

    /// <summary>Fills what room is left.</summary>
    public void Fill()
    {
        using var file = new FileStream(System.IO.Path.Combine(Path, "filler"), FileMode.Append, FileAccess.Write, FileShare.Read, 1);
        foreach (var piece in new[] { 1 << 20, 4096, 1 })
        {
            try
            {
                for (var left = 16 << 20; left > 0; left -= piece)
                    file.Write(new byte[piece]);
            }
            catch (IOException)
            {
                // Full, but for less than that.
            }
        }
    }

    public void MakeRoom() => File.Delete(System.IO.Path.Combine(Path, "filler"));

    public void MakeReadOnly() => Remount("ro");

    public void MakeWritable() => Remount("rw");

    public void Dispose()
    {
        if (_holder is { } holder)
        {
            holder.Kill(entireProcessTree: true);
            holder.WaitForExit();
            holder.Dispose();
        }
        else
        {
            Run("umount", "-l", _folder);
        }
        Directory.Delete(_folder, recursive: true);
    }

    private void Remount(string how)
    {
        var done = _holder is null
            ? Run("mount", "-o", $"remount,{how}", _folder)
            : Run("nsenter", "-t", $"{_holder.Id}", "-U", "-m", "--preserve-credentials", "mount", "-o", $"remount,{how}", _folder);
        Assert.SkipUnless(done || Environment.GetEnvironmentVariable("CI") == "true", "The small file system cannot be mounted read-only here.");
        Assert.True(done, "The small file system cannot be mounted read-only here.");
    }

    private static Process? Hold(string folder)
    {
        var start = new ProcessStartInfo("unshare") { RedirectStandardOutput = true, RedirectStandardInput = true, RedirectStandardError = true };
        foreach (var argument in new[] { "-Ur", "-m", "sh", "-c", "mount -t tmpfs -o size=8m,mode=700 evbus-test \"$0\" && echo mounted && read end", folder })
            start.ArgumentList.Add(argument);
        try
        {
            var process = Process.Start(start)!;
            if (process.StandardOutput.ReadLine() == "mounted")
                return process;
            process.Dispose();
            return null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
