using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.File;

/// <summary>What the file publisher says; ids 1000–1099.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Warning, "Lane {Lane}: {Path} ended in a torn line of {Bytes} bytes, which is cut; its event is written again now")]
    public static partial void TornLineCut(ILogger logger, string lane, string path, long bytes);

    [LoggerMessage(1001, LogLevel.Information, "Lane {Lane}: {Path} rotated to {Rotated}")]
    public static partial void Rotated(ILogger logger, string lane, string path, string rotated);

    [LoggerMessage(1002, LogLevel.Warning, "Lane {Lane}: {Path} was moved, replaced or shortened by somebody else; it is opened anew")]
    public static partial void FileChanged(ILogger logger, string lane, string path);

    [LoggerMessage(1003, LogLevel.Warning, "Lane {Lane}: the rotated file {Path} is beyond those to keep, but cannot be deleted: {Reason}")]
    public static partial void NotDeleted(ILogger logger, string lane, string path, string reason);

    [LoggerMessage(1004, LogLevel.Warning, "Lane {Lane}: {Path} ended without a line break. What stands there stays, for nothing proves that this lane wrote it, and the next line begins behind a line break")]
    public static partial void LineEnded(ILogger logger, string lane, string path);
}
