using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using EvBus.Processes;

namespace EvBus.Ingress.Exec;

/// <summary>
/// A program and all that it started, also what outlived it: on Linux a session of their own (by <c>setsid</c>, where the system has it), elsewhere those whose parents still
/// live. What makes itself another session, as daemons do, has left it. What is there when this process ends is killed. Thread-safe.
/// </summary>
internal sealed class ProcessGroup
{
    private const int KillSignal = 9;
    private static readonly ConcurrentDictionary<ProcessGroup, bool> s_living = new();
    private readonly Process _process;
    private readonly bool _isSession;
    private readonly int _id;

    static ProcessGroup() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var group in s_living.Keys)
            group.Kill();
    };

    /// <exception cref="Win32Exception">It cannot be started.</exception>
    public ProcessGroup(Process process, string program, IEnumerable<string> arguments, Action<ProcessStartInfo> setUp)
    {
        _process = process;
        var setsid = OperatingSystem.IsLinux() ? ChildProgram.Find("setsid") : null;
        _isSession = setsid is not null;
        process.StartInfo = setsid is null ? ChildProgram.Prepare(program, arguments) : ChildProgram.Prepare(setsid, [program, .. arguments]);
        setUp(process.StartInfo);
        process.Start();
        _id = process.Id;
        s_living[this] = true;
    }

    /// <summary>Whether somebody of it is there although the program itself has ended.</summary>
    public bool HasRest => _isSession && Signal(-_id, 0) == 0;

    public void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended meanwhile.
        }
        if (_isSession)
            _ = Signal(-_id, KillSignal);
    }

    /// <summary>All that is left of it is killed, and its number is the system's again.</summary>
    public void End()
    {
        if (!s_living.TryRemove(this, out _))
            return;
        if (_isSession)
            _ = Signal(-_id, KillSignal);
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Signal(int process, int signal);
}
