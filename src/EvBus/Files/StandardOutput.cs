using Microsoft.Win32.SafeHandles;

namespace EvBus.Files;

/// <summary>Standard output that says so when nobody reads it any more: the console's own stream hides that, and what is written to it would be lost without a word.</summary>
internal static class StandardOutput
{
    /// <summary>Unbuffered. The same handle each time, which stays open.</summary>
    public static Stream Open()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
            return Console.OpenStandardOutput();
        var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        // On a regular file it would write at offsets of its own, over what standard error puts into the same file.
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }
}
