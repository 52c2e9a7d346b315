using System.Text;
using EvBus.Files;

namespace EvBus;

/// <summary>Files of plugin folders, which anybody may have put there: what is no plain file is not opened, for a pipe or a device may never end.</summary>
internal static class PluginFile
{
    /// <summary>More than any manifest or example has; what is larger is something else.</summary>
    private const int MaxBytes = 1 << 20;

    /// <exception cref="FormatException">It is no plain file, or too large.</exception>
    public static string ReadText(string file)
    {
        if (!IsPlain(file))
            throw new FormatException($"'{Path.GetFileName(file)}' is no plain file");
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var bytes = new byte[(int)Math.Min(Math.Max(stream.Length, 4096), MaxBytes) + 1];
        var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (read > MaxBytes || stream.Length > MaxBytes)
            throw new FormatException($"'{Path.GetFileName(file)}' is larger than {MaxBytes} bytes");
        using var text = new StreamReader(new MemoryStream(bytes, 0, read), Encoding.UTF8);
        return text.ReadToEnd();
    }

    /// <summary>Whether it is there and a plain file, behind links.</summary>
    public static bool IsPlain(string file)
    {
        try
        {
            return UnixFile.TryFind(file, out var state) ? state?.Kind == FileKind.Plain : File.Exists(file) && !File.GetAttributes(file).HasFlag(FileAttributes.Device);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>What says that others can put code into the folder; null where nothing does, and on Windows.</summary>
    public static string? OpenToAll(string folder, string assembly)
    {
        if (OperatingSystem.IsWindows())
            return null;
        foreach (var path in (string?[])[Path.GetDirectoryName(folder), folder, Path.Combine(folder, PluginManifest.FileName), Path.Combine(folder, assembly)])
        {
            if (path is not null && Path.Exists(path) && File.GetUnixFileMode(path).HasFlag(UnixFileMode.OtherWrite))
                return $"everybody may write '{path}', and what stands there runs with the rights of this program. Take that right away (chmod o-w).";
        }
        return null;
    }
}
