using System.Globalization;

namespace EvBus.Tools.Tester;

/// <summary>
/// What each signal means. The first drains. Those that follow within a second are the same one, said twice: coreutils' <c>timeout</c> and other wrappers
/// signal the process and then its group. A later one is somebody who does not want to wait.
/// </summary>
internal sealed class Signals(TimeProvider time)
{
    private static readonly TimeSpan s_same = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private long? _first;

    public enum Meaning
    {
        Drain,
        Same,
        Leave,
    }

    /// <summary>Takes a signal; each may come on a thread of its own.</summary>
    public Meaning Take()
    {
        lock (_lock)
        {
            if (_first is not { } first)
            {
                _first = time.GetTimestamp();
                return Meaning.Drain;
            }
            return time.GetElapsedTime(first) < s_same ? Meaning.Same : Meaning.Leave;
        }
    }

    /// <summary>Whether the process was started with SIGHUP ignored, as <c>nohup</c> does.</summary>
    public static bool IsHangUpIgnored()
    {
        try
        {
            return OperatingSystem.IsLinux() && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)) is { } line
                && (ulong.Parse(line.AsSpan("SigIgn:".Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 1) != 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return false;
        }
    }
}
