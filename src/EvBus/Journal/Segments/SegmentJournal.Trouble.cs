namespace EvBus.Journal;

// What is the matter with it, for those who look from outside.
internal sealed partial class SegmentJournal
{
    /// <summary>Why it accepts nothing at present; null as long as nothing is known to be wrong. Takes no lock.</summary>
    public string? Trouble =>
        _failure is { } failure ? $"the journal cannot write ({failure})" : Volatile.Read(ref _isFull) ? "there is no room on the journal's disk"
        : Volatile.Read(ref _waitsFor) is { } waits ? $"the journal can make no file at present ({waits}); it is tried again each second"
        : null;
}
