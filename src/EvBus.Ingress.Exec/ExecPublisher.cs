using System.Buffers;

namespace EvBus.Ingress.Exec;

/// <summary>
/// Feeds events to a program. Invariants: an event counts as delivered when the program answered it with ok (or, with <c>answers: none</c>, when its input took it); never more
/// are unanswered than the program gave credit for; what was not answered when it died is Disconnected, and goes to the next one.
/// </summary>
internal sealed class ExecPublisher(IngressContext context, ExecIngressOptions options) : IWindowedPublisher, IConnectionWatch
{
    // Of a program that never answers: what one pipe and one batch hold is as good as any.
    private const int SilentWindow = 1000;

    private volatile ExecProgram? _program;
    private volatile string? _lost;

    public event Action? ConditionChanged;

    public int Window => options.Answers ? Math.Max(1, _program?.Book.Credit ?? 1) : SilentWindow;

    public ConnectionCondition Condition => _lost is { } reason ? new(ConnectionState.Lost, reason) : new(ConnectionState.Open);

    /// <summary>The process of the program; for tests.</summary>
    internal int? ProcessId => _program?.Id;

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        await StopAsync().ConfigureAwait(false);
        ExecProgram? program = null;
        program = new ExecProgram(context, options, () => OnEnded(program));
        _program = program;
        if (options.Answers)
        {
            try
            {
                await program.Book.Greeted.WaitAsync(options.StartTimeout, context.Time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException e)
            {
                await StopAsync().ConfigureAwait(false);
                throw new EvBusException($"{options.Command[0]} has not said credit within {options.StartTimeout.TotalSeconds:0} s. See docs/exec-protocol.md, or set answers: none.", e) { IsTransient = true };
            }
        }
        SetLost(program.Book.End);
    }

    public async ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        if (_program is not { } program)
            return Task.FromResult(PublishResult.Disconnected("the program is not started yet"));
        var lines = Encode(batch, out var ends, out var verdicts);
        if (ends.Count == 0)
            return Task.FromResult(PublishResult.Mixed(verdicts));
        try
        {
            if (!options.Answers)
            {
                await program.WriteAsync(lines, cancellationToken).ConfigureAwait(false);
                return Task.FromResult(Array.TrueForAll(verdicts, each => each.Verdict == Verdict.Delivered) ? PublishResult.Delivered : PublishResult.Mixed(verdicts));
            }
            var pending = program.Book.Begin(verdicts);
            for (int sent = 0, count; sent < ends.Count; sent += count)
            {
                count = await program.Book.TakeAsync(ends.Count - sent, cancellationToken).ConfigureAwait(false);
                if (count == 0)
                    break;
                var from = sent == 0 ? 0 : ends[sent - 1];
                await program.WriteAsync(lines[from..ends[sent + count - 1]], cancellationToken).ConfigureAwait(false);
            }
            return pending.Result.WaitAsync(cancellationToken);
        }
        catch (IOException e)
        {
            // It has closed its input, or died: its end says why, but it may also live on.
            await StopAsync().ConfigureAwait(false);
            return Task.FromResult(PublishResult.Disconnected(program.Book.End ?? $"{options.Command[0]} takes no events: {e.Message}"));
        }
    }

    public ValueTask DisposeAsync() => StopAsync();

    private ReadOnlyMemory<byte> Encode(EventBatch batch, out List<int> ends, out EventVerdict[] verdicts)
    {
        var lines = new ArrayBufferWriter<byte>((int)Math.Min(batch.Bytes * 2 + 256, 1 << 20));
        ends = new List<int>(batch.Count);
        verdicts = new EventVerdict[batch.Count];
        for (var i = 0; i < batch.Count; i++)
        {
            if (EventLine.Write(batch[i], options.IsCloudEvents, lines) is { } reason)
                verdicts[i] = new EventVerdict(Verdict.Rejected, reason);
            else
                ends.Add(lines.WrittenCount);
        }
        return lines.WrittenMemory;
    }

    private async ValueTask StopAsync()
    {
        var program = _program;
        _program = null;
        SetLost(null);
        if (program is not null)
            await program.DisposeAsync().ConfigureAwait(false);
    }

    private void OnEnded(ExecProgram? program)
    {
        if (program is not null && ReferenceEquals(_program, program))
            SetLost(program.Book.End);
    }

    private void SetLost(string? reason)
    {
        if (_lost == reason)
            return;
        _lost = reason;
        ConditionChanged?.Invoke();
    }
}
