using System.Diagnostics;
using System.Runtime.InteropServices;

namespace EvBus.Processes;

/// <summary>
/// What holds for every program that is started here: it is found by PATH alone, gets no key of ours, and a pipe that nobody reads ends it as it would from a shell.
/// Safe from any thread.
/// </summary>
internal static class ChildProgram
{
    private const int BrokenPipe = 13;
    private const nint Ignored = 1;

    // Each opens what is none of a program's business: credentials, the journal, other profiles.
    private static readonly string[] s_ours = ["ACCT_", "EVBUS_JOURNAL_KEY", "EVBUS_PROFILES__", "EVBUS__"];

    private static readonly Lazy<bool> s_brokenPipe = new(EndByBrokenPipe);

    /// <summary>How to start a program; its environment is this process's without our keys.</summary>
    /// <param name="program">Its full path, as <see cref="Find(string)"/> gives it.</param>
    /// <param name="arguments">Its arguments.</param>
    public static ProcessStartInfo Prepare(string program, params IEnumerable<string> arguments)
    {
        _ = s_brokenPipe.Value;
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false };
        foreach (var name in start.Environment.Keys.Where(IsOurs).ToList())
            start.Environment.Remove(name);
        return start;
    }

    /// <summary>
    /// The full path of a program. A name without a slash is looked for in the folders of PATH and nowhere else: not beside this program, not in the current folder, also
    /// when PATH has an empty entry or one that is relative. A path is taken from the current folder.
    /// </summary>
    /// <returns>Null when PATH has no such program.</returns>
    public static string? Find(string program) => Find(program, Environment.GetEnvironmentVariable("PATH") ?? "");

    internal static string? Find(string program, string path)
    {
        if (program.AsSpan().ContainsAny(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar))
            return Path.GetFullPath(program);
        return path.Split(Path.PathSeparator).Where(Path.IsPathFullyQualified).SelectMany(folder => Spellings(Path.Combine(folder, program))).FirstOrDefault(IsProgram);
    }

    /// <summary>The shell of the system, for a command of the user's own.</summary>
    public static ProcessStartInfo PrepareShell(string command, params IEnumerable<string> arguments) => OperatingSystem.IsWindows()
        ? Prepare(Find("cmd.exe") ?? "cmd.exe", "/d", "/c", command)
        : Prepare("/bin/sh", ["-c", command, .. arguments]);

    private static bool IsOurs(string name) => Array.Exists(s_ours, ours => name.StartsWith(ours, StringComparison.OrdinalIgnoreCase));

    private static IEnumerable<string> Spellings(string path) => OperatingSystem.IsWindows()
        ? (Environment.GetEnvironmentVariable("PATHEXT") ?? ".EXE").Split(Path.PathSeparator).Select(extension => path + extension).Prepend(path)
        : [path];

    private static bool IsProgram(string path) => File.Exists(path)
        && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0);

    // The runtime ignores the signal, and what is ignored stays so in a new program; what is handled does not. Handled by a function of the C library that does nothing, it
    // changes nothing here: a write into a pipe that nobody reads fails in either case.
    private static bool EndByBrokenPipe()
    {
        if (OperatingSystem.IsWindows())
            return false;
        if (!NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "abs", out var nothing))
            return false;
        var before = Handle(BrokenPipe, nothing);
        if (before != Ignored)
            _ = Handle(BrokenPipe, before);
        return before == Ignored;
    }

    [DllImport("libc", EntryPoint = "signal"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Handle(int signal, nint handler);
}
