namespace EvBus.Files;

internal enum FileKind
{
    Plain,
    Directory,
    Device,
}

/// <summary>A file as it is at a moment.</summary>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Kind">What it is.</param>
/// <param name="LastWrite">When it was last written, to the second at least.</param>
/// <param name="Id">Which file it is, whatever its name; null where the system does not say.</param>
internal readonly record struct FileState(long Length, FileKind Kind, DateTimeOffset LastWrite, FileId? Id)
{
    /// <summary>How many names it has; 0 when all were removed while it is open. Only where <see cref="Id"/> is known.</summary>
    public uint Links { get; init; } = 1;
}

/// <summary>A file's identity as long as it is open or linked.</summary>
internal readonly record struct FileId(ulong Device, ulong Inode);
