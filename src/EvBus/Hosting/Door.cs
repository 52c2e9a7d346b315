using System.Buffers;
using System.Diagnostics;
using EvBus.Journal;
using EvBus.Lanes;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Hosting;

/// <summary>
/// Where events come in: checks, stamps and encodes each on the caller's thread, then appends it. The line of those waiting for room is
/// first come, first served, and nobody overtakes it.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "Nobody asks the semaphore for a wait handle, so it holds nothing; and late callers must not meet a disposed one.")]
internal sealed class Door(BusOptions options, IJournal journal, ReceiptTracker receipts, IEventIdGenerator ids, ILogger logger, string bus)
{
    /// <summary>Kept by each thread that puts events; larger ones are rented.</summary>
    private const int ScratchBytes = 64 << 10;

    [ThreadStatic]
    private static byte[]? s_scratch;

    private readonly SemaphoreSlim _line = new(1, 1);
    private readonly long[] _refused = new long[Enum.GetValues<RefusalReason>().Length];
    private int _inLine;
    private volatile bool _closed;

    public IReadOnlyDictionary<RefusalReason, long> Refused =>
        Enum.GetValues<RefusalReason>().Where(reason => _refused[(int)reason] > 0).ToDictionary(reason => reason, reason => Interlocked.Read(ref _refused[(int)reason]));

    /// <summary>How many puts wait for room.</summary>
    public int Waiting => Volatile.Read(ref _inLine);

    public void Close()
    {
        _closed = true;
        journal.CloseDoor();
    }

    public PutResult TryPut(ReadOnlySpan<byte> body, in EventAttributes attributes)
    {
        var result = TryAppend(body, in attributes, awaited: false, isHead: false, out _);
        return result.IsAccepted ? result : Count(result);
    }

    public ValueTask<PutResult> PutAsync(BusEvent evt, Receipt receipt, CancellationToken cancellationToken)
    {
        if (receipt.Kind == Receipt.Level.Durable && !journal.Capabilities.Durable)
            throw new NotSupportedException("A journal in memory cannot give durable receipts: nothing of it outlives the process. Ask for Receipt.Accepted or Receipt.Delivered(), or keep the journal on disk.");
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<PutResult>(cancellationToken);
        var awaited = receipt.Kind is Receipt.Level.DeliveredAll or Receipt.Level.DeliveredAny;
        var result = TryAppend(evt.Body.Span, evt.Attributes, awaited, isHead: false, out var commit);
        if (!result.IsAccepted && result.Refusal == RefusalReason.Full && options.WhenFull == DoorPolicy.Block)
            return WaitInLineAsync(evt, receipt, awaited, cancellationToken);
        if (!result.IsAccepted)
            return new(Count(result));
        if (receipt.Kind == Receipt.Level.Durable)
            return AwaitCommitAsync(result, commit!, cancellationToken);
        return awaited ? AwaitAsync(result, receipt, cancellationToken) : new(result);
    }

    /// <summary>Cancelling ends the wait only: the event is accepted.</summary>
    private ValueTask<PutResult> AwaitCommitAsync(in PutResult accepted, CommitWaiters commit, CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled ? AwaitCommitOrCancelAsync(accepted, commit, cancellationToken) : DurablePut.WaitAsync(this, in accepted, commit);

    private async ValueTask<PutResult> AwaitCommitOrCancelAsync(PutResult accepted, CommitWaiters commit, CancellationToken cancellationToken) =>
        Committed(in accepted, await commit.AsTask().WaitAsync(cancellationToken).ConfigureAwait(false));

    /// <summary>What becomes of a put when its group is on disk, or cannot be.</summary>
    internal PutResult Committed(in PutResult accepted, string? failure) =>
        failure is null ? accepted with { Outcome = PutOutcome.Durable } : Count(PutResult.Refused(RefusalReason.JournalFailed, failure));

    private ValueTask<PutResult> AwaitAsync(PutResult accepted, Receipt receipt, CancellationToken cancellationToken) =>
        receipts.WaitAsync(accepted, receipt, cancellationToken);

    private async ValueTask<PutResult> WaitInLineAsync(BusEvent evt, Receipt receipt, bool awaited, CancellationToken cancellationToken)
    {
        var (result, commit) = await AppendInLineAsync(evt, awaited, cancellationToken).ConfigureAwait(false);
        if (!result.IsAccepted)
            return Count(result);
        if (receipt.Kind == Receipt.Level.Durable)
            return await AwaitCommitAsync(result, commit!, cancellationToken).ConfigureAwait(false);
        return awaited ? await AwaitAsync(result, receipt, cancellationToken).ConfigureAwait(false) : result;
    }

    private async ValueTask<(PutResult, CommitWaiters?)> AppendInLineAsync(BusEvent evt, bool awaited, CancellationToken cancellationToken)
    {
        using var timeout = options.DoorTimeout is { } wait ? new CancellationTokenSource(wait, options.Time) : new CancellationTokenSource();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        Interlocked.Increment(ref _inLine);
        var isHead = false;
        try
        {
            await _line.WaitAsync(either.Token).ConfigureAwait(false);
            isHead = true;
            while (true)
            {
                var result = TryAppend(evt.Body.Span, evt.Attributes, awaited, isHead: true, out var commit);
                if (result.Refusal != RefusalReason.Full)
                    return (result, commit);
                await journal.WaitForRoomAsync(either.Token).ConfigureAwait(false);
            }
        }
        // A caller who cancels hears of the cancelling, also when the time is up at the same moment.
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            return (PutResult.Refused(RefusalReason.TimedOut, $"no room came within {options.DoorTimeout}; {Remedy}"), null);
        }
        finally
        {
            if (isHead)
                _line.Release();
            Interlocked.Decrement(ref _inLine);
        }
    }

