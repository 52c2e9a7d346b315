using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Exec;

/// <summary>What the exec publisher says; ids 1400–1499.</summary>
internal static partial class Log
{
    [LoggerMessage(1400, LogLevel.Information, "Lane {Lane}: {Program} runs as process {Process}")]
    public static partial void Started(ILogger logger, string lane, string program, int process);

    [LoggerMessage(1401, LogLevel.Information, "Lane {Lane}: {Program} says: {Line}")]
    public static partial void Said(ILogger logger, string lane, string program, string line);

    [LoggerMessage(1402, LogLevel.Warning, "Lane {Lane}: {Program} did not end within {Seconds} s of the end of its input, and is killed")]
    public static partial void Killed(ILogger logger, string lane, string program, double seconds);

    [LoggerMessage(1403, LogLevel.Warning, "Lane {Lane}: {Program} was killed, but its process {Process} is still there: the system does not let it go. Its lane goes on without it")]
    public static partial void NotGone(ILogger logger, string lane, string program, int process);
}
