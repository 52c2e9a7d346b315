using System.ComponentModel;
using System.Diagnostics;
using EvBus.Processes;

namespace EvBus.Ingress.Exec;

/// <summary>
/// One running program. Invariants: its input gets whole lines, or it is killed; every line of its output goes to the book, and a line that is none kills it, for then nobody
/// knows which event an answer is for; when it ends, however that happens and whoever still holds its pipes, the book is closed and what it started is killed. Nothing here
/// waits for it without a limit. Thread-safe but for <see cref="WriteAsync"/>.
/// </summary>
internal sealed class ExecProgram : IAsyncDisposable
{
    private const int MostWords = 300;

    // How long what is dead may take to be gone: longer is the system's trouble.
    private static readonly TimeSpan s_gone = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    private readonly IngressContext _context;
    private readonly ExecIngressOptions _options;
    private readonly Process _process = new();
    private readonly ProcessGroup _group;
    private readonly Action _ended;
    private readonly Task _life;
    private readonly CancellationTokenSource _over = new();
    private volatile string? _last;
    private volatile string? _wrong;
    private volatile bool _isStopping;
    private volatile bool _isKilled;

    /// <exception cref="EvBusException">It cannot be started.</exception>
    public ExecProgram(IngressContext context, ExecIngressOptions options, Action ended)
    {
        (_context, _options, _ended) = (context, options, ended);
        var name = options.Command[0];
        try
        {
            var program = ChildProgram.Find(name) ?? throw new EvBusException($"there is no program '{name}' in the folders of PATH.");
            // Behind setsid it would be said by setsid, and later.
            if (!File.Exists(program))
                throw new EvBusException($"there is no file '{program}'.");
            _group = new ProcessGroup(_process, program, options.Command.Skip(1), SetUp);
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException or EvBusException)
        {
            _process.Dispose();
            var hint = options.Command.Count == 1 && name.Contains(' ', StringComparison.Ordinal) ? $" Give the program and its arguments as a list: command: [{string.Join(", ", name.Split(' ', StringSplitOptions.RemoveEmptyEntries))}]." : "";
            throw new EvBusException($"{Name} cannot be started: {e.Message} Check command and directory of the profile.{hint}", e) { IsTransient = true };
        }
        Id = _process.Id;
        Log.Started(context.Logger, context.LaneId, Name, Id);
        _life = LiveAsync();
    }

    public AnswerBook Book { get; } = new();

    public int Id { get; }

    private string Name => Path.GetFileName(_options.Command[0]);

    /// <summary>Writes whole lines. What fails or is cancelled half way ends the program.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> lines, CancellationToken cancellationToken)
    {
        var input = _process.StandardInput.BaseStream;
        var write = Task.Run(
            async () =>
            {
                await input.WriteAsync(lines, _over.Token).ConfigureAwait(false);
                await input.FlushAsync(_over.Token).ConfigureAwait(false);
            },
            CancellationToken.None);
        try
        {
            await write.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException("It ended while it was written to.");
        }
        catch (OperationCanceledException)
        {
            Kill();
            await write.WaitAsync(s_gone, _context.Time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    /// <summary>Ends its input, waits, and kills what is still there.</summary>
    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        try
        {
            // May have to wait for a write that hangs, and then the kill below ends both.
            var close = Task.Run(_process.StandardInput.Close);
            await _life.WaitAsync(_options.StopTimeout, _context.Time).ConfigureAwait(false);
            await close.WaitAsync(s_gone, _context.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (TimeoutException)
        {
            Log.Killed(_context.Logger, _context.LaneId, Name, _options.StopTimeout.TotalSeconds);
            Kill();
            await _life.WaitAsync(_options.StopTimeout, _context.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!_life.IsCompleted)
            {
                Log.NotGone(_context.Logger, _context.LaneId, Name, Id);
                End($"{Name} was killed and does not end.");
            }
        }
        _process.Dispose();
    }

    private void SetUp(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.WorkingDirectory = _options.Directory ?? "";
        start.Environment["EVBUS_LANE"] = _context.LaneId;
        foreach (var (name, value) in ExecIngressOptions.Environment(_context.Profile!))
            start.Environment[name] = value;
    }

    private void Kill()
    {
        _isKilled = true;
        _group.Kill();
    }

    private async Task LiveAsync()
    {
        var answers = ReadAnswersAsync();
        var errors = ReadErrorsAsync();
        await _process.WaitForExitAsync().ConfigureAwait(false);
        // At the end of the input what the program left may still have to write: it has until the kill. One that died has nothing left to do.
        while (_isStopping && !_isKilled && _group.HasRest)
            await Task.Delay(s_look, _context.Time).ConfigureAwait(false);
        _group.End();
        // What it said before it ended is in the pipes; only what left its session can hold them open now.
        await Task.WhenAll(answers, errors).WaitAsync(s_gone, _context.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var early = _options.Answers && Book.Credit == 0 ? " before it said credit" : "";
        End(_wrong ?? $"{Name} ended with exit code {_process.ExitCode}{early}{(_last is { } last ? $": {last}" : "")}.");
        await Task.WhenAll(answers, errors).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _process.StandardOutput.BaseStream.DisposeAsync().ConfigureAwait(false);
        await _process.StandardError.BaseStream.DisposeAsync().ConfigureAwait(false);
    }

    private void End(string reason)
    {
        _over.Cancel();
        Book.Close(reason);
        _ended();
    }

    private async Task ReadAnswersAsync()
    {
        try
        {
            var lines = new BoundedLines(_process.StandardOutput.BaseStream);
            while (await lines.ReadAsync(_over.Token).ConfigureAwait(false) is ({ } line, var isCut))
            {
                if (!_options.Answers)
                    continue;
                if ((isCut ? $"a line has at most {BoundedLines.Most} bytes" : Book.Take(line)) is not { } wrong)
                    continue;
                _wrong = $"{Name} does not keep the protocol: {wrong}. It said: {Words.OneLine(line, MostWords)}";
                Kill();
                return;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            _wrong = $"{Name} cannot be heard: {e.Message}";
            Kill();
        }
    }

    private async Task ReadErrorsAsync()
    {
        try
        {
            var lines = new BoundedLines(_process.StandardError.BaseStream);
            while (await lines.ReadAsync(_over.Token).ConfigureAwait(false) is ({ } line, _))
            {
                _last = Words.OneLine(line, MostWords);
                Log.Said(_context.Logger, _context.LaneId, Name, _last);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Log.Said(_context.Logger, _context.LaneId, Name, e.Message);
        }
    }
}
