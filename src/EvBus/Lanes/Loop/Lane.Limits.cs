using EvBus.Journal;
using EvBus.Telemetry;

namespace EvBus.Lanes;

// What the lane's limits give up: the journal has taken it from the lane, and says so here, under no lock.
internal sealed partial class Lane
{
    bool IJournalObserver.TryKeepDead(EventBatch batch, string reason)
    {
        var letters = new List<DeadLetter>(batch.Count);
        foreach (var evt in batch)
            letters.Add(new DeadLetter(Id, evt.ToEvent(), reason, 0, Time.GetUtcNow()));
        try
        {
            var lost = DeadLetters.Lost;
            if (!DeadLetters.Add(letters) && lost == 0)
                Log.DeadLettersFull(Logger, Id);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A limit is a limit: what cannot be kept as a dead letter is dropped, and said.
            Log.GivenUpNotKept(Logger, Id, letters.Count, e.Message);
            return false;
        }
        foreach (var letter in letters)
            Log.DeadLettered(Logger, Id, letter.Event.Id!, reason);
        return true;
    }

    void IJournalObserver.OnGivenUp(EventBatch batch, LaneOutcome outcome, string reason)
    {
        if (outcome == LaneOutcome.Dropped)
            SayDropping(reason);
        if (!batch.HasAwaited)
            return;
        foreach (var evt in batch)
        {
            if (evt.IsAwaited)
                _services.Receipts.Settle(evt.Position, Id, outcome == LaneOutcome.Dead ? PutOutcome.DeadLettered : PutOutcome.Dropped, reason);
        }
    }

    void IJournalObserver.OnLost(ulong end, string reason) => _services.Receipts.SettleLost(Id, end, reason);

    private void SayDropping(string reason)
    {
        if (_saidDropping)
            return;
        _saidDropping = true;
        Log.Dropping(Logger, Id, reason);
    }
}