    private PutResult TryAppend(ReadOnlySpan<byte> body, in EventAttributes given, bool awaited, bool isHead, out CommitWaiters? commit)
    {
        commit = null;
        if (_closed)
            return Stopped;
        if (body.Length > options.MaxEventBytes)
            return PutResult.Refused(RefusalReason.TooLarge, $"the event has {body.Length} bytes, the bus takes at most {options.MaxEventBytes}: raise MaxEventBytes, or send a reference to the body instead");
        if (!isHead && Volatile.Read(ref _inLine) > 0)
            return Full;
        if (given.TraceParent is null && Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
            return Append(body, given with { TraceParent = activity.Id, TraceState = activity.TraceStateString }, awaited, isHead, out commit);
        return Append(body, in given, awaited, isHead, out commit);
    }

    private PutResult Append(ReadOnlySpan<byte> body, in EventAttributes attributes, bool awaited, bool isHead, out CommitWaiters? commit)
    {
        commit = null;
        var attributesLength = EventCodec.AttributesBound(attributes);
        if (attributesLength > EventCodec.MaxAttributesLength && (attributesLength = EventCodec.AttributesLength(attributes)) > EventCodec.MaxAttributesLength)
            return PutResult.Refused(RefusalReason.InvalidAttributes, $"the attributes have {attributesLength} bytes, at most {EventCodec.MaxAttributesLength} are kept: move what is large into the body");
        if (attributes.Id is { Length: var idLength } && (idLength == 0 || idLength > EventCodec.MaxIdLength))
            return PutResult.Refused(RefusalReason.InvalidAttributes, $"the id has {idLength} characters: it needs 1 to {EventCodec.MaxIdLength}");
        if (attributes.Extensions is { Count: > 0 } extensions && ExtensionNames.Fault(extensions) is { } fault)
            return PutResult.Refused(RefusalReason.InvalidAttributes, fault);

        var now = options.Time.GetUtcNow();
        var id = attributes.Id is null ? ids.Next(now) : Guid.Empty;
        var bound = EventCodec.HeaderLength + attributesLength + body.Length;
        if (!journal.TryAppend(in attributes, body, new RecordStamp(id, now, awaited), bound, out var appended))
            appended = AppendWithCare(in attributes, body, new RecordStamp(id, now, awaited), bound, isHead);
        commit = appended.Commit;
        return appended.Status switch
        {
            AppendStatus.Appended => new PutResult(PutOutcome.Accepted, RefusalReason.None, appended.Last, id, null),
            AppendStatus.Closed => Stopped,
            AppendStatus.Full => Full,
            _ => PutResult.Refused(RefusalReason.JournalFailed, $"the journal cannot write: {journal.Failure}"),
        };
    }

    /// <summary>Encodes first: how long the record is decides whether there is room.</summary>
    private AppendResult AppendWithCare(in EventAttributes attributes, ReadOnlySpan<byte> body, in RecordStamp stamp, int bound, bool isHead)
    {
        var scratch = bound <= ScratchBytes ? s_scratch ??= new byte[ScratchBytes] : ArrayPool<byte>.Shared.Rent(bound);
        var length = EventCodec.Write(scratch, in attributes, body, stamp.Id, stamp.Accepted, stamp.IsAwaited);
        var appended = journal.TryAppend(scratch.AsSpan(0, length), 1, isHead);
        if (scratch != s_scratch)
            ArrayPool<byte>.Shared.Return(scratch);
        return appended;
    }

    private const string Remedy = "a lane is not keeping up: look at the status, or raise MaxEvents and MaxBytes (of a journal on disk: Journal.MaxBytes)";

    private static readonly PutResult Stopped = PutResult.Refused(RefusalReason.Stopped, "the bus is stopping or has stopped: put before the stop, or start another bus");

    private static readonly PutResult Full = PutResult.Refused(RefusalReason.Full, $"the journal is full; {Remedy}");

    private PutResult Count(PutResult refused)
    {
        if (refused.Refusal == RefusalReason.Full && options.WhenFull == DoorPolicy.DropNewest)
            refused = refused with { Refusal = RefusalReason.DroppedNewest };
        // Whoever does not look at the answer is told once; how many there were is in the status and the ledger.
        if (Interlocked.Increment(ref _refused[(int)refused.Refusal]) == 1)
            Log.PutRefused(logger, bus, refused.Refusal, refused.Reason ?? "");
        return refused;
    }
}
