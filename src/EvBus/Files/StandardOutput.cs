using Microsoft.Win32.SafeHandles;

namespace EvBus.Files;

/// <summary>Standard output that says so when nobody reads it any more: the console's own stream hides that, and what is written to it would be lost without a word.</summary>
internal static class StandardOutput
{
    /// <summary>Unbuffered. The same handle each time, which stays open.</summary>
    /// <exception cref="IOException">The process was started without a standard output.</exception>
    public static Stream Open()
    {
        if (!IsInherited(1))
            throw new IOException("it is closed");
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
            return Console.OpenStandardOutput();
        var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        // On a regular file it would write at offsets of its own, over what standard error puts into the same file.
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }

    /// <summary>
    /// Whether a standard stream came from whoever started this process. In a process that was started without it, the runtime has opened something else
    /// under its number since, such as a pipe of its own. The runtime's own are closed on exec; what a program is started with cannot be.
    /// </summary>
    public static bool IsInherited(int number)
    {
        if (!OperatingSystem.IsLinux())
            return true;
        try
        {
            const int closeOnExec = 0x80000;
            return File.ReadLines($"/proc/self/fdinfo/{number}").FirstOrDefault(line => line.StartsWith("flags:", StringComparison.Ordinal)) is not { } line
                || (Convert.ToInt32(line["flags:".Length..].Trim(), 8) & closeOnExec) == 0;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            // No /proc to ask.
            return true;
        }
    }
}
