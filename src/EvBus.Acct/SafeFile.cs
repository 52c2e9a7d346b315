using System.Security.Cryptography;
using EvBus.Files;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace EvBus.Acct;

/// <summary>
/// Files with secrets in them. Reading is bounded, and fails rather than return half of an old and half of a new file; writing never
/// leaves less than a whole file, readable by its owner only.
/// </summary>
internal static class SafeFile
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    // Linux's own number.
    private const int MaxLinks = 40;

    public static byte[] Read(string path, long limit, string what, ILogger? logger) =>
        ReadAsync(path, limit, what, logger, CancellationToken.None).GetAwaiter().GetResult();

    public static async Task<byte[]> ReadAsync(string path, long limit, string what, ILogger? logger, CancellationToken cancellationToken)
    {
        try
        {
            using var stream = new FileStream(path, new FileStreamOptions
            {
                Access = FileAccess.Read,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                Options = FileOptions.SequentialScan,
            });
            WarnAboutMode(stream.SafeFileHandle, path, what, logger);
            // A pipe (process substitution) has no length: then only the counted bytes decide.
            var length = stream.CanSeek ? stream.Length : 0;
            if (length > limit)
                throw TooLarge(path, what, length, limit);
            var written = stream.CanSeek ? File.GetLastWriteTimeUtc(stream.SafeFileHandle) : default;
            var bytes = new byte[stream.CanSeek ? length + 1 : 4096];
            var count = 0;
            for (int read; (read = await stream.ReadAsync(bytes.AsMemory(count), cancellationToken).ConfigureAwait(false)) > 0;)
            {
                count += read;
                if (count > limit)
                    throw TooLarge(path, what, count, limit);
                if (count == bytes.Length)
                    bytes = Grown(bytes);
            }
            if (stream.CanSeek && (count != length || File.GetLastWriteTimeUtc(stream.SafeFileHandle) != written))
                throw new AcctException(AcctFault.Unreadable, $"The {what} '{path}' was changed while it was read. Replace it by renaming a finished file over it.") { IsTransient = true };
            var exact = bytes.AsSpan(0, count).ToArray();
            CryptographicOperations.ZeroMemory(bytes);
            return exact;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            // A key in the variable or the option of the file is no file either.
            throw new AcctException(AcctFault.Unreadable, $"The {what} '{SecretText.Mask(path)}' cannot be read: {Reason(exception, path)}.", exception);
        }
    }

    public static void Replace(string path, ReadOnlySpan<byte> contents)
    {
        string? temporary = null;
        UnixFile.SurviveFileSizeLimit();
        try
        {
            var target = TargetOf(path);
            using (var stream = CreateBeside(target))
            {
                temporary = stream.Name;
                stream.Write(contents);
                Sync(stream);
            }
            File.Move(temporary, target, overwrite: true);
            temporary = null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(path, exception);
        }
        finally
        {
            if (temporary is not null)
                TryDelete(temporary);
        }
    }

    /// <summary>Returns when what was written is on the disk.</summary>
    /// <exception cref="IOException">The disk refused it.</exception>
    internal static void Sync(FileStream stream)
    {
        stream.Flush();
        UnixFile.Sync(stream.SafeFileHandle, stream.Name);
    }

    /// <summary>Fails like <see cref="Replace"/> where that can be known beforehand, so that nobody works in vain.</summary>
    public static void CheckReplaceable(string path)
    {
        try
        {
            using var probe = CreateBeside(TargetOf(path));
            TryDelete(probe.Name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(path, exception);
        }
    }

    // The link stays a link: what it points to is replaced.
    private static string TargetOf(string path)
    {
        var target = FinalPath(path);
        if (Directory.Exists(target))
            throw new IOException("it is a folder");
        // A device would be gone for everybody.
        if (UnixFile.TryFind(target, out var state) && state is { Kind: not FileKind.Plain })
            throw new IOException("it is no plain file");
        return target;
    }

    /// <summary>
    /// The path without symbolic links, on the way or at its end, as the system follows them: a relative link counts from the folder that it really lies in.
    /// The runtime's own resolving takes the names as they are written, and is wrong below a linked folder and for a name without a folder.
    /// </summary>
    /// <exception cref="IOException">The links lead in a circle.</exception>
    internal static string FinalPath(string path)
    {
        var full = Path.IsPathRooted(path) ? path : Path.Combine(Environment.CurrentDirectory, path);
        var root = Path.GetPathRoot(full)!;
        var resolved = root;
        var left = new Stack<string>(Names(full[root.Length..]));
        for (var links = 0; left.TryPop(out var name);)
        {
            if (name == "..")
            {
                resolved = Path.GetDirectoryName(resolved) ?? root;
                continue;
            }
            var next = Path.Combine(resolved, name);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                resolved = next;
                continue;
            }
            if (++links > MaxLinks)
                throw new IOException("its symbolic links lead in a circle");
            if (Path.IsPathRooted(target))
            {
                resolved = root = Path.GetPathRoot(target)!;
                target = target[root.Length..];
            }
            foreach (var part in Names(target))
                left.Push(part);
        }
        return resolved;

        static IEnumerable<string> Names(string text) =>
            text.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").Reverse();
    }

    private static FileStream CreateBeside(string target)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}"), options);
    }

    private static AcctException NotWritable(string path, Exception exception) =>
        new(AcctFault.Unreadable, $"'{SecretText.Mask(path)}' cannot be written: {Reason(exception, path)}. What was there before is unchanged.", exception);

    // The runtime's own messages are sometimes stripped from programs, so the common ones are said here.
    internal static string Reason(Exception exception, string path) => exception switch
    {
        FileNotFoundException => "there is no such file",
        DirectoryNotFoundException => "there is no such folder",
        UnauthorizedAccessException when Directory.Exists(path) => "it is a folder",
        UnauthorizedAccessException => "permission denied",
        PathTooLongException => "the path is too long",
        ArgumentException when path.Length == 0 => "the name is empty",
        _ => exception.Message.TrimEnd('.'),
    };

    private static void WarnAboutMode(SafeFileHandle handle, string path, string what, ILogger? logger)
    {
        if (logger is null || OperatingSystem.IsWindows())
            return;
        var mode = File.GetUnixFileMode(handle);
        if ((mode & Others) != 0)
            AcctLog.ReadableByOthers(logger, what, path, Convert.ToString((int)mode, 8).PadLeft(4, '0'));
    }

    private static AcctException TooLarge(string path, string what, long length, long limit) =>
        new(AcctFault.TooLarge, $"The {what} '{path}' has {length:N0} bytes or more, and at most {limit:N0} are read. It is probably not the file that was meant.");

    private static byte[] Grown(byte[] bytes)
    {
        var larger = new byte[bytes.Length * 2];
        bytes.CopyTo(larger, 0);
        CryptographicOperations.ZeroMemory(bytes);
        return larger;
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to tell.
        }
    }
}
