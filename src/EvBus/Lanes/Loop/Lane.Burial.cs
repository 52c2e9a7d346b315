using EvBus.Journal;
using EvBus.Telemetry;

namespace EvBus.Lanes;

// How an event becomes a dead letter, and what happens as long as that cannot be written.
internal sealed partial class Lane
{
    /// <summary>Makes an event of a batch a dead letter. When that cannot be written the event waits, and so does the lane until it can be.</summary>
    private void Bury(LaneWork work, int index, string reason, int attempts, string? settled = null) => TryBury(work, index, reason, attempts, settled);

    private bool TryBury(LaneWork work, int index, string reason, int attempts, string? settled)
    {
        if (TryKeepDead(work.Batch[index], reason, attempts))
        {
            _journal.Settle(work.Batch, index, 1, LaneOutcome.Dead, settled ?? reason);
            AnswerDead(work.Batch[index], reason);
            return true;
        }
        var kept = work.Slice(index, 1);
        kept.Burial = new Burial(reason, attempts, settled);
        lock (_lock)
            Requeue(kept);
        return false;
    }

    /// <summary>A dead letter could not be written: nothing goes on before it is. That is tried again each second, without asking the destination anew.</summary>
    private async ValueTask BuryAgainAsync(LaneSession session)
    {
        List<LaneWork> waiting = [];
        lock (_lock)
        {
            if (session.IsAbandoned)
                return;
            for (var node = _again.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Burial is not null)
                {
                    waiting.Add(node.Value);
                    _again.Remove(node);
                }
                node = next;
            }
        }
        var isDone = true;
        foreach (var work in waiting)
        {
            if (isDone)
            {
                var (reason, attempts, settled) = work.Burial!;
                work.Burial = null;
                isDone = TryBury(work, 0, reason, attempts, settled);
                Recycle(work);
                continue;
            }
            lock (_lock)
                Requeue(work);
        }
        if (isDone)
        {
            _unburied = null;
            if (waiting.Count > 0)
                Log.DeadLettersWrittenAgain(Logger, Id);
            return;
        }
        await BackOffAsync(session, BuryAgainAfter).ConfigureAwait(false);
    }

    private void AnswerDead(EventView evt, string reason)
    {
        if (evt.IsAwaited)
            _services.Receipts.Settle(evt.Position, Id, PutOutcome.DeadLettered, reason);
    }

    private bool TryKeepDead(EventView evt, string reason, int attempts)
    {
        var owned = evt.ToEvent();
        try
        {
            if (!DeadLetters.Add(new DeadLetter(Id, owned, reason, attempts, Time.GetUtcNow())) && DeadLetters.Lost == 1)
                Log.DeadLettersFull(Logger, Id);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (_unburied is null)
                Log.DeadLetterNotWritten(Logger, Id, owned.Id!, e.Message);
            _unburied = $"a dead letter cannot be written: {e.Message}";
            return false;
        }
        Log.DeadLettered(Logger, Id, owned.Id!, reason);
        return true;
    }
}
