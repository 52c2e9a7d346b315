using System.Collections.Concurrent;

namespace EvBus.Lanes;

/// <summary>
/// Answers those who wait for delivery. An event that is waited for is marked in its record; whoever comes first, the journal that says which
/// lanes it is for or the caller who knows what to wait for, makes the entry, always before a lane can be through with it. An entry goes when all
/// lanes it was for are through and the caller has asked; what lanes say of the same record later (after a rewind, or in the next run) concerns nobody.
/// Thread-safe; continuations never run on the thread that settles.
/// </summary>
internal sealed class ReceiptTracker
{
    private readonly ConcurrentDictionary<Position, Entry> _entries = new();
    private volatile bool _stopped;

    public int Count => _entries.Count;

    /// <summary>The lanes an event is for, fixed at acceptance.</summary>
    public void Route(Position position, string[] lanes)
    {
        var entry = _entries.GetOrAdd(position, static _ => new Entry());
        if (entry.Route(lanes))
            _entries.TryRemove(position, out _);
    }

    /// <summary>A lane is through with an event.</summary>
    public void Settle(Position position, string lane, PutOutcome outcome, string? reason)
    {
        if (_entries.TryGetValue(position, out var entry) && entry.Settle(lane, outcome, reason))
            _entries.TryRemove(position, out _);
    }

    /// <summary>Of all events before <paramref name="end"/> that are for the lane, those it is not through with will never come to it.</summary>
    public void SettleLost(string lane, ulong end, string reason)
    {
        foreach (var (position, entry) in _entries)
        {
            if (position.Offset < end && entry.SettleLost(lane, reason))
                _entries.TryRemove(position, out _);
        }
    }

    public async ValueTask<PutResult> WaitAsync(PutResult accepted, Receipt receipt, CancellationToken cancellationToken)
    {
        var entry = _entries.GetOrAdd(accepted.Position, static _ => new Entry());
        var (task, isOver) = entry.Want(receipt);
        if (isOver)
            _entries.TryRemove(accepted.Position, out _);
        // All lanes may have been through before we came: then the entry we look at is a new one that nobody completes.
        if (_stopped)
            entry.Abandon();
        var (outcome, reason) = await task.WaitAsync(cancellationToken).ConfigureAwait(false);
        return accepted with { Outcome = outcome, Reason = reason };
    }

    /// <summary>Nothing more will be delivered.</summary>
    public void AbandonAll()
    {
        _stopped = true;
        foreach (var (position, entry) in _entries)
        {
            entry.Abandon();
            _entries.TryRemove(position, out _);
        }
    }

    private sealed class Entry
    {
        private readonly Lock _lock = new();
        private readonly List<(string Lane, PutOutcome Outcome, string? Reason)> _settled = [];
        private TaskCompletionSource<(PutOutcome, string?)>? _waiter;
        private Receipt _receipt;
        private string[]? _lanes;
        private bool _wanted;

        public (Task<(PutOutcome, string?)> Answer, bool IsOver) Want(Receipt receipt)
        {
            lock (_lock)
            {
                _wanted = true;
                _receipt = receipt;
                _waiter ??= new TaskCompletionSource<(PutOutcome, string?)>(TaskCreationOptions.RunContinuationsAsynchronously);
                Answer();
                return (_waiter.Task, IsOver());
            }
        }

        public bool Route(string[] lanes)
        {
            lock (_lock)
            {
                _lanes = lanes;
                Answer();
                return IsOver();
            }
        }

        public bool Settle(string lane, PutOutcome outcome, string? reason)
        {
            lock (_lock)
            {
                // One added later, from the oldest event: the set was fixed when the event was accepted.
                if (_lanes is not null && Array.IndexOf(_lanes, lane) < 0)
                    return false;
                _settled.RemoveAll(each => each.Lane == lane);
                _settled.Add((lane, outcome, reason));
                Answer();
                return IsOver();
            }
        }

        public bool SettleLost(string lane, string reason)
        {
            lock (_lock)
                return _lanes is not null && !_settled.Exists(each => each.Lane == lane) && Settle(lane, PutOutcome.Dropped, reason);
        }

        public void Abandon()
        {
            lock (_lock)
                _waiter?.TrySetResult((PutOutcome.Abandoned, "the bus stopped before every lane was through"));
        }

        // Kept until the caller has asked, however late; the caller always asks, or was cancelled before it could.
        private bool IsOver() => _wanted && _lanes is not null && _settled.Count >= _lanes.Length;

        private void Answer()
        {
            if (_waiter is null || _lanes is null || _waiter.Task.IsCompleted)
                return;
            var match = _receipt.Selector is { } selector ? LaneSelector.Create(selector) : null;
            var wanted = match is null ? _lanes : Array.FindAll(_lanes, lane => match(lane));
            if (wanted.Length == 0)
            {
                _waiter.TrySetResult((PutOutcome.Unmatched, "no lane that the receipt asked for wants this event"));
                return;
            }
            var through = _settled.FindAll(each => Array.IndexOf(wanted, each.Lane) >= 0);
            if (_receipt.Kind == Receipt.Level.DeliveredAny && through.Exists(each => each.Outcome == PutOutcome.Delivered))
                _waiter.TrySetResult((PutOutcome.Delivered, null));
            else if (through.Count == wanted.Length)
                _waiter.TrySetResult(through.Select(each => (each.Outcome, each.Reason)).MaxBy(each => each.Outcome));
        }
    }
}
