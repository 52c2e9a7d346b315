using System.ComponentModel;
using System.Diagnostics;

namespace EvBus.Ingress.Exec;

/// <summary>
/// One running program. Invariants: its input gets whole lines, or it is killed; every line of its output goes to the book, and a line that is none kills it, for then nobody
/// knows which event an answer is for; when it ends, however that happens, the book is closed. Thread-safe but for <see cref="WriteAsync"/>.
/// </summary>
internal sealed class ExecProgram : IAsyncDisposable
{
    private const int MostWords = 300;

    private readonly IngressContext _context;
    private readonly ExecIngressOptions _options;
    private readonly Process _process;
    private readonly Action _ended;
    private readonly Task _life;
    private volatile string? _last;
    private volatile string? _wrong;

    /// <exception cref="EvBusException">It cannot be started.</exception>
    public ExecProgram(IngressContext context, ExecIngressOptions options, Action ended)
    {
        (_context, _options, _ended) = (context, options, ended);
        var start = new ProcessStartInfo(options.Command[0], options.Command.Skip(1))
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = options.Directory ?? "",
        };
        start.Environment["EVBUS_LANE"] = context.LaneId;
        foreach (var (name, value) in ExecIngressOptions.Environment(context.Profile!))
            start.Environment[name] = value;
        _process = new Process { StartInfo = start };
        try
        {
            _process.Start();
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            _process.Dispose();
            throw new EvBusException($"{Name} cannot be started: {e.Message} Check command and directory of the profile.", e) { IsTransient = true };
        }
        Log.Started(context.Logger, context.LaneId, Name, _process.Id);
        _life = LiveAsync();
    }

    public AnswerBook Book { get; } = new();

    public int Id => _process.Id;

    private string Name => Path.GetFileName(_options.Command[0]);

    /// <summary>Writes whole lines. What fails or is cancelled half way ends the program.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> lines, CancellationToken cancellationToken)
    {
        var input = _process.StandardInput.BaseStream;
        var write = Task.Run(
            async () =>
            {
                await input.WriteAsync(lines, CancellationToken.None).ConfigureAwait(false);
                await input.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            },
            CancellationToken.None);
        try
        {
            // A pipe that nobody reads cannot be cancelled; the kill ends it.
            await write.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Kill();
            await write.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    /// <summary>Ends its input, waits, and kills what is still there.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            // May have to wait for a write that hangs, and then the kill below ends both.
            await Task.Run(_process.StandardInput.Close).WaitAsync(_options.StopTimeout, _context.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _life.WaitAsync(_options.StopTimeout, _context.Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Log.Killed(_context.Logger, _context.LaneId, Name, _options.StopTimeout.TotalSeconds);
            Kill();
            await _life.ConfigureAwait(false);
        }
        _process.Dispose();
    }

    private void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended meanwhile.
        }
    }

    private async Task LiveAsync()
    {
        var errors = ReadErrorsAsync();
        await ReadAnswersAsync().ConfigureAwait(false);
        await _process.WaitForExitAsync().ConfigureAwait(false);
        // A grandchild may hold the pipe open for ever.
        await Task.WhenAny(errors, Task.Delay(TimeSpan.FromSeconds(1), _context.Time)).ConfigureAwait(false);
        var reason = _wrong ?? $"{Name} ended with exit code {_process.ExitCode}{(_last is { } last ? $": {last}" : "")}.";
        Book.Close(reason);
        _ended();
    }

    private async Task ReadAnswersAsync()
    {
        try
        {
            while (await _process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line)
            {
                if (!_options.Answers || Book.Take(line) is not { } wrong)
                    continue;
                _wrong = $"{Name} does not keep the protocol: {wrong}. It said: {Short(line)}";
                Kill();
                return;
            }
        }
        catch (IOException e)
        {
            _wrong = $"{Name} cannot be heard: {e.Message}";
            Kill();
        }
    }

    private async Task ReadErrorsAsync()
    {
        try
        {
            while (await _process.StandardError.ReadLineAsync().ConfigureAwait(false) is { } line)
            {
                _last = Short(line);
                Log.Said(_context.Logger, _context.LaneId, Name, _last);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Log.Said(_context.Logger, _context.LaneId, Name, e.Message);
        }
    }

    private static string Short(string line) => line.Length <= MostWords ? line : line[..MostWords] + "…";
}
