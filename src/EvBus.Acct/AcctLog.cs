using Microsoft.Extensions.Logging;

namespace EvBus.Acct;

/// <summary>What acct says aloud. Ids 6000 to 6099, never reused.</summary>
internal static partial class AcctLog
{
    public const string Category = "EvBus.Acct";

    [LoggerMessage(6000, LogLevel.Warning, "The {What} '{Path}' can be read or written by others than its owner (mode {Mode}). Run: chmod 600 '{Path}'")]
    public static partial void ReadableByOthers(ILogger logger, string what, string path, string mode);

    [LoggerMessage(6001, LogLevel.Warning, "The acct file '{Path}' is read as plain YAML, because no key is given. Encrypt it with: acct encrypt '{Path}'")]
    public static partial void PlainText(ILogger logger, string path);

    [LoggerMessage(6002, LogLevel.Warning, "The acct key stands on the command line, where every user of this machine can see it. Better: ACCT_KEY in the environment, or --acct-key-file.")]
    public static partial void KeyOnCommandLine(ILogger logger);

    [LoggerMessage(6003, LogLevel.Warning, "The acct file '{Path}' has an entry that is no profile and is left out: {Entry}.")]
    public static partial void NotAProfile(ILogger logger, string path, string entry);

    [LoggerMessage(6004, LogLevel.Warning, "The acct file '{Path}' has no profile called '{Name}', which the allow-list of ingress profiles names.")]
    public static partial void NoSuchProfile(ILogger logger, string path, string name);

    [LoggerMessage(6005, LogLevel.Warning, "The folder '{Folder}' cannot be watched ({Reason}); the acct file is looked at every {Seconds} seconds instead.")]
    public static partial void CannotWatch(ILogger logger, string folder, string reason, double seconds);
}
