using System.Runtime.ExceptionServices;

namespace EvBus.Journal;

/// <summary>
/// What happened under the journal's gate and has to be told to somebody: a lane, a log, a receipt. Notes are added under the gate and told
/// after it, in order, by one thread at a time: so nothing foreign ever runs under the gate, and nobody waits for the one that tells.
/// </summary>
internal sealed class GateOutbox(Lock gate)
{
    private List<Action> _notes = [];
    private List<Action> _spare = [];
    private volatile bool _hasNotes;
    private bool _isTelling;

    /// <summary>Under the gate.</summary>
    public void Add(Action note)
    {
        _notes.Add(note);
        _hasNotes = true;
    }

    /// <summary>Tells what there is. Never under the gate.</summary>
    public void Tell()
    {
        if (_hasNotes)
            TellAll();
    }

    private void TellAll()
    {
        lock (gate)
        {
            // Whoever tells goes on until there is nothing left; a note told may lead to others.
            if (_isTelling)
                return;
            _isTelling = true;
        }
        ExceptionDispatchInfo? first = null;
        while (TryTake(out var notes))
        {
            foreach (var note in notes)
            {
                try
                {
                    note();
                }
                catch (Exception e)
                {
                    // A defect. Whoever waits for one of the notes behind it is told all the same.
                    first ??= ExceptionDispatchInfo.Capture(e);
                }
            }
            notes.Clear();
        }
        first?.Throw();
    }

    private bool TryTake(out List<Action> notes)
    {
        lock (gate)
        {
            notes = _notes;
            if (notes.Count == 0)
            {
                _hasNotes = _isTelling = false;
                return false;
            }
            (_notes, _spare) = (_spare, notes);
            return true;
        }
    }
}
